"""What one message can set off: the work is done in portions, and memory stays what the limits say."""

import contextlib
import json
import pathlib
import re
import socket
import threading

from broker_process import SANITIZED, eventually, scaled
from clients import RawHttp, RawWebSocket, connect
from http_wire import LONG_ANSWER_CHANNELS, LONG_ANSWERS, assert_long_answer, broadcasts, post

# To a thousand channels fifteen times: 900 MB if it were all on its way at once.
DATA = "x" * 60_000
THOUSAND = [f"c{number}" for number in range(1000)]


# What the channels keep is bounded too, and is not what these tests are about.
LITTLE_HISTORY = '[limits]\nhistory_bytes_max = "8MiB"\n'


def peak_resident_kb(broker):
    status = pathlib.Path(f"/proc/{broker.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def assert_peak_below(broker, mebibytes):
    """A sanitizer's shadow and quarantine are not the broker's."""
    assert SANITIZED or peak_resident_kb(broker) < mebibytes * 1024


def offset(position):
    return int(position.partition(":")[2])


def assert_published(replies, count):
    """`count` replies with the channels in order; each channel saw the broadcasts in order."""
    assert [reply["op"] for reply in replies] == ["published"] * count
    for reply in replies:
        assert [result["channel"] for result in reply["results"]] == THOUSAND
    by_id = sorted(replies, key=lambda reply: reply["id"])
    assert [reply["id"] for reply in by_id] == list(range(count))
    for at in range(len(THOUSAND)):
        offsets = [offset(reply["results"][at]["position"]) for reply in by_id]
        assert offsets == sorted(set(offsets))


async def test_one_message_of_many_broadcasts_to_a_thousand_channels_takes_bounded_memory(start_broker):
    broker = start_broker(config=LITTLE_HISTORY)
    async with connect(broker) as client:
        await client.connection.send(json.dumps(broadcasts(15, THOUSAND, DATA), separators=(",", ":")))
        replies = [await client.next() for _ in range(15)]
        assert_published(replies, 15)
        assert_peak_below(broker, 64)
        await client.subscribe("c7")
        await client.send(op="publish", channel="c7", data="after")
        assert (await client.next())["data"] == "after"


def test_one_post_of_many_broadcasts_to_a_thousand_channels_takes_bounded_memory(start_broker):
    broker = start_broker(config=LITTLE_HISTORY)
    with RawHttp(broker) as http:
        http.send(post(broker, broadcasts(15, THOUSAND, DATA)))
        answer = http.answer()
        assert answer.status == 200
        replies = answer.json()
        assert [reply["id"] for reply in replies] == list(range(15))
        assert_published(replies, 15)
        assert_peak_below(broker, 64)
        http.send(post(broker, {"op": "ping", "id": "after"}))
        assert http.answer().json()["id"] == "after"


def test_an_answer_far_over_the_outbox_limit_arrives_whole(start_broker):
    broker = start_broker(config=LONG_ANSWERS)
    with RawHttp(broker) as http:
        http.send(post(broker, broadcasts(60, LONG_ANSWER_CHANNELS, "x" * 101)))
        eventually(lambda: broker.metric("crier_outbox_bytes") > 1024 * 1024)  # and the kernel's buffers are full
        assert_long_answer(http.answer(), 60)
        http.send(post(broker, {"op": "ping", "id": "after"}))
        assert http.answer().json()["id"] == "after"


def swallow(connection):
    """Reads and forgets, until the connection ends."""
    room = bytearray(1 << 20)
    with contextlib.suppress(OSError):
        while connection.recv_into(room):
            pass


async def test_a_slow_reader_of_small_messages_does_not_keep_the_big_ones_of_its_neighbours(start_broker):
    broker = start_broker(threads=1)
    big, filler = "q" * 60_000, "z" * 30_000
    with RawWebSocket(broker, "/message?channel=big") as fast, RawWebSocket(broker, "/message?channel=tiny") as slow:
        assert slow.read_json()["op"] == fast.read_json()["op"] == "subscribed"
        reader = threading.Thread(target=swallow, args=(fast.socket,))
        reader.start()
        async with connect(broker) as publisher:
            fillers = 0
            while broker.metric("crier_outbox_bytes") < 30_000:  # the slow one's socket is not full yet
                for _ in range(4):
                    await publisher.call("publish", channel="tiny", data=filler)
                fillers += 4
            before = broker.resident_kb()
            rounds = scaled(400, 60)
            for number in range(rounds):
                await publisher.send(op="publish", channel="tiny", data=number)
                for _ in range(2):
                    await publisher.send(op="publish", channel="big", data=big)
                assert (await publisher.call("publish", channel="big", data=big))["op"] == "published"
            assert SANITIZED or broker.resident_kb() - before < 16 * 1024
        assert broker.metric("crier_connections_closed_total", code="slow_consumer") == 0
        got = [slow.read_json()["data"] for _ in range(fillers + rounds)]
        assert got == [filler] * fillers + list(range(rounds))
        fast.socket.shutdown(socket.SHUT_RDWR)
        reader.join()
