"""As much of a container engine as these tests want: a root that is not written to, volumes, a user, no rights.

What it does not do: limits of memory and CPU, networks. All containers share the network of the test run, in which
192.0.2.2 stands for the address that a container has beside its loopback.
"""

import contextlib
import dataclasses
import os
import pathlib
import shlex
import signal
import subprocess
import time

ADDRESS = "192.0.2.2"
# Services call each other by their names.
HOSTS = f"127.0.0.1 localhost\n{ADDRESS} crier prometheus\n"


@dataclasses.dataclass
class Image:
    """`config`: as Docker's inspect has it."""

    root: pathlib.Path
    config: dict


def duration(text):
    """Seconds of "10s" or "1m"."""
    return float(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


class Container:
    """Starts with its constructor. `log`: both of its streams."""

    def __init__(self, folder, image, command, *, user, environment, volumes, entrypoint=None, descriptors=None):
        folder.mkdir()
        self.image, self.user, self.environment = image, user, environment
        self.log_file = folder / "log"
        words = (image.config.get("Entrypoint") or []) if entrypoint is None else entrypoint
        program = shlex.join(self._confined(folder, words + command, descriptors))
        script = f"{self._mounts(folder, volumes)}exec {program}"
        with open(self.log_file, "wb") as log:
            # `unshare` waits for its child, which is number 1 inside.
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--propagation", "private",
                 "/bin/bash", "-euc", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.pid = self._inner_pid()

    def _mounts(self, folder, volumes):
        root = folder / "root"
        for part in ("root", "upper", "work", "hosts"):
            (folder / part).mkdir() if part != "hosts" else (folder / part).write_text(HOSTS, encoding="ascii")
        # An overlay, so that mount points can be made; it is not written to afterwards.
        lines = [f"mount -t overlay overlay -o lowerdir={self.image.root},upperdir={folder}/upper,"
                 f"workdir={folder}/work {root}",
                 f"mkdir -p {root}/proc {root}/dev {root}/tmp",
                 f"mount -t proc -o nosuid,nodev,noexec proc {root}/proc", f"mount --rbind /dev {root}/dev",
                 f"mount --bind {folder}/hosts {root}/etc/hosts"]
        for source, target, read_only in volumes:
            make = f"mkdir -p {root}{target}" if pathlib.Path(source).is_dir() else (
                f"mkdir -p {root}{pathlib.Path(target).parent} && touch {root}{target}")
            lines += [make, f"mount --bind {source} {root}{target}"]
            if read_only:
                lines.append(f"mount -o remount,bind,ro {root}{target}")
        return "\n".join(lines + [f"mount -o remount,ro {root}", ""])

    def _confined(self, folder, words, descriptors):
        user, group = self.user.split(":")
        limit = ["prlimit", f"--nofile={descriptors}"] if descriptors else []
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        return limit + ["chroot", str(folder / "root"), "/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}",
                        "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
                        "/usr/bin/env", "-i"] + environment + words

    def _inner_pid(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if found := children.read_text(encoding="ascii").split():
                    return int(found[0])
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        return None  # it has ended already

    @property
    def log(self):
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def run(self, words, timeout=30):
        """A command inside, as `docker exec` runs it: (exit code, what it said)."""
        user, group = self.user.split(":")
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--ipc", "--uts", "--root", "--wd",
             "/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs",
             "--bounding-set=-all", "/usr/bin/env", "-i"]
            + [f"{name}={value}" for name, value in self.environment.items()] + words,
            capture_output=True, text=True, timeout=timeout, check=False)
        return done.returncode, done.stdout + done.stderr

    def until_healthy(self, test, seconds):
        """`test`: ["CMD", …], as both Dockerfile and Compose have it."""
        assert test[0] == "CMD", test
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, f"it has ended:\n{self.log}"
            code, said = self.run(test[1:])
            if code == 0:
                return said
            assert time.monotonic() < deadline, f"not healthy within {seconds} s: {said}\n{self.log}"
            time.sleep(0.1)

    def wait(self, seconds=30):
        """Its exit code."""
        return self.process.wait(timeout=seconds)

    def stop(self, seconds, which=signal.SIGTERM):
        """Its exit code; who is not gone by then is killed, and that is a fault."""
        os.kill(self.pid, which)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop within {seconds} s:\n{self.log}") from None

    def kill(self):
        if self.process.poll() is None and self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)  # `unshare` ends with it
        self.process.wait()


class Engine:
    def __init__(self, folder):
        self.folder = folder
        self.containers = []

    def start(self, image, command=None, *, user=None, environment=None, volumes=(), **options):
        """`command` None: the image's own. `volumes`: (folder or file, where, read only?)."""
        words = list(image.config.get("Cmd") or []) if command is None else list(command)
        from_image = dict(entry.split("=", 1) for entry in image.config.get("Env") or [])
        container = Container(self.folder / f"container-{len(self.containers)}", image, words,
                              user=user or image.config["User"], environment=from_image | (environment or {}),
                              volumes=list(volumes), **options)
        self.containers.append(container)
        return container

    def volume(self, name, like=None):
        """A named volume; a new one takes owner and mode of the folder `like`, which it lies upon."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
            if like is not None and like.is_dir():
                info = like.stat()
                os.chown(folder, info.st_uid, info.st_gid)
                folder.chmod(info.st_mode & 0o7777)
        return folder

    def end(self):
        for container in self.containers:
            container.kill()
