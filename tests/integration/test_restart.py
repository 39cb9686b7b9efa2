"""--state-dir: what outlives a restart in order, what a crash costs, and what an operator is told."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess

import pytest
import websockets

from broker_process import BINARY, SLOWNESS, eventually
from clients import connect
from recovery import data_of, history, offset, pages, publish, replayed

KEEP = '[namespace.default]\nhistory = { messages = 100_000, age = "1h" }\n'


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def stop_in_order(broker):
    broker.signal(signal.SIGTERM)
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0


def kill(broker):
    broker.signal(signal.SIGKILL)
    broker.expected_exit_code = -signal.SIGKILL
    broker.process.wait(timeout=20 * SLOWNESS)


def serve(*flags):
    """A start that is expected to fail."""
    return subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *flags],
                          capture_output=True, text=True, timeout=20 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)


def only_file(directory):
    """The state file: no other regular file holds anything."""
    files = [file for file in directory.iterdir() if file.is_file() and file.stat().st_size > 0]
    (file,) = [file for file in files if "lock" not in file.name]
    return file


async def resume(broker, channel, since):
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=since)
        return reply, data_of(await replayed(client, reply))


@pytest.mark.parametrize("before, after", [(2, 2), (1, 4), (4, 1), (3, 2)])
async def test_a_restart_in_order_is_recovered_exactly_with_any_number_of_threads(start_broker, state, before, after):
    broker = start_broker("--state-dir", str(state), config=KEEP, threads=before)
    positions = {f"room.{number}": publish(broker, f"room.{number}", *range(20)) for number in range(50)}
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state), config=KEEP, threads=after)
    for name, kept in positions.items():
        reply, data = await resume(broker, name, kept[4])
        assert (reply["recovered"], data) == (True, list(range(5, 20)))
        assert pages(broker, name)[0] == list(zip(kept, range(20)))
        new = publish(broker, name, "after")[0]
        assert new.partition(":")[0] == kept[0].partition(":")[0], "the same epoch"
        assert offset(new) > offset(kept[-1])
        assert (await resume(broker, name, kept[-1]))[1] == ["after"]


async def test_a_position_of_a_channel_without_messages_is_good_after_a_restart(start_broker, state):
    broker = start_broker("--state-dir", str(state))
    async with connect(broker) as client:
        position = (await client.call("subscribe", channel="quiet"))["position"]
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state), threads=3)
    publish(broker, "quiet", "first")
    reply, data = await resume(broker, "quiet", position)
    assert (reply["recovered"], data) == (True, ["first"])


async def test_positions_grow_over_many_restarts(start_broker, state):
    last, total = None, []
    for round_number in range(6):
        broker = start_broker("--state-dir", str(state), config=KEEP, threads=1 + round_number % 3)
        if last:
            assert (await resume(broker, "room", last))[0]["recovered"] is True
        total += publish(broker, "room", *range(round_number * 10, round_number * 10 + 10))
        last = total[-1]
        assert pages(broker, "room")[0] == list(zip(total, range(len(total))))
        stop_in_order(broker)
    assert [offset(position) for position in total] == sorted({offset(position) for position in total})


@pytest.mark.parametrize("threads", [1, 2])
async def test_what_was_acknowledged_just_before_the_signal_is_never_lost(start_broker, state, threads):
    """The signal comes while publishes stream in: everything acknowledged is there, in order, and nothing twice."""
    for after in (1, 300, 1500):
        broker = start_broker("--state-dir", str(state), config=KEEP, threads=threads)
        channel = f"signal.{after}"
        acknowledged = {}
        async with connect(broker) as client:
            async def send():
                with contextlib.suppress(websockets.ConnectionClosed):
                    for number in range(6000):
                        await client.send(op="publish", channel=channel, data=number, id=number)

            sending = asyncio.create_task(send())
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    reply = await client.next()
                    if reply["op"] == "drain":
                        continue
                    assert reply["op"] == "published", reply
                    acknowledged[reply["id"]] = reply["position"]
                    if len(acknowledged) == after:
                        broker.signal()
            await sending
        assert broker.process.wait(timeout=20 * SLOWNESS) == 0
        broker = start_broker("--state-dir", str(state), config=KEEP, threads=threads + 1)
        found = pages(broker, channel)[0]
        assert [data for _, data in found] == list(range(len(found)))
        assert len(acknowledged) >= after
        assert {number: found[number][0] for number in acknowledged} == acknowledged
        stop_in_order(broker)


def test_idempotency_keys_survive(start_broker, state):
    broker = start_broker("--state-dir", str(state), threads=2)
    (first,) = publish(broker, "orders", "one", key="order-1")
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state), threads=3)
    assert publish(broker, "orders", "again", key="order-1") == [first]
    assert data_of(history(broker, "orders")["messages"]) == ["one"]
    assert publish(broker, "orders", "two", key="order-2") != [first]


def test_a_ttl_goes_on_while_the_broker_is_away(start_broker, state):
    broker = start_broker("--state-dir", str(state))
    publish(broker, "a", "short", ttl=1)
    publish(broker, "a", "long")
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state))
    eventually(lambda: data_of(history(broker, "a")["messages"]) == ["long"])


async def test_data_of_all_kinds_comes_back_as_it_was(start_broker, state, channel):
    kinds = ["", "ü\u2028\"\\\n\0", 12345678901234567890, -1.5e300, None, True, [], {}, {"a": [{"b": "x" * 50_000}]}]
    broker = start_broker("--state-dir", str(state))
    publish(broker, channel, *kinds)
    publish(broker, channel, "3q2+7w==", encoding="base64")
    before = history(broker, channel)["messages"]
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state))
    assert history(broker, channel)["messages"] == before
    assert before[-1]["encoding"] == "base64"


async def test_without_a_directory_a_restart_is_a_new_epoch(start_broker):
    broker = start_broker()
    (position,) = publish(broker, "a", 1)
    stop_in_order(broker)
    broker = start_broker()
    reply, data = await resume(broker, "a", position)
    assert (reply["recovered"], data) == (False, [])
    assert reply["position"].partition(":")[0] != position.partition(":")[0]


@pytest.mark.parametrize("restarted_before", [False, True])
async def test_a_crash_is_a_new_epoch_and_never_brings_back_what_was_superseded(start_broker, state, restarted_before):
    broker = start_broker("--state-dir", str(state))
    old = publish(broker, "a", "old")[0]
    if restarted_before:
        stop_in_order(broker)
        broker = start_broker("--state-dir", str(state))
        publish(broker, "a", "newer")
    kill(broker)
    broker = start_broker("--state-dir", str(state))
    reply, data = await resume(broker, "a", old)
    assert (reply["recovered"], data) == (False, [])
    assert pages(broker, "a")[0] == []
    assert publish(broker, "a", "new")[0].partition(":")[0] != old.partition(":")[0]


@pytest.mark.parametrize("damage", ["cut short", "a bit", "text", "empty", "longer"])
async def test_a_damaged_file_is_set_aside_with_a_clear_line_and_the_broker_starts(start_broker, state, damage):
    broker = start_broker("--state-dir", str(state))
    (old,) = publish(broker, "a", "x" * 1000)
    stop_in_order(broker)
    file = only_file(state)
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes({"cut short": content[:middle], "text": b"not a state file\n", "empty": b"",
                      "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1:],
                      "longer": content + b"\0"}[damage])
    damaged = file.read_bytes()
    broker = start_broker("--state-dir", str(state))
    said = [line for line in (broker.errors() + "".join(broker.lines)).splitlines() if file.name in line]
    assert said, broker.said()
    assert (await resume(broker, "a", old))[0]["recovered"] is False
    publish(broker, "a", "goes on")
    kept = [other for other in state.iterdir() if other.is_file() and other.read_bytes() == damaged]
    assert kept or damage == "empty"
    if kept:
        assert any(other.name in line for other in kept for line in said), said
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state))
    assert data_of(history(broker, "a")["messages"]) == ["goes on"]


def test_the_file_is_for_the_owner_alone_and_no_other_user_reads_it(start_broker, state):
    broker = start_broker("--state-dir", str(state))
    publish(broker, "a", 1)
    stop_in_order(broker)
    assert only_file(state).stat().st_mode & 0o077 == 0


def test_a_second_broker_on_the_same_directory_refuses(start_broker, state):
    broker = start_broker("--state-dir", str(state))
    (position,) = publish(broker, "a", 1)
    ended = serve("--state-dir", str(state))
    assert ended.returncode == 1
    assert any(re.search("use|lock|another", line) for line in ended.stderr.splitlines() if str(state) in line)
    assert publish(broker, "a", 2)[0] != position  # and the first one did not notice
    stop_in_order(broker)
    broker = start_broker("--state-dir", str(state))
    assert data_of(history(broker, "a")["messages"]) == [1, 2]


def test_a_killed_broker_does_not_keep_the_directory(start_broker, state):
    kill(start_broker("--state-dir", str(state)))
    start_broker("--state-dir", str(state))


def test_a_file_in_place_of_the_directory_is_one_clear_line_and_a_failure(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    for path in (file, file / "below"):
        ended = serve("--state-dir", str(path))
        assert ended.returncode in (1, 2)
        assert str(path) in ended.stderr
        assert len(ended.stderr.splitlines()) <= 3, ended.stderr
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody who may not write")
def test_a_directory_that_may_not_be_written_is_one_clear_line_and_a_failure(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    for folder in (tmp_path, tmp_path.parent):
        folder.chmod(0o755)
    ended = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, "serve", "--listen", "127.0.0.1:0",
         "--admin", "127.0.0.1:0", "--state-dir", str(state)],
        capture_output=True, text=True, timeout=20 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)
    assert ended.returncode == 1, ended.stderr
    assert str(state) in ended.stderr


def test_a_full_disk_at_the_end_exits_with_1_and_says_so(start_broker, state):
    broker = start_broker("--state-dir", str(state))
    publish(broker, "a", *["x" * 50_000] * 15)
    subprocess.run(["prlimit", f"--pid={broker.pid}", "--fsize=65536"], check=True, timeout=20)
    broker.signal()
    broker.expected_exit_code = 1
    assert broker.process.wait(timeout=20 * SLOWNESS) == 1
    assert any(" error " in line for line in broker.errors().splitlines() if str(state) in line), broker.said()
    # A start finds nothing that could be taken for a whole state.
    broker = start_broker("--state-dir", str(state))
    assert history(broker, "a")["messages"] == []


def test_a_wrong_directory_in_the_file_is_a_fault_with_its_place(tmp_path):
    file = tmp_path / "crier.toml"
    file.write_text("[server]\nstate_dir = 5\n", encoding="utf-8")
    ended = serve("--config", str(file))
    assert ended.returncode == 2
    assert f"{file.name}:2:" in ended.stderr
