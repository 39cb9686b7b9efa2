"""From one process to the next: sockets that outlive both, and a take-over without a pause."""

import asyncio
import contextlib
import fcntl
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest
import websockets

from broker_process import BINARY, SLOWNESS, eventually
from clients import connect
from event_streams import Stream
from recovery import data_of, history, post, publish, replayed

CONFIG = """
[server]
state_dir = "{state}"
drain_timeout = "1s"
[namespace.default]
history = {{ messages = 1000, age = "1h" }}
[namespace.live]
history = {{ messages = 0, age = "1h" }}
"""


@pytest.fixture
def config(tmp_path):
    return CONFIG.format(state=tmp_path / "state")


def take_over(start_broker, old, config, *flags, **options):
    """A new process that has taken over from the old one, at the same addresses."""
    new = start_broker("--take-over", *flags, config=config, **options)
    assert (new.port, new.admin_port) == (old.port, old.admin_port)
    return new


async def last_words(client):
    pushes = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            pushes.append(await client.next())
    return pushes, client.connection.close_code


async def test_a_new_process_goes_on_where_the_old_one_stopped(start_broker, config):
    old = start_broker(config=config)
    async with connect(old) as subscriber, connect(old) as publisher:
        await subscriber.subscribe("room")
        for number in range(5):
            assert (await publisher.call("publish", channel="room", data=number))["op"] == "published"
        new = take_over(start_broker, old, config)
        positions = publish(new, "room", 5, 6)
        pushes, code = await last_words(subscriber)
        assert code == 1012
        seen = [push for push in pushes if push["op"] == "message"]
        assert data_of(seen) == [0, 1, 2, 3, 4]
        assert positions[0].split(":")[0] == seen[-1]["position"].split(":")[0], "the same epoch"
        async with connect(new) as again:
            reply = await again.call("subscribe", channel="room", since=seen[-1]["position"])
            assert reply["recovered"] and data_of(await replayed(again, reply)) == [5, 6]
    old.signalled = True
    assert old.process.wait(timeout=20 * SLOWNESS) == 0
    assert "handed over" in old.errors()


def test_a_history_that_new_messages_push_out_before_clients_come_back_is_told(start_broker, config):
    config = config.replace("messages = 1000", "messages = 3").replace('"1s"', '"1h"')
    old = start_broker(config=config)
    publish(old, "brief", 1, 2, 3)
    publish(old, "long", 1, 2)  # all that there ever was
    new = take_over(start_broker, old, config)
    told = [line for line in old.errors().splitlines() if "histories reach back less far" in line]
    assert len(told) == 1 and 'channels="1"' in told[0] and 'channel="brief"' in told[0], told
    assert 'drain_timeout_ms="3600000"' in told[0]
    assert history(new, "brief")
    old.signalled = True
    for _ in range(2):  # the second one does not wait for the hour
        old.process.send_signal(signal.SIGTERM)
    old.process.wait(timeout=20 * SLOWNESS)


async def test_who_has_something_to_say_is_told_that_it_was_not_stored_and_moves_at_once(start_broker, config):
    old = start_broker(config=config.replace('"1s"', '"1h"'))
    async with contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(connect(old)) for _ in range(40)]
        publisher = await stack.enter_async_context(connect(old))
        take_over(start_broker, old, config)
        with contextlib.suppress(websockets.ConnectionClosed):
            await publisher.send(op="publish", id=1, channel="room", data=1)
        pushes, code = await last_words(publisher)
        assert code == 1012
        assert [push["code"] for push in pushes if push["op"] == "error"] in ([], ["unavailable"])
        slowest = max([((await client.next())["reconnect_in"], at) for at, client in enumerate(idle)])[1]
        await idle[slowest].nothing_more()
        old.signal()
        old.signal()


async def test_subscriptions_that_cannot_be_resumed_end_first_and_are_told(start_broker, config):
    old = start_broker(config=config.replace('"1s"', '"20s"'))
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(connect(old)) for _ in range(100)]
        for client in held:
            await client.subscribe("room")
        loses = await stack.enter_async_context(connect(old))
        for channel in ("room", "live:room", "news.*"):
            await loses.subscribe(channel)
        new = take_over(start_broker, old, config)
        pushes, code = await last_words(loses)
        ended = {push["channel"]: push["code"] for push in pushes if push["op"] == "unsubscribed"}
        assert ended == {"live:room": "unavailable", "news.*": "unavailable"}
        (told,) = [push["reconnect_in"] for push in pushes if push["op"] == "drain"]
        assert told <= 600 and code == 1012
        later = [(await client.next())["reconnect_in"] for client in held]
        assert min(later) >= 500, "those who lose nothing come after"
        assert history(new, "room")["messages"] == []
        old.signal()
        old.signal()


async def test_what_was_on_its_way_at_the_barrier_is_in_one_of_the_two_and_in_no_third_place(start_broker, config):
    old = start_broker(config=config, threads=3)
    acknowledged, refused = [], []

    async def publish_on(client, base):
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(base, base + 100_000):
                await asyncio.sleep(0.005)  # histories are to hold them all
                await client.send(op="publish", id=number, channel=f"room.{number % 7}", data=number)
                reply = await client.next()
                while reply["op"] == "drain":
                    reply = await client.next()
                (acknowledged if reply["op"] == "published" else refused).append(number)

    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(old)) for _ in range(8)]
        tasks = [asyncio.create_task(publish_on(client, at * 1_000_000)) for at, client in enumerate(clients)]
        while len(acknowledged) < 50:
            await asyncio.sleep(0.001)
        new = await asyncio.to_thread(take_over, start_broker, old, config, threads=2)
        await asyncio.gather(*tasks)
    kept = set()
    for room in range(7):
        kept.update(message["data"] for message in history(new, f"room.{room}", limit=1000)["messages"])
    assert len(acknowledged) < 7000, "or histories of 1,000 messages would not hold them"
    assert set(acknowledged) <= kept, "what was acknowledged is there"
    assert not set(refused) & kept, "what was refused is not"
    old.signalled = True


async def test_idempotency_keys_come_along(start_broker, config):
    old = start_broker(config=config)
    (first,) = publish(old, "room", "x", key="once")
    new = take_over(start_broker, old, config)
    assert publish(new, "room", "x", key="once") == [first]
    assert len(history(new, "room")["messages"]) == 1
    old.signalled = True


async def test_streams_resume_in_the_new_process(start_broker, config):
    old = start_broker(config=config)
    with Stream(old, "room") as stream:
        stream.subscribed()
        publish(old, "room", 1)
        assert stream.messages(1) == [("room", 1)]
        new = take_over(start_broker, old, config)
        publish(new, "room", 2)
        with pytest.raises(EOFError):
            while True:
                stream.block()
        with Stream(new, "room", headers=f"Last-Event-ID: {stream.last_event_id}\r\n") as again:
            assert again.subscribed()["room"]["recovered"]
            assert again.messages(1) == [("room", 2)]
    old.signalled = True


def test_hand_overs_can_follow_each_other(start_broker, config):
    brokers = [start_broker(config=config)]
    for number in range(3):
        publish(brokers[-1], "room", number)
        brokers.append(take_over(start_broker, brokers[-1], config, threads=number + 1))
        brokers[-2].signalled = True
        assert brokers[-2].process.wait(timeout=20 * SLOWNESS) == 0
    assert [message["data"] for message in history(brokers[-1], "room")["messages"]] == [0, 1, 2]


def test_without_a_predecessor_it_starts_as_usual(start_broker, config):
    broker = start_broker("--take-over", config=config)
    assert "nobody to take over from" in broker.errors()
    assert publish(broker, "room", 1)[0]


def test_without_a_state_directory_it_does_not_start():
    done = subprocess.run([BINARY, "serve", "--take-over", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
    assert done.returncode == 1 and "--take-over wants server.state_dir" in done.stderr


def test_a_successor_that_cannot_start_leaves_the_old_process_as_it_was(start_broker, config, tmp_path):
    old = start_broker(config=config)
    publish(old, "room", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = tmp_path / "bad.toml"
        bad.write_text(config + '\n[limits]\nconnections_max = 10\n')
        done = subprocess.run(
            [BINARY, "serve", "--config", str(bad), "--take-over", "--listen", f"127.0.0.1:{taken.getsockname()[1]}",
             "--admin", "127.0.0.1:0"], capture_output=True, text=True, timeout=60 * SLOWNESS, check=False)
    assert done.returncode == 1 and "cannot listen on" in done.stderr
    eventually(lambda: "hand-over failed: going on as before" in old.errors())
    publish(old, "room", 2)
    assert [message["data"] for message in history(old, "room")["messages"]] == [1, 2]
    old.signal()
    assert old.process.wait(timeout=20 * SLOWNESS) == 0
    again = start_broker(config=config)
    assert [message["data"] for message in history(again, "room")["messages"]] == [1, 2]


@pytest.mark.parametrize("words", [
    b"", b"GET / HTTP/1.1\n", b"crier hand-over 1\n", b"crier hand-over 2\n", b"x" * 5000 + b"\n",
    b"crier hand-over 1\nready\n"])
def test_whoever_knocks_and_does_not_take_over_changes_nothing(start_broker, config, tmp_path, words):
    broker = start_broker(config=config)
    publish(broker, "room", 1)
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(tmp_path / "state" / "crier.hand-over"))
        visitor.sendall(words)
        if words == b"crier hand-over 1\n":
            eventually(lambda: "standing still" in broker.errors())
    if words == b"crier hand-over 1\n":  # it may answer until it stands still, too
        eventually(lambda: "going on as before" in broker.errors())
    eventually(lambda: publish_if_it_answers(broker))
    assert history(broker, "room")["messages"][0]["data"] == 1
    # Another one is let in after it.
    stopped = "hand-over failed: going on as before" in broker.errors()
    assert stopped == (words == b"crier hand-over 1\n")
    take_over(start_broker, broker, config)
    broker.signalled = True


def publish_if_it_answers(broker):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return post(broker, {"op": "publish", "channel": "other", "data": 1})[0] == 200
    return False


class Visitor:
    """What a process says that wants to take over, word by word."""

    def __init__(self, state):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * SLOWNESS)
        self.socket.connect(str(state / "crier.hand-over"))
        self.socket.sendall(b"crier hand-over 1\n")
        word, self.descriptors, _, _ = socket.recv_fds(self.socket, 4096, 10)
        assert word == b"state\n"

    def close(self):
        self.socket.close()
        for descriptor in self.descriptors:
            os.close(descriptor)


def test_whoever_has_claimed_the_state_is_the_broker_even_if_it_never_says_so(start_broker, config, tmp_path):
    state = tmp_path / "state"
    broker = start_broker(config=config)
    publish(broker, "room", 1)
    visitor = Visitor(state)
    (state / "crier.state").rename(state / "crier.state.taken")
    visitor.close()
    broker.signalled = True
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    assert "handed over" in broker.errors()
    assert not (state / "crier.state").exists(), "that is the other one's to write"


@pytest.mark.parametrize("ending", ["signal", "silence"])
def test_who_did_not_claim_the_state_in_time_finds_it_gone(start_broker, config, tmp_path, ending):
    state = tmp_path / "state"
    broker = start_broker(config=config)
    publish(broker, "room", 1)
    visitor = Visitor(state)
    if ending == "signal":
        broker.signal()
    else:
        visitor.socket.shutdown(socket.SHUT_WR)
    assert visitor.socket.recv(4096).startswith(b"stay: ")
    eventually(lambda: "hand-over failed: going on as before" in broker.errors())
    if ending == "silence":
        assert not (state / "crier.state").exists()
        publish(broker, "room", 2)
        broker.signal()
    visitor.close()
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    again = start_broker(config=config)
    assert [message["data"] for message in history(again, "room")["messages"]] == [1, 2][:1 + (ending == "silence")]


def test_a_successor_that_may_not_read_so_much_leaves_the_old_process_as_it_was(start_broker, config, tmp_path):
    broker = start_broker(config=config)
    for _ in range(10):
        publish(broker, "room", *["x" * 30_000] * 30)
    small = tmp_path / "small.toml"
    small.write_text(config + '[limits]\nhistory_bytes_max = "1MiB"\nchannels_max = 1000\n'
                     'idempotency_keys_max = 1000\n')
    done = subprocess.run([BINARY, "serve", "--config", str(small), "--take-over", "--listen", "127.0.0.1:0", "--admin",
                           "127.0.0.1:0"], capture_output=True, text=True, timeout=60 * SLOWNESS, check=False)
    assert done.returncode == 1 and "state cannot be taken up" in done.stderr
    eventually(lambda: "hand-over failed" in broker.errors())
    assert len(history(broker, "room")["messages"]) > 0


def test_a_start_that_comes_to_nothing_leaves_the_state_to_the_next_one(start_broker, config, tmp_path):
    broker = start_broker(config=config)
    publish(broker, "room", 1)
    broker.signal()
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0
    (tmp_path / "crier.toml").write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run([BINARY, "serve", "--config", str(tmp_path / "crier.toml"), "--listen", address(taken),
                               "--admin", "127.0.0.1:0"], capture_output=True, text=True, timeout=60 * SLOWNESS,
                              check=False)
    assert done.returncode == 1 and "cannot listen on" in done.stderr
    again = start_broker(config=config)
    assert [message["data"] for message in history(again, "room")["messages"]] == [1]


async def test_a_token_that_comes_after_the_hand_over_opens_nothing(start_broker, config):
    old = start_broker(config=config.replace('"1s"', '"20s"'))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(connect(old))
        client = await stack.enter_async_context(connect(old))
        take_over(start_broker, old, config)
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.send(op="auth", id=1, token="a.b.c")
        pushes, code = await last_words(client)
        assert [push["code"] for push in pushes if push["op"] == "error"] in ([], ["unavailable"])
        assert code == 1012
        old.signal()
        old.signal()


# --- the program starts its own successor

def test_a_signal_starts_the_program_anew_and_hands_over_to_it(start_broker, config):
    broker = start_broker(config=config)
    publish(broker, "room", 1)
    broker.process.send_signal(signal.SIGUSR2)
    broker.signalled = True
    assert broker.process.wait(timeout=40 * SLOWNESS) == 0
    said = broker.errors()
    successor = int(said.split('take over', 1)[1].split('process="', 1)[1].split('"', 1)[0])
    try:
        assert [message["data"] for message in history(broker, "room")["messages"]] == [1]
    finally:
        os.kill(successor, signal.SIGTERM)
    eventually(lambda: not pathlib.Path(f"/proc/{successor}").exists()
               or "State:\tZ" in pathlib.Path(f"/proc/{successor}/status").read_text(), 20)


def test_a_successor_that_dies_is_told_and_the_old_process_goes_on(start_broker, config):
    broker = start_broker(config=config)
    (broker.folder / "crier.toml").write_text("nonsense = 1\n")
    broker.process.send_signal(signal.SIGUSR2)
    eventually(lambda: "has ended: going on" in broker.errors(), 20)
    assert 'ended_by="exit code 2"' in broker.errors()
    assert publish(broker, "room", 1)[0]


# --- sockets that a service manager holds

class Holder:
    """Holds listening sockets as systemd does, and starts brokers on them."""

    def __init__(self, *listeners):
        self.listeners = listeners

    def run(self, *arguments, **options):
        """Descriptors from 3 on, and the variables that only the process itself can know."""
        # Copies with numbers that neither bash nor anything that is moved to a low one can meet.
        copies = [fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 100) for listener in self.listeners]
        moves = " ".join(f"{at + 3}<&{copy}" for at, copy in enumerate(copies))
        closes = " ".join(f"{copy}<&-" for copy in copies)
        script = f'exec {moves} {closes}; LISTEN_PID=$$ LISTEN_FDS={len(copies)} exec "$@"'
        try:
            return subprocess.Popen(["bash", "-c", script, "sh", *arguments], pass_fds=copies, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        finally:
            for copy in copies:
                os.close(copy)


@pytest.fixture
def held(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as public, socket.create_server(("127.0.0.1", 0)) as admin:
        yield Holder(public, admin)


def address(listener):
    return "127.0.0.1:{}".format(listener.getsockname()[1])


def test_who_connects_between_two_processes_waits_and_is_served(held, tmp_path):
    public, admin = map(address, held.listeners)
    arguments = [BINARY, "serve", "--listen", public, "--admin", admin, "--state-dir", str(tmp_path / "state")]
    with socket.create_connection(held.listeners[0].getsockname(), timeout=30 * SLOWNESS) as early:
        early.sendall(b"GET /message HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for number in range(2):
            process = held.run(*arguments)
            try:
                if number == 0:
                    assert early.recv(1000).startswith(b"HTTP/1.1 426")
                with socket.create_connection(held.listeners[0].getsockname(), timeout=30 * SLOWNESS) as client:
                    client.sendall(b"GET /message HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert client.recv(1000).startswith(b"HTTP/1.1 426")
            finally:
                process.terminate()
                output, _ = process.communicate(timeout=30 * SLOWNESS)
            assert process.returncode == 0, output
            assert f"listening on http://{public}/" in output


def test_a_socket_that_nothing_names_is_told_of(held, tmp_path):
    path = f"unix:{tmp_path}/socket"
    process = held.run(BINARY, "serve", "--listen", path, "--admin", address(held.listeners[1]))
    output = ""
    try:
        while "administration on" not in output:
            output += process.stdout.readline()
            assert process.poll() is None
    finally:
        process.terminate()
        output += process.stdout.read()  # communicate() does not see what a readline() has taken along
        process.wait(timeout=30 * SLOWNESS)
    assert "passed on" in output and f'address="{address(held.listeners[0])}"' in output


def test_a_descriptor_that_is_no_listening_socket_is_refused(tmp_path):
    with socket.socket() as idle:
        process = Holder(idle).run(BINARY, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        output, _ = process.communicate(timeout=30 * SLOWNESS)
    assert process.returncode == 1
    assert "descriptor 3 that was passed on is no listening stream socket" in output


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not installed")
def test_systemds_own_starter_of_services_starts_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        public = address(free)
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", public, BINARY, "serve", "--listen", public, "--admin", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        def answer():
            with contextlib.suppress(OSError), socket.create_connection(
                    ("127.0.0.1", int(public.split(":")[1])), timeout=10 * SLOWNESS) as client:
                client.sendall(b"GET /message HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return client.recv(1000)
        assert eventually(answer, 20).startswith(b"HTTP/1.1 426")
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=30 * SLOWNESS)
    assert f"listening on http://{public}/" in output
