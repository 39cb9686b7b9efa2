"""The broker as a process: started, found by the addresses that it prints, watched, stopped, judged."""

import http.client
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CRIER_BUILD_DIR", ROOT / "build" / "release"))
BINARY = os.environ.get("CRIER_BIN", str(BUILD / "crier"))
LOAD_CLIENT = BUILD / "tests" / "integration" / "load" / "crier_test_load"
SCALE = float(os.environ.get("CRIER_TEST_SCALE", "1"))
SANITIZED = os.environ.get("CRIER_TEST_SANITIZED", "")
# Every broker of the run speaks TLS with the server.pem and server.key of that folder, whose authority is ca.pem.
TLS_FOLDER = os.environ.get("CRIER_TEST_TLS", "")
SLOWNESS = {"": 1, "address": 4, "thread": 8}[SANITIZED]

SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|Sanitizer: CHECK failed")
ADDRESS = re.compile(r"(listening|administration) on (https?)://([0-9.]+|\[[0-9a-f:]+\]):(\d+)/")


def scaled(count, at_least=1):
    """A count of a load test, smaller in sanitizer runs."""
    return max(at_least, int(count * SCALE))


def eventually(condition, seconds=10):
    """Asks until the answer is true, and returns it; fails when the time is over."""
    deadline = time.monotonic() + seconds * SLOWNESS
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * SLOWNESS} s: {condition}")
        time.sleep(0.01)
    return answer


class Broker:
    """Start it once, stop it once. Its standard error is in a file, its standard output in lines."""

    _recent = []

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.listen = "127.0.0.1:0"
        self.lines = []
        self.process = None
        self.pid = None
        self.port = self.admin_port = None
        self.secure = False  # does its listener speak TLS?
        self.authority = f"{TLS_FOLDER}/ca.pem"  # what a client has to believe then
        self.expected_exit_code = 0
        self.signalled = False

    @classmethod
    def alive_or_last(cls):
        alive = [b for b in cls._recent if b.process and b.process.poll() is None]
        return alive or cls._recent[-1:]

    @property
    def url(self):
        return f"http{'s' * self.secure}://127.0.0.1:{self.port}"

    @property
    def websocket_url(self):
        return f"ws{'s' * self.secure}://127.0.0.1:{self.port}/message"

    def command(self, *flags, config="", threads=2):
        if TLS_FOLDER and "[tls]" not in config:
            config += f'\n[tls]\ncertificate = "{TLS_FOLDER}/server.pem"\nprivate_key = "{TLS_FOLDER}/server.key"\n'
        command = [BINARY, "serve", "--listen", self.listen, "--admin", "127.0.0.1:0", "--threads", str(threads)]
        if config:
            file = self.folder / "crier.toml"
            file.write_text(config, encoding="utf-8")
            command += ["--config", str(file)]
        return command + list(flags)

    def inherited(self):
        """Descriptors that the process gets beside the standard ones."""
        return ()

    def start(self, *flags, config="", threads=2):
        """Ready when it returns."""
        try:
            self._start(*flags, config=config, threads=threads)
        except BaseException:
            if self.process:
                self.process.kill()
                self.process.wait()
                self.process = None
            raise

    def _start(self, *flags, config, threads):
        Broker._recent = Broker._recent[-3:] + [self]
        with open(self.folder / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                self.command(*flags, config=config, threads=threads), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=stderr, text=True, pass_fds=self.inherited())
        self.pid = self.process.pid
        lines = queue.Queue()
        threading.Thread(target=self._read_output, args=(lines,), daemon=True).start()
        deadline = time.monotonic() + 20 * SLOWNESS
        while self.port is None or self.admin_port is None:
            try:
                line = lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError("the broker printed no addresses:\n" + self.said())
            if match := ADDRESS.search(line):
                setattr(self, "port" if match[1] == "listening" else "admin_port", int(match[4]))
                self.secure = self.secure or match[2] == "https"
        eventually(lambda: self.admin("/readyz")[0] == 200)

    def _read_output(self, lines):
        for line in self.process.stdout:
            self.lines.append(line)
            lines.put(line)
        lines.put(None)

    def errors(self):
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    def said(self):
        return "".join(self.lines[-50:]) + self.errors()[-20000:]

    def signal(self, which=signal.SIGTERM):
        self.signalled = True
        self.process.send_signal(which)

    def stop(self):
        """Ends it as an operator would, and looks for what a healthy broker does not leave behind."""
        if self.process is None:
            return
        if self.process.poll() is None and not self.signalled:
            self.signal()
        try:
            code = self.process.wait(timeout=40 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError("the broker did not stop:\n" + self.said()) from None
        self.process = None
        said = self.said()
        assert not SANITIZER_REPORT.search(self.errors()), said
        assert code == self.expected_exit_code, f"exit code {code} of process {self.pid}\n{said}"

    def admin(self, path):
        """(status, body) of the administrative listener; (0, reason) when it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10 * SLOWNESS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def metrics(self):
        """{'name{label="x"}': value} of a scrape."""
        status, text = self.admin("/metrics")
        assert status == 200, text
        samples = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def metric(self, name, **labels):
        """The sum of a family's samples that carry these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for key, value in self.metrics().items()
                   if key.partition("{")[0] == name and all(label in key for label in wanted))

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
