"""A service manager in small: it keeps the listening socket, and puts one broker after another behind it."""

import fcntl
import os
import signal
import socket
import subprocess

from broker_process import BUILD, SLOWNESS, Broker

STORM_CLIENT = BUILD / "tests" / "bench" / "storm" / "crier_bench_storm"
# The socket becomes descriptor 3, and the broker learns from LISTEN_PID that it is meant (sd_listen_fds(3)).
PASS_SOCKET = 'eval "exec 3<&$0 $0<&-"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
BACKLOG = 4096


class Activated(Broker):
    """A broker that is given its listening socket."""

    def __init__(self, folder, listener):
        super().__init__(folder)
        # Never 3 itself, so that the shell can close what it was given.
        self.socket = fcntl.fcntl(listener, fcntl.F_DUPFD, 10)

    def command(self, *flags, config="", threads=2):
        return ["bash", "-c", PASS_SOCKET, str(self.socket), *super().command(*flags, config=config, threads=threads)]

    def inherited(self):
        return (self.socket,)


class Supervisor:
    """Restarts its broker in two ways."""

    def __init__(self, folder, config, threads=2):
        self.folder = folder
        self.config = config.format(state=folder / "state")
        self.threads = threads
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.port = self.listener.getsockname()[1]
        self.brokers = []

    @property
    def broker(self):
        """The newest one."""
        return self.brokers[-1]

    def _start(self, broker, *flags):
        self.brokers.append(broker)
        broker.listen = f"127.0.0.1:{self.port}"
        broker.start(*flags, config=self.config, threads=self.threads)

    def _folder(self):
        return self.folder / f"broker-{len(self.brokers)}"

    @staticmethod
    def _await_end(broker):
        assert broker.process.wait(timeout=60 * SLOWNESS) == 0, broker.said()
        broker.stop()

    def start(self):
        broker = Activated(self._folder(), self.listener.fileno())
        self._start(broker)
        os.close(broker.socket)

    def restart(self):
        """The simple way: the old one ends, the new one starts. Who connects in between waits in the backlog."""
        old = self.broker
        old.signal(signal.SIGTERM)
        self._await_end(old)
        self.start()

    def hand_over(self):
        """The new one takes over from the old one while it runs, its socket too; the old one drains and ends."""
        old = self.broker
        self._start(Broker(self._folder()), "--take-over")
        self._await_end(old)

    def stop(self):
        self.listener.close()
        for broker in self.brokers:
            broker.stop()


class StormClient:
    """The storm client's `restart` mode: it publishes and listens, whatever happens to the broker meanwhile."""

    def __init__(self, supervisor, **options):
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        flags += ["--tls"] * supervisor.broker.secure
        self.process = subprocess.Popen(
            [STORM_CLIENT, "restart", "--port", str(supervisor.port), *flags], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    def wait_until_running(self):
        """All are connected, and messages flow."""
        for line in self.process.stderr:
            if line == "running\n":
                return
            self.said += line
        raise AssertionError(self.said)

    def finish(self, timeout=60):
        """(exit status, the line of JSON, what it complained of): no new messages, then what is outstanding."""
        self.process.send_signal(signal.SIGTERM)
        output, errors = self.process.communicate(timeout=timeout * SLOWNESS)
        return self.process.returncode, output, self.said + errors

    def kill(self):
        self.process.kill()
        self.process.communicate()
