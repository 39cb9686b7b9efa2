"""Server-sent events as a client sees them, and what a test cuts or reads line by line."""

import contextlib
import json
import pathlib
import queue
import select
import socket
import subprocess
import threading
import urllib.parse

from broker_process import SLOWNESS
from clients import RawHttp, request
from http_wire import get, post

FOLDER = pathlib.Path(__file__).parent
ACCEPT = "Accept: text/event-stream\r\n"
PATIENCE = 15 * SLOWNESS


def target(*channels, **query):
    """The path of a stream. A channel is its name, or its name and where it goes on."""
    fields = []
    for channel in channels:
        fields += [("channel", channel)] if isinstance(channel, str) else zip(("channel", "since"), channel)
    return "/message?" + urllib.parse.urlencode(fields + list(query.items()))


def publish(broker, *messages):
    """Publishes (channel, data) pairs in one request, in order; their positions."""
    commands = [{"op": "publish", "channel": channel, "data": data} for channel, data in messages]
    answer = request(broker, post(broker, commands))
    assert answer.status == 200, answer.body
    return [reply["position"] for reply in answer.json()]


class Event:
    """One block of a stream, by the rules of WHATWG HTML 9.2.6."""

    def __init__(self, lines):
        self.name, self.id, self.data, self.retry, self.comment = "message", None, None, None, None
        for line in lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "":
                self.comment = value
            elif field == "event":
                self.name = value
            elif field == "data":
                assert self.data is None, "a second line of data"
                self.data = json.loads(value)
            elif field in ("id", "retry"):
                setattr(self, field, value)
            else:
                raise AssertionError(f"no field of a stream: {line}")

    def __repr__(self):
        return str(vars(self))


class NoStream(Exception):
    """Another answer than a stream."""

    def __init__(self, answer):
        super().__init__(f"{answer.status} {answer.body}")
        self.answer = answer


class Stream(RawHttp):
    """A stream over a raw socket, after its head; or NoStream."""

    def __init__(self, broker, *channels, headers="", **query):
        super().__init__(broker)
        self.send(get(broker, target(*channels, **query), ACCEPT + headers))
        self.head = self.answer(body=False)
        if self.head.status != 200:
            self.head.body = self.stream.read(int(self.head.headers["content-length"]))
            self.__exit__()
            raise NoStream(self.head)
        self.last_event_id = None
        self.early = []  # messages of one channel that came before another one's `subscribed`

    def block(self):
        """The next block of lines; EOFError at the end of the stream."""
        lines = []
        while (line := self.stream.readline()) != b"\n":
            if not line.endswith(b"\n"):
                raise EOFError
            lines.append(line.decode().rstrip("\n"))
        event = Event(lines)
        self.last_event_id = event.id or self.last_event_id
        return event

    def event(self, name=None):
        """The next event that has data."""
        while (event := self.block()).data is None:
            pass
        assert event.data["op"] == event.name
        assert name in (None, event.name), event
        return event

    def messages(self, count):
        """(channel, data) of the next `count` messages."""
        events = [self.early.pop(0) if self.early else self.event("message") for _ in range(count)]
        return [(event.data["channel"], event.data["data"]) for event in events]

    def subscribed(self, count=1):
        """The `subscribed` events of a new stream, by channel."""
        assert self.event().name == "welcome"
        found = {}
        while len(found) < count:
            event = self.event()
            if event.name == "message" and event.data["channel"] in found:
                self.early.append(event)
                continue
            assert event.name == "subscribed", event
            found[event.data["channel"]] = event.data
        return found


class Relay:
    """A TCP relay in front of the broker, whose connections the test cuts."""

    def __init__(self, broker):
        self.broker_port = broker.port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.open_pairs = []
        self.accepting = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with self.lock:
                    if not self.accepting:
                        client.close()
                        continue
                    upstream = socket.create_connection(("127.0.0.1", self.broker_port))
                    self.open_pairs.append((client, upstream))
                threading.Thread(target=self._carry, args=(client, upstream), daemon=True).start()

    @staticmethod
    def _carry(client, upstream):
        other = {client: upstream, upstream: client}
        with contextlib.suppress(OSError, ValueError):
            while True:
                for source in select.select(list(other), [], [])[0]:
                    if not (data := source.recv(65536)):
                        raise OSError
                    other[source].sendall(data)
        for side in other:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Ends every connection, and every new one until `mend`."""
        with self.lock:
            self.accepting = False
            for pair in self.open_pairs:
                for side in pair:
                    with contextlib.suppress(OSError):
                        side.shutdown(socket.SHUT_RDWR)
            self.open_pairs.clear()

    def mend(self):
        with self.lock:
            self.accepting = True

    def close(self):
        self.cut()
        self.listener.close()


class Lines:
    """A process whose standard output is read line by line, with patience."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def next(self, patience=PATIENCE):
        line = self.lines.get(timeout=patience)
        assert line is not None, "the process ended"
        return line

    def until(self, wanted):
        """The lines up to the first that `wanted` accepts, parsed."""
        seen = []
        while not seen or not wanted(seen[-1]):
            seen.append(json.loads(self.next()))
        return seen
