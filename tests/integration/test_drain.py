"""The end of a broker that nobody should notice: SIGTERM, `crier drain`, and what a service manager is told."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time

import pytest
import websockets

from broker_process import BINARY, SLOWNESS, eventually
from clients import connect
from event_streams import Stream
from recovery import history

KEEP = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n'


def drain(broker, *flags, stdin=None):
    return subprocess.run([BINARY, "drain", "--admin", f"127.0.0.1:{broker.admin_port}", *flags], input=stdin,
                          text=True, capture_output=True, timeout=60 * SLOWNESS, check=False)


async def until_closed(client):
    """(pushes, the close code, seconds until then)."""
    start = time.monotonic()
    pushes = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            pushes.append(await client.next())
    return pushes, client.connection.close_code, time.monotonic() - start


async def test_every_client_is_told_a_moment_of_its_own_and_closed_then(start_broker):
    broker = start_broker(config='[server]\ndrain_timeout = "1s"\n')
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(broker)) for _ in range(60)]
        broker.signal()
        ends = await asyncio.gather(*map(until_closed, clients))
    told = [push["reconnect_in"] for pushes, _, _ in ends for push in pushes if push["op"] == "drain"]
    assert len(told) == 60 and all(0 <= moment <= 1000 for moment in told)
    assert len(set(told)) > 30, "spread over the whole time"
    assert max(told) - min(told) > 500
    assert {code for _, code, _ in ends} == {1012}
    for (pushes, _, took), moment in zip(ends, told):
        assert pushes[-1]["op"] == "drain" and took >= moment / 1000 - 0.2, "not before its time"
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0


async def test_what_is_published_while_it_drains_is_delivered_and_kept(start_broker, tmp_path):
    config = KEEP + '[server]\ndrain_timeout = "2s"\n'
    broker = start_broker("--state-dir", str(tmp_path / "state"), config=config)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(broker)) for _ in range(60)]
        for client in clients:
            await client.subscribe("room")
        broker.signal()
        sent = 0
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(100_000):
                await clients[0].send(op="publish", id=number + 10, channel="room", data=number)
                while (reply := await clients[0].next())["op"] != "published":
                    assert reply["op"] in ("drain", "message"), reply
                sent = number + 1
        seen = []
        for client in clients[1:]:
            pushes, code, _ = await until_closed(client)
            assert code == 1012
            numbers = [push["data"] for push in pushes if push["op"] == "message"]
            assert numbers == list(range(len(numbers)))
            seen.append(len(numbers))
        assert sent > 0 and max(seen) > 0
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    again = start_broker("--state-dir", str(tmp_path / "state"), config=config)
    kept = [message["data"] for message in history(again, "room", reverse=True, limit=1)["messages"]]
    assert kept and kept[0] >= sent - 1, "all that was acknowledged"


def test_readiness_fails_at_once_and_nobody_new_is_let_in(start_broker):
    broker = start_broker(config='[server]\ndrain_timeout = "3s"\n')
    held = [Stream(broker, "room") for _ in range(60)]
    broker.signal()
    eventually(lambda: broker.admin("/readyz")[0] == 503)
    assert "draining" in broker.admin("/readyz")[1]
    assert broker.admin("/healthz")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=5)
    for stream in held:
        stream.__exit__()


def test_a_stream_is_told_when_it_ends_and_when_to_come_back(start_broker):
    broker = start_broker()
    with Stream(broker, "room") as stream:
        stream.subscribed()
        broker.signal()
        assert stream.event("drain").data["reconnect_in"] >= 0
        assert int(stream.block().retry) >= 1000
        with pytest.raises(EOFError):
            stream.block()


def test_a_second_signal_ends_it_at_once(start_broker):
    broker = start_broker(config='[server]\ndrain_timeout = "1h"\n')
    held = [Stream(broker, "room") for _ in range(200)]
    broker.signal()
    eventually(lambda: "draining" in broker.errors())
    start = time.monotonic()
    broker.signal()
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    assert time.monotonic() - start < 4 * SLOWNESS
    assert "second signal" in broker.errors()
    for stream in held:
        stream.__exit__()


# --- crier drain

def test_crier_drain_waits_until_the_broker_has_ended(start_broker):
    broker = start_broker()
    with Stream(broker, "room"):
        done = drain(broker)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("drained 1 connections in ")
    assert broker.process.wait(timeout=5 * SLOWNESS) == 0
    broker.signalled = True


def test_crier_drain_can_leave_without_waiting(start_broker):
    broker = start_broker(config='[server]\ndrain_timeout = "2s"\n')
    with Stream(broker, "room"):
        done = drain(broker, "--no-wait")
        assert (done.returncode, done.stdout) == (0, "draining 1 connections\n")
        broker.signalled = True
        assert broker.process.wait(timeout=20 * SLOWNESS) == 0


def test_crier_drain_wants_a_key_outside_protected_mode(start_broker, tmp_path):
    made = subprocess.run([BINARY, "key", "new", "ops", "--manage"], capture_output=True, text=True, check=True,
                          timeout=20 * SLOWNESS)
    key, _, table = made.stdout.partition("\n")
    broker = start_broker(config='[server]\nhosts = ["localhost"]\n' + table)
    refused = drain(broker)
    assert refused.returncode == 1 and "manage = true" in refused.stderr
    assert broker.process.poll() is None
    (tmp_path / "key").write_text(key + "\n")
    assert drain(broker, "--key-file", str(tmp_path / "key")).returncode == 0
    broker.signalled = True
    assert broker.process.wait(timeout=5 * SLOWNESS) == 0


def test_crier_drain_says_when_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = subprocess.run([BINARY, "drain", "--admin", f"127.0.0.1:{port}"], capture_output=True, text=True,
                          timeout=20 * SLOWNESS, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port}: Connection refused" in done.stderr


@pytest.mark.parametrize("address", ["", "127.0.0.1", "http://127.0.0.1"])
def test_crier_drain_says_what_an_address_has_to_be(address):
    done = subprocess.run([BINARY, "drain", "--admin", address], capture_output=True, text=True,
                          timeout=20 * SLOWNESS, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "expected HOST:PORT" in done.stderr


# --- a service manager

class Manager:
    """What systemd does for a service of Type=notify: a socket to be told on, and one to listen on."""

    def __init__(self, folder, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = f"@crier-test-{os.getpid()}" if abstract else str(folder / "notify")
        self.socket.bind(self.address.replace("@", "\0", 1))
        self.socket.settimeout(20 * SLOWNESS)

    def told(self, word):
        """The next datagram that has that word, as {name: value}."""
        while True:
            lines = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
            if word in lines:
                return lines


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    made = Manager(tmp_path, request.param)
    monkeypatch.setenv("NOTIFY_SOCKET", made.address)
    yield made
    made.socket.close()


def test_a_service_manager_is_told_of_the_start_of_reloads_and_of_the_end(start_broker, manager):
    broker = start_broker(config='[server]\ndrain_timeout = "2s"\n')
    assert manager.told("READY") == {"READY": "1", "STATUS": "serving"}
    broker.process.send_signal(signal.SIGHUP)
    reloading = manager.told("RELOADING")
    assert int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.told("READY")["STATUS"] == "serving"
    (broker.folder / "crier.toml").write_text("nonsense = 1\n")
    broker.process.send_signal(signal.SIGHUP)
    assert "refused" in manager.told("READY")["STATUS"]
    broker.signal()
    stopping = manager.told("STOPPING")
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 5_000_000


def test_the_watchdog_is_fed_while_the_loops_answer(start_broker, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    start_broker()
    for _ in range(3):
        manager.told("WATCHDOG")


def test_another_processs_watchdog_is_not_fed(start_broker, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    broker = start_broker()
    manager.told("READY")
    broker.signal()
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    manager.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            assert b"WATCHDOG" not in manager.socket.recv(4096)
