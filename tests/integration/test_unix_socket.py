"""A listener in the file system: who may connect is the file's permissions' to say."""

import os
import signal
import socket
import stat
import subprocess

import pytest

from broker_process import BINARY, SLOWNESS, eventually
from clients import PATIENCE, upgrade_request


@pytest.fixture
def path(tmp_path):
    return tmp_path / "crier.sock"


def dial(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(path))
    return connection


def test_requests_and_websockets_are_served_beside_a_tcp_listener(start_broker, path):
    broker = start_broker("--listen", f"unix:{path}")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    done = subprocess.run(["curl", "-sS", "--max-time", "10", "--unix-socket", str(path), "http://localhost/message",
                           "-d", '{"op":"ping"}'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.stdout == '{"op":"pong"}', done.stderr
    with dial(path) as connection:
        connection.sendall(upgrade_request(broker, "/message?channel=u", host="localhost").encode())
        got = b""
        while b'"op":"subscribed"' not in got:
            piece = connection.recv(65536)
            assert piece, got
            got += piece
    eventually(lambda: broker.metric("crier_websockets") == 0)


def test_the_file_goes_with_the_broker(start_broker, path):
    broker = start_broker("--listen", f"unix:{path}")
    with dial(path):
        broker.signal(signal.SIGTERM)
        broker.process.wait(timeout=20 * SLOWNESS)
    assert not path.exists()


def test_a_socket_that_nobody_listens_on_is_replaced(start_broker, path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert path.exists()
    start_broker("--listen", f"unix:{path}")
    dial(path).close()


def test_a_successors_file_is_left_alone(start_broker, path):
    broker = start_broker("--listen", f"unix:{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(path))
        broker.signal(signal.SIGTERM)
        broker.process.wait(timeout=20 * SLOWNESS)
        assert path.exists()


@pytest.mark.parametrize("what", ["somebody_listens", "a_file", "no_folder"])
def test_what_cannot_be_listened_on_is_told(path, what):
    with socket.socket(socket.AF_UNIX) as other:
        if what == "somebody_listens":
            other.bind(str(path))
            other.listen()
        elif what == "a_file":
            path.write_text("precious", encoding="ascii")
        else:
            path = path / "below" / "nothing"
        done = subprocess.run([BINARY, "serve", "--listen", f"unix:{path}", "--admin", "127.0.0.1:0"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOWNESS,
                              check=False)
        assert done.returncode != 0
        expected = {"somebody_listens": "another process does", "a_file": "no socket", "no_folder": "cannot listen on"}
        assert expected[what] in done.stderr and f"unix:{path}" in done.stderr
    if what == "a_file":
        assert path.read_text(encoding="ascii") == "precious"


def test_tls_is_for_tcp_alone(start_broker, authority, path):
    broker = start_broker("--listen", f"unix:{path}", config=authority.config())
    assert broker.secure
    with dial(path) as connection:
        connection.sendall(b"GET /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 426")
