"""Faults of the machine around the broker: each has a defined outcome, and is told in the log or in a metric."""

import asyncio
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from broker_process import SANITIZED, SLOWNESS, Broker, eventually
from clients import connect, dial
from recovery import data_of, history, post, publish

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems and cuts networks")


def stop_in_order(broker, exit_code=0):
    broker.signal()
    broker.expected_exit_code = exit_code
    assert broker.process.wait(timeout=20 * SLOWNESS) == exit_code, broker.said()


# --- the process

async def test_after_a_kill_nothing_stale_is_believed_and_clients_are_told_so(start_broker, tmp_path, channel):
    state = str(tmp_path / "state")
    broker = start_broker("--state-dir", state)
    publish(broker, channel, "kept")
    stop_in_order(broker)
    broker = start_broker("--state-dir", state)
    position = publish(broker, channel, "acknowledged, and lost")[0]
    broker.signal(signal.SIGKILL)
    broker.expected_exit_code = -signal.SIGKILL
    broker.process.wait(timeout=20)
    broker = start_broker("--state-dir", state)
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=position)
        assert reply["recovered"] is False and reply["position"].partition(":")[0] != position.partition(":")[0]
    assert history(broker, channel)["messages"] == []
    assert broker.metric("crier_recoveries_total", recovered="false") == 1


async def test_a_broker_that_stood_still_takes_nobody_for_dead(start_broker, channel):
    broker = start_broker(config='[limits]\nheartbeat = "1s"\nidle_timeout = "2s"\n[log]\nformat = "json"\n')
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(broker, ping_interval=None)) for _ in range(20)]
        for client in clients:
            await client.subscribe(channel)
        head = RawHead(broker)  # of a request that is on its way
        broker.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(4)
        broker.process.send_signal(signal.SIGCONT)
        eventually(lambda: "a loop stood still" in broker.errors())
        await asyncio.sleep(1.5)  # two heartbeats, in which who is dead would be found so
        await asyncio.to_thread(publish, broker, channel, "still here")
        for client in clients:
            assert (await client.next())["data"] == "still here"
        assert head.ends_with_an_answer()
    assert broker.metric("crier_connections_closed_total", code="heartbeat_timeout") == 0


class RawHead:
    """A request whose second half comes after the pause."""

    def __init__(self, broker):
        self.connection = dial(broker)
        self.connection.sendall(b"GET /message HTTP/1.1\r\n")

    def ends_with_an_answer(self):
        with self.connection:
            self.connection.sendall(b"Host: localhost\r\n\r\n")
            return self.connection.recv(100).startswith(b"HTTP/1.1 426")


# --- clocks

class FakedClock:
    """A wall clock that can be set while a process runs under it; steady clocks go on as they are."""

    LIBRARIES = list(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

    def __init__(self, folder):
        self.file = folder / "clock"
        self.set(0)

    def set(self, seconds):
        other = self.file.with_suffix(".new")
        other.write_text(f"{seconds:+d}s\n", encoding="ascii")
        other.rename(self.file)

    def environment(self):
        return {"LD_PRELOAD": str(self.LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer wants to be loaded first")
@pytest.mark.skipif(not FakedClock.LIBRARIES, reason="libfaketime is not installed")
@pytest.mark.parametrize("step_s", [86_400, -86_400])
async def test_a_clock_that_is_set_forgets_nothing_and_stops_nobody(start_broker, tmp_path, monkeypatch, channel,
                                                                    step_s):
    clock = FakedClock(tmp_path)
    for name, value in clock.environment().items():
        monkeypatch.setenv(name, value)
    broker = start_broker(config='[namespace.default]\nhistory = { messages = 10, age = "2m" }\nrate = 5\n')
    for name in clock.environment():
        monkeypatch.delenv(name)
    async with connect(broker) as client:
        position = publish(broker, channel, "before")[0]
        first = history(broker, channel)["messages"][0]["time"]
        assert post(broker, {"op": "publish", "channel": channel, "data": "once", "key": "k"})[0] == 200
        clock.set(step_s)
        duplicate = post(broker, {"op": "publish", "channel": channel, "data": "twice", "key": "k"})[1]
        eventually(lambda: publish_or_none(broker, channel, "after"))
        reply = await client.call("subscribe", channel=channel, since=position)
        assert reply["recovered"] is True and reply["replayed"] == 2, reply
    messages = history(broker, channel)["messages"]
    assert data_of(messages) == ["before", "once", "after"]
    assert duplicate["position"] == messages[1]["position"]
    # What people see is the clock as it is set now.
    assert abs(messages[2]["time"] - first - step_s * 1000) < 60_000
    eventually(lambda: broker.metric("crier_connections_closed_total") ==
               broker.metric("crier_connections_closed_total", code="http") + 1)


def publish_or_none(broker, channel, data):
    """True when it was taken: a limit of the rate may still be reached."""
    status, _ = post(broker, {"op": "publish", "channel": channel, "data": data})
    assert status in (200, 429)
    return status == 200


# --- the disk

@ROOT_ONLY
def test_a_full_disk_under_the_state_directory_costs_the_state_and_says_so(start_broker, tmp_path, channel):
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(state)],
                             capture_output=True, check=False, timeout=20)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount: " + mounted.stderr.decode())
    try:
        broker = start_broker("--state-dir", str(state))
        publish(broker, channel, *["x" * 50_000] * 5)
        stop_in_order(broker, exit_code=1)
        assert any(" error " in line and str(state) in line for line in broker.errors().splitlines()), broker.errors()
        broker = start_broker("--state-dir", str(state))
        assert history(broker, channel)["messages"] == []
        publish(broker, channel, "small")
        stop_in_order(broker)
        broker = start_broker("--state-dir", str(state))
        assert data_of(history(broker, channel)["messages"]) == ["small"]
        stop_in_order(broker)
    finally:
        subprocess.run(["umount", "-l", str(state)], check=False, timeout=20)


# --- the log

class PipedLog:
    """A broker whose log goes into a pipe that holds one page, and that is read when we like."""

    def __init__(self, folder):
        self.broker = Broker(folder)
        self.path = folder / "stderr"
        os.mkfifo(self.path)
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.reader, 1031, 4096)  # F_SETPIPE_SZ
        self.text = b""

    def full(self):
        """Has the writer no room for another line?"""
        return int.from_bytes(fcntl.ioctl(self.reader, 0x541B, b"\0" * 4), sys.byteorder) > 3500  # FIONREAD

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.reader, 65536):
                self.text += more
        return self.text.decode()

    def close(self):
        if self.reader is not None:
            os.close(self.reader)
        self.reader = None

    def stop(self):
        """The pipe becomes a file again, for whoever looks for what was said."""
        self.path.unlink()
        self.path.write_bytes(self.text)
        self.broker.stop()


@pytest.fixture
def piped(tmp_path):
    log = PipedLog(tmp_path / "piped")
    log.broker.start("--log-level", "debug")
    yield log
    log.stop()
    log.close()


def make_it_talk(broker):
    """More lines than a page holds."""
    for number in range(40):
        with dial(broker) as connection:
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 404"), number


async def test_a_log_that_nobody_reads_stops_no_delivery_and_no_end(piped, channel):
    broker = piped.broker
    async with connect(broker) as client:
        await client.subscribe(channel)
        eventually(lambda: [make_it_talk(broker), piped.full()][1])
        for number in range(100):
            await asyncio.to_thread(publish, broker, channel, number)
            assert (await client.next())["data"] == number
        make_it_talk(broker)
        assert broker.admin("/readyz")[0] == 200
        broker.signal(signal.SIGHUP)
        eventually(lambda: broker.metric("crier_config_reloads_total", result="success") == 1)
    started = time.monotonic()
    stop_in_order(broker)
    assert time.monotonic() - started < 8 * SLOWNESS


async def test_a_log_that_is_read_again_goes_on_where_it_stood(piped):
    broker = piped.broker
    eventually(lambda: [make_it_talk(broker), piped.full()][1])
    broker.signal(signal.SIGHUP)
    broker.signalled = False
    eventually(lambda: broker.metric("crier_config_reloads_total", result="success") == 1)
    eventually(lambda: "reloaded:" in piped.read())
    eventually(lambda: "more of these were not logged" in piped.read())
    assert broker.metric("crier_log_lines_suppressed_total", site="request_refused") > 0
    assert broker.metric("crier_log_lines_discarded_total") == 0
    assert all(line.isprintable() for line in piped.read().splitlines())


def test_a_log_whose_reader_is_gone_is_counted_and_hurts_nobody(piped, channel):
    broker = piped.broker
    piped.close()
    make_it_talk(broker)
    publish(broker, channel, 1)
    eventually(lambda: broker.metric("crier_log_lines_discarded_total") > 0)
    assert broker.admin("/readyz")[0] == 200
    stop_in_order(broker)


def test_a_broker_whose_standard_descriptors_are_closed_writes_its_log_to_no_client(tmp_path, channel):
    folder = tmp_path / "closed"
    broker = Broker(folder)
    command = broker.command("--log-level", "debug")
    ports = [free_port(), free_port()]
    command[command.index("--listen") + 1] = f"127.0.0.1:{ports[0]}"
    command[command.index("--admin") + 1] = f"127.0.0.1:{ports[1]}"
    with subprocess.Popen(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command]) as process:
        try:
            broker.port, broker.admin_port = ports
            eventually(lambda: broker.admin("/readyz")[0] == 200)
            make_it_talk(broker)
            publish(broker, channel, 1)
            for number in range(3):
                assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
        finally:
            process.terminate()
            assert process.wait(timeout=20 * SLOWNESS) == 0


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# --- who scrapes

async def test_scrapes_that_are_never_read_keep_nobody_from_scraping_or_delivering(start_broker, channel):
    broker = start_broker()
    before = broker.resident_kb()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            scrape = stack.enter_context(socket.socket())
            scrape.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            scrape.settimeout(10 * SLOWNESS)
            scrape.connect(("127.0.0.1", broker.admin_port))
            with contextlib.suppress(ConnectionError):  # it was given up for the next one
                scrape.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        async with connect(broker) as client:
            await client.subscribe(channel)
            for number in range(20):
                await asyncio.to_thread(publish, broker, channel, number)
                assert (await client.next())["data"] == number
        assert broker.metric("crier_messages_published_total") == 20
        if not SANITIZED:
            assert broker.resident_kb() - before < 64 * 1024


# --- the network

PEER = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
peer.sendall(b"GET /message?channel=" + sys.argv[3].encode() + b" HTTP/1.1\\r\\nHost: localhost\\r\\n"
             b"Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
             b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n")
print(peer.recv(100), flush=True)
time.sleep(600)
"""


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=20)


@pytest.fixture
def other_network():
    """(its name, our address there, its address): a namespace at the end of a cable that can be cut."""
    name, number = f"crier{os.getpid()}", os.getpid() % 250
    made = ip("netns", "add", name)
    if made.returncode != 0:
        pytest.skip("this machine has no network namespaces for us: " + made.stderr)
    try:
        cable = [f"crier{os.getpid()}a", f"crier{os.getpid()}b"]
        ours, theirs = f"10.213.{number}.1", f"10.213.{number}.2"
        for words in (["link", "add", cable[0], "type", "veth", "peer", "name", cable[1], "netns", name],
                      ["address", "add", f"{ours}/24", "dev", cable[0]], ["link", "set", cable[0], "up"],
                      ["-n", name, "address", "add", f"{theirs}/24", "dev", cable[1]],
                      ["-n", name, "link", "set", cable[1], "up"]):
            done = ip(*words)
            if done.returncode != 0:
                pytest.skip(f"this machine has no cables for us: ip {' '.join(words)}: {done.stderr}")
        yield name, cable[1], ours, theirs
    finally:
        ip("netns", "delete", name)


@ROOT_ONLY
async def test_a_peer_behind_a_cut_cable_is_found_by_its_heartbeat(start_broker, other_network, channel):
    name, cable, ours, theirs = other_network
    broker = start_broker("--listen", f"{ours}:0", config="""[server]
protected_mode = false
origins = ["*"]
[auth.jwt]
secret = "a secret of at least thirty-two bytes"
[limits]
heartbeat = "1s"
idle_timeout = "2s"
[log]
format = "json"
""")
    ports = dict(line.split(" on ")[1].rstrip("/\n").partition("//")[2].rsplit(":", 1)
                 for line in broker.lines if line.startswith("listening on"))
    broker.port = int(ports["127.0.0.1"])
    async with connect(broker) as watcher:
        reply = await watcher.call("subscribe", channel=channel, presence=True)
        with subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", PEER, ours, ports[ours], channel],
                              stdout=subprocess.PIPE, text=True) as peer:
            try:
                assert "101" in peer.stdout.readline()
                assert (await watcher.next())["op"] == "join", reply
                assert ip("-n", name, "link", "set", cable, "down").returncode == 0
                assert (await watcher.next())["op"] == "leave"
            finally:
                peer.kill()
    eventually(lambda: broker.metric("crier_connections_closed_total", code="heartbeat_timeout") == 1)
    lines = [json.loads(line) for line in broker.errors().splitlines() if "heartbeat_timeout" in line]
    assert [line["client"] for line in lines] == [theirs] and len(lines[0]["session"]) == 32, broker.errors()
