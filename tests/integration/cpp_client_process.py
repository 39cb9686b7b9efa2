"""The C++ client library as a process that does what a test says and tells what happens, and a proxy that cuts."""

import contextlib
import json
import queue
import socket
import struct
import subprocess
import threading
import time

from broker_process import BUILD, SANITIZER_REPORT, SLOWNESS
from tokens import SECRET

PROGRAM = BUILD / "tests" / "integration" / "cpp_client" / "crier_test_cpp_client"
PATIENCE = 15 * SLOWNESS
# What many of these tests want of their broker.
KEEP = '[namespace.default]\nhistory = { messages = 100_000, age = "1h" }\n'
JWT = f'[server]\nhosts = ["127.0.0.1"]\n[auth.jwt]\nsecret = "{SECRET}"\n'


class CppClient:
    """A process with one client; use it as a context, which fails on what a sanitizer reports."""

    def __init__(self, url, folder, **options):
        defaults = {"url": url, "backoff_initial_ms": 20, "backoff_max_ms": 200,
                    "connect_timeout_ms": 10_000 * SLOWNESS, "command_timeout_ms": 30_000 * SLOWNESS}
        folder.mkdir(parents=True, exist_ok=True)
        self.errors = folder / f"client-{time.monotonic_ns()}.stderr"
        with open(self.errors, "wb") as stderr:
            self.process = subprocess.Popen([str(PROGRAM), json.dumps({**defaults, **options})], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.lines = queue.Queue()
        self.seen = []  # everything
        self.kept = []  # of that, what nobody has asked for yet
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=0.1 if kind else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.errors.read_text(encoding="utf-8", errors="replace")
        assert not SANITIZER_REPORT.search(said), said

    def do(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()

    def next(self, *events, seconds=PATIENCE):
        """The next line that tells one of these events (any, without names); the others are kept for later."""
        deadline = time.monotonic() + seconds
        for index, line in enumerate(self.kept):
            if not events or line["event"] in events:
                return self.kept.pop(index)
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"no {events}; it said {self.seen[-20:]} and {self.errors.read_text()[-2000:]}"
            self.seen.append(line)
            if not events or line["event"] in events:
                return line
            self.kept.append(line)

    def answer(self, what, **fields):
        """What a command is answered with."""
        self.do(what, **fields)
        line = self.next("done", "failed", "refused")
        return line["value"] if line["event"] == "done" else line["error"]

    def subscribe(self, channel, **fields):
        self.do("subscribe", channel=channel, **fields)
        return self.next("subscribed", "ended", "refused")

    def messages(self, count, seconds=PATIENCE):
        """The data of so many messages."""
        return [self.next("message", seconds=seconds)["data"] for _ in range(count)]

    def close(self):
        self.do("close")
        self.next("bye")
        self.process.stdin.close()
        assert self.process.wait(timeout=PATIENCE) == 0


class CuttingProxy:
    """Forwards to a port of this machine. Each connection that begins asks `plan(number)` what becomes of it:
    None: nothing; a number n: after n bytes towards the client it is cut; "stall": nothing is forwarded any more
    after `stall_after` bytes; "refuse": closed at once; bytes: that is the answer, and the end."""

    def __init__(self, port, plan=lambda number: None, reset=False, stall_after=10_000):
        self.target = port
        self.plan = plan
        self.reset = reset
        self.stall_after = stall_after
        self.count = 0
        self.up_bytes = 0  # towards the broker, of all connections
        self.open = set()
        self.brokers = set()
        self.stopped = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/message"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.listener.close()
        self.cut_all()

    def cut_all(self):
        for one in list(self.open):
            self._end(one)

    def _end(self, one):
        self.open.discard(one)
        with contextlib.suppress(OSError):
            if self.reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                plan = self.plan(self.count)
                self.count += 1
                if plan == "refuse":
                    client.close()
                    continue
                if isinstance(plan, bytes):
                    client.recv(65536)
                    client.sendall(plan)
                    client.close()
                    continue
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                broker = socket.create_connection(("127.0.0.1", self.target))
                self.open |= {client, broker}
                self.brokers.add(broker)
                threading.Thread(target=self._pump, args=(client, broker, None), daemon=True).start()
                threading.Thread(target=self._pump, args=(broker, client, plan), daemon=True).start()

    def _pump(self, source, sink, limit):
        passed = 0
        stall = limit == "stall"
        most = self.stall_after if stall else limit
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if most is not None and passed + len(data) >= most:
                    sink.sendall(data[:most - passed])
                    if stall:
                        while source.recv(65536):
                            pass
                    break
                if limit is None:  # counted first, so that what is answered has been counted
                    self.up_bytes += len(data) * (sink in self.brokers)
                sink.sendall(data)
                passed += len(data)
        self._end(sink)
        self._end(source)
