"""Where the machine has no more to give: descriptors, memory. Work waits or is refused, and the process lives."""

import contextlib
import pathlib
import re
import resource
import time

import pytest

from broker_process import SANITIZED, Broker, eventually
from clients import RawHttp, RawWebSocket, text_frame
from entrances import Session, post
from http_wire import get


def cpu_seconds(broker):
    fields = pathlib.Path(f"/proc/{broker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_without_descriptors_accepting_pauses_costs_nothing_and_goes_on_when_there_are_some(start_broker):
    broker = start_broker()
    _, hard = resource.prlimit(broker.pid, resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as held:
        inside = [held.enter_context(Session(broker, "news")) for _ in range(5)]
        for session in inside:
            session.push("subscribed")
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (broker.descriptors() + 5, hard))
        waiting = [held.enter_context(RawHttp(broker)) for _ in range(20)]
        for http in waiting:
            http.send(get(broker))
        eventually(lambda: "no more file descriptors" in broker.errors())
        before = cpu_seconds(broker)
        begun = time.monotonic()
        while time.monotonic() - begun < 1:  # those that are in are served meanwhile
            inside[0].publish("news", "still here")
            assert {session.push("message")["data"] for session in inside} == {"still here"}
            time.sleep(0.02)
        assert SANITIZED or cpu_seconds(broker) - before < 0.5
        assert broker.errors().count("no more file descriptors") == 1
        for session in inside:
            session.socket.close()
            session.stream.close()
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for http in waiting:
            assert http.answer().status == 200
        assert broker.metric("crier_connections_accepted_total") == 25


MEBIBYTE = 1024 * 1024
# Beside what the budgets hold: the program, stacks, and what the allocator maps for each thread, some 230 MiB in all.
ADDRESS_SPACE = 480 * MEBIBYTE
BUDGETS = """
[limits]
history_bytes_max = "32MiB"
outbox_bytes_max = "1MiB"
outbox_total_bytes_max = "32MiB"
channels_max = 50_000
idempotency_keys_max = 10_000
channels_per_connection_max = 100_000
connections_max = 400
[namespace.default]
history = { messages = 1_000_000, age = "1h" }
[namespace.lost]
history = { messages = 0 }
"""


@pytest.fixture(scope="module")
def short_of_memory(tmp_path_factory):
    """A broker to which the kernel gives little more than its budgets need. It meets one flood after the other."""
    if SANITIZED:
        pytest.skip("sanitizers map terabytes")
    broker = Broker(tmp_path_factory.mktemp("short_of_memory"))
    broker.start(config=BUDGETS)
    resource.prlimit(broker.pid, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    yield broker
    assert broker.process.poll() is None, broker.said()
    status = pathlib.Path(f"/proc/{broker.pid}/status").read_text(encoding="ascii")
    print("address space, at most:", re.search(r"VmPeak:.*", status)[0])
    with Session(broker, "h0") as session:
        session.push("subscribed")
        session.publish("h0", "alive")
        assert session.push("message")["data"] == "alive"
    broker.stop()


def test_a_flood_of_history_is_evicted_within_its_budget(short_of_memory):
    broker = short_of_memory
    batch = [{"op": "publish", "channel": f"h{number}", "data": "x" * 60_000} for number in range(15)]
    for _ in range(80):  # 72 MB
        assert post(broker, batch)[0].status == 200
    assert broker.metric("crier_history_evicted_total") > 500
    assert broker.metric("crier_history_bytes") <= 32 * MEBIBYTE


def test_stuck_subscribers_are_ended_within_the_budget(short_of_memory):
    broker = short_of_memory
    with contextlib.ExitStack() as held:
        for number in range(100):
            stuck = held.enter_context(RawWebSocket(broker, f"/message?channel=lost:{number}", receive_bytes=4096))
            assert stuck.read_json()["op"] == "subscribed"
        every = [f"lost:{number}" for number in range(100)]
        sent = 0
        while broker.metric("crier_messages_dropped_total", reason="slow_consumer") < 1000:
            answer, _ = post(broker, {"op": "publish", "channels": every, "data": "x" * 60_000})
            assert answer.status == 200
            assert broker.metric("crier_outbox_bytes") <= 32 * MEBIBYTE
            sent += 1
        print(f"{sent * 6} MB were sent until a thousand messages had been dropped")


def test_big_messages_that_never_end_take_what_is_received_and_no_more(short_of_memory):
    broker = short_of_memory
    with contextlib.ExitStack() as held:
        for _ in range(200):
            raw = held.enter_context(RawWebSocket(broker))
            raw.send(b"\x81\xff" + (MEBIBYTE).to_bytes(8, "big") + bytes(4) + bytes(500_000))
        with Session(broker) as session:
            session.nothing_more()


def test_a_crowd_of_requests_and_readers_of_nothing_is_bounded(short_of_memory):
    broker = short_of_memory
    asks = text_frame([{"op": "ping", "id": "x" * 60}] * 500)
    with contextlib.ExitStack() as held:
        crowd = [held.enter_context(RawWebSocket(broker, receive_bytes=4096)) for _ in range(50)]
        for raw in crowd:
            raw.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while raw.socket.send(asks):
                    pass
        with Session(broker) as session:
            session.nothing_more()
        assert broker.metric("crier_outbox_bytes") <= 32 * MEBIBYTE


def test_floods_of_channels_and_keys_end_in_refusals(short_of_memory):
    broker = short_of_memory
    refused = 0
    for start in range(0, 70_000, 1000):
        answer, replies = post(broker, [{"op": "publish", "channel": f"{'c' * 100}{number}", "data": 1, "key": "k" * 60}
                                        for number in range(start, start + 1000)])
        assert answer.status in (200, 207)
        refused += sum(reply.get("code") == "limit_exceeded" for reply in replies)
    assert refused > 50_000
    assert broker.metric("crier_publishes_refused_total") == refused
