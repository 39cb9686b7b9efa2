"""The command line as a user has it: `crier` with words, pipes and a terminal."""

import fcntl
import os
import pty
import queue
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from broker_process import BINARY, SLOWNESS
from tokens import SECRET

PATIENCE = 20 * SLOWNESS
SHORT = f"{0.4 * SLOWNESS}"  # long enough for a command to connect and to get what is there

HISTORY = '[namespace.default]\nhistory = { messages = 1000, age = "10m" }\npresence = true\n'


def closed(*services):
    """A configuration in which nobody may anything that a token or one of these keys does not grant."""
    return f"""[server]
hosts = ["broker.test"]
[auth.jwt]
secret = "{SECRET}"
[namespace.default]
subscribe = "granted"
publish = "granted"
""" + "".join(service.toml() for service in services)


def trusted(broker):
    """Options for a broker that may speak TLS, as in a run of all tests over it."""
    return ["--url", broker.websocket_url] + (["--ca-file", str(broker.authority)] if broker.secure else [])


def environment(**more):
    """Ours without what the commands would look at; a value of None leaves a name out."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("CRIER_") and name not in ("NO_COLOR", "TERM")}
    kept.update({name: str(value) for name, value in more.items() if value is not None})
    return kept


def run(*words, stdin="", exit_code=0, **variables):
    """(standard output, standard error) of one that ends by itself."""
    done = subprocess.run([BINARY, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=PATIENCE,
                          env=environment(**variables), check=False)
    assert done.returncode == exit_code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


class Running:
    """One that goes on: its lines as they come. `slow`: nobody reads its output but the test, when it likes."""

    def __init__(self, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, slow=False, **variables):
        self.process = subprocess.Popen([BINARY, *map(str, words)], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                                        env=environment(**variables))
        self.lines, self.errors = queue.Queue(), queue.Queue()
        self.said = []
        self.slow = slow
        self._pass_on(None if slow else self.process.stdout, self.lines)
        self._pass_on(self.process.stderr, self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout if self.slow else None):
            if stream:
                stream.close()

    def _pass_on(self, stream, lines):
        if stream is None:
            return

        def read():
            for line in stream:
                self.said.append(line)
                lines.put(line.decode().rstrip("\n"))
            stream.close()
        threading.Thread(target=read, daemon=True).start()

    def line(self):
        """The next line of standard output."""
        try:
            return self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no line came; it said {self.said}") from None

    def error(self, pattern):
        """The next line of standard error that matches."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.errors.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"nothing like {pattern!r}; it said {self.said}") from None
            if re.search(pattern, line):
                return line

    def signal(self, which=signal.SIGINT):
        self.process.send_signal(which)

    def end(self, exit_code=0):
        """Waits for it."""
        code = self.process.wait(timeout=PATIENCE)
        assert code == exit_code, f"exit code {code}; it said {self.said}"


class OnTerminal:
    """One whose standard streams are a terminal of our own. `session`: that is its controlling one, as in a shell."""

    def __init__(self, *words, columns=80, rows=24, **variables):
        self.controller, self.terminal = pty.openpty()
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self.terminal)
        variables.setdefault("TERM", "xterm-256color")
        self.process = subprocess.Popen(
            [BINARY, *map(str, words)], stdin=self.terminal, stdout=self.terminal, stderr=self.terminal,
            env=environment(**variables), start_new_session=True)
        self.output = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.controller)
        os.close(self.terminal)

    def resize(self, columns, rows, tell=True):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def read(self, seconds=0.05):
        """What came, as far as it is there."""
        while select.select([self.controller], [], [], seconds)[0]:
            self.output += os.read(self.controller, 65536).decode(errors="replace")
        return self.output

    def until(self, pattern):
        """Reads until it is there; what is behind the match stays for the next."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.output, re.S)):
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing like {pattern!r} in {self.output!r}")
            self.read()
        self.output = self.output[match.end():]
        return match

    def type(self, keys):
        os.write(self.controller, keys.encode())

    def end(self, exit_code=0):
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        assert self.process.returncode == exit_code, (self.process.returncode, self.output)

    def settings(self):
        return termios.tcgetattr(self.terminal)
