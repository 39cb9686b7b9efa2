"""`crier health`, which container engines and scripts ask."""

import contextlib
import signal
import socket
import subprocess
import threading

import pytest

from broker_process import BINARY, SLOWNESS, eventually
from clients import connect


def health(*flags):
    return subprocess.run([BINARY, "health", *flags], capture_output=True, text=True, timeout=30 * SLOWNESS,
                          check=False)


def asked(url, code):
    done = health("--url", url)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


@contextlib.contextmanager
def stranger(answer):
    """Somebody who answers one connection like this; None: never. Yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with contextlib.suppress(OSError), server.accept()[0] as peer:
                peer.recv(4096)
                if answer is None:
                    peer.recv(4096)  # until the other side gives up
                else:
                    peer.sendall(answer)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=20 * SLOWNESS)


def test_a_broker_that_is_well_says_so(broker):
    url = f"http://127.0.0.1:{broker.admin_port}"
    assert asked(f"{url}/readyz", 0) == f"{url}/readyz: ready\n"
    assert asked(url, 0) == f"{url}/readyz: ready\n"
    assert asked(f"{url}/healthz", 0) == f"{url}/healthz: ok\n"
    assert asked(f"http://localhost:{broker.admin_port}/readyz", 0)


async def test_a_broker_that_drains_is_not_ready_and_still_alive(start_broker):
    # With a hundred connections a drain takes up to five seconds, in which it answers.
    broker = start_broker()
    url = f"http://127.0.0.1:{broker.admin_port}"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(connect(broker))
        broker.signal(signal.SIGTERM)
        eventually(lambda: health("--url", url).returncode == 1)
        assert asked(url, 1) == f"crier health: {url}/readyz: not ready: draining.\n"
        asked(f"{url}/healthz", 0)


def test_nobody_there_is_told_with_the_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert asked(f"http://127.0.0.1:{port}/readyz", 1) == (
        f"crier health: http://127.0.0.1:{port}/readyz: Connection refused.\n")


def test_who_never_answers_costs_five_seconds():
    with stranger(None) as port:
        assert "timed out" in asked(f"http://127.0.0.1:{port}/readyz", 1)


@pytest.mark.parametrize("answer, told", [
    (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
    (b"", "does not speak HTTP"),
    (b"HTTP/1.1 503 X\r\n\r\nnot ready: draining\n", ": not ready: draining."),
    (b"HTTP/1.1 500 X\r\n\r\n\x1b[2J\n", "it answered 500"),
    (b"HTTP/1.1 404 X\r\n\r\n<html>no</html>", "it answered 404"),
    (b"HTTP/1.1 200\r\n" + b"x" * 1_000_000, "does not speak HTTP"),
])
def test_who_is_no_broker_is_not_well(answer, told):
    with stranger(answer) as port:
        assert told in asked(f"http://127.0.0.1:{port}/readyz", 1)


@pytest.mark.parametrize("url", ["", "127.0.0.1:9008", "https://127.0.0.1:9008/readyz", "http://127.0.0.1/readyz",
                                 "http://u:p@127.0.0.1:9008/", "http://127.0.0.1:99999/", "http://a b:1/",
                                 "http://127.0.0.1:9008/\r\nX: y", "http:///readyz"])
def test_a_url_that_is_none_is_a_wrong_option(url):
    assert "expected http://HOST:PORT/readyz" in asked(url, 2)


def test_wrong_options_and_help():
    assert health("--port", "1").returncode == 2
    assert "Exit codes: 0" in health("--help").stdout
