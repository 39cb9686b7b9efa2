"""Peers that lie, stall, vanish or send rubbish: each is dealt with, and nobody else notices."""

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time

import pytest

from broker_process import SLOWNESS, eventually, scaled
from clients import (CLOSE, FIN, PATIENCE, PING, TEXT, RawHttp, RawWebSocket, connect, dial, frame,
                     read_to_the_end, text_frame, upgrade_request)

SHORT = '[limits]\nhandshake_timeout = "300ms"\nbody_timeout = "300ms"\n'


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


async def assert_alive(broker):
    async with connect(broker, "?channel=alive") as client:
        assert (await client.next())["op"] == "subscribed"
        await client.send(op="publish", channel="alive", data=1)
        assert (await client.next())["data"] == 1


@pytest.mark.parametrize("sent", [
    b"", b"G", b"GET /message HTTP/1.1\r\nHost: localhost\r\n",
    b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    b"POST /message HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"],
    ids=["silent", "one_byte", "half_a_head", "half_a_body", "half_a_chunk"])
async def test_a_request_that_never_ends_is_ended_by_its_time_limit(start_broker, sent):
    broker = start_broker(config=SHORT)
    with dial(broker) as connection:
        connection.sendall(sent)
        start = time.monotonic()
        got = read_to_the_end(connection)
        assert time.monotonic() - start < 5 * SLOWNESS
        assert got == b"" or got.startswith(b"HTTP/1.1 408 "), got
    await assert_alive(broker)


async def test_a_head_that_trickles_does_not_outlive_the_time_limit(start_broker):
    broker = start_broker(config=SHORT)
    start = time.monotonic()
    with dial(broker) as connection:
        connection.settimeout(0.05)
        head = upgrade_request(broker, X_Slow="y" * 2000).encode()
        with contextlib.suppress(ConnectionError):
            for byte in head:
                connection.sendall(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1000):
                        break
    assert time.monotonic() - start < 5 * SLOWNESS
    await assert_alive(broker)


async def test_a_connection_that_says_nothing_is_closed_with_4005(start_broker):
    broker = start_broker(config='[limits]\nidle_timeout = "2s"\nheartbeat = "1s"\n')
    with RawWebSocket(broker) as raw:
        assert raw.read_frame()[0] == FIN | PING
        assert raw.read_close()[0] == 4005
    await assert_alive(broker)


async def test_a_connection_that_answers_pings_stays(start_broker):
    broker = start_broker(config='[limits]\nidle_timeout = "2s"\nheartbeat = "1s"\n')
    async with connect(broker, ping_interval=None) as client:  # the library answers pings while it reads
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.connection.recv(), 3.5)
        await client.nothing_more()


async def test_peers_that_vanish_with_a_reset_leave_nothing_behind(start_broker):
    broker = start_broker()
    before = broker.descriptors()
    for number in range(scaled(300, 50)):
        raw = RawWebSocket(broker, f"/message?channel=gone.{number % 7}")
        if number % 3 == 0:
            raw.send(text_frame({"op": "publish", "channel": f"gone.{number % 7}", "data": "x" * 2000}))
        if number % 3 == 1:
            raw.send(frame(FIN | TEXT, b'{"op":"pi', length=5000))
        raw.stream.close()
        reset(raw.socket)
    eventually(lambda: broker.descriptors() <= before)
    eventually(lambda: broker.metric("crier_subscriptions") == 0)
    eventually(lambda: broker.metric("crier_channels") == 0)
    await assert_alive(broker)


async def test_peers_that_vanish_in_the_middle_of_a_handshake_leave_nothing_behind(start_broker):
    broker = start_broker()
    before = broker.descriptors()
    head = upgrade_request(broker).encode()
    for number in range(len(head)):
        connection = dial(broker)
        connection.sendall(head[:number])
        (reset if number % 2 else socket.socket.close)(connection)
    eventually(lambda: broker.descriptors() <= before)
    await assert_alive(broker)


async def test_a_half_open_peer_gets_the_answers_to_what_it_sent(broker, channel):
    with RawWebSocket(broker, f"/message?channel={channel}") as raw:
        assert raw.read_json()["op"] == "subscribed"
        raw.send(text_frame({"op": "publish", "channel": channel, "data": 1, "id": "before the end"}))
        raw.socket.shutdown(socket.SHUT_WR)
        async with connect(broker) as client:
            await client.nothing_more()
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                raw.read_frame()
    await assert_alive(broker)


async def test_a_half_open_http_client_still_reads_its_answer(broker):
    with RawHttp(broker) as http:
        http.send('POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 22\r\n\r\n{"op":"ping","id":123}')
        http.socket.shutdown(socket.SHUT_WR)
        assert http.answer().json() == {"op": "pong", "id": 123}


async def test_a_subscriber_that_never_reads_is_cut_off_and_the_healthy_ones_get_everything(start_broker):
    broker = start_broker(config='[limits]\noutbox_bytes_max = "256KiB"\nincoming_bytes_max = "64KiB"\n'
                                 '[namespace.default]\nmessage_bytes_max = "32KiB"\nhistory = { messages = 0 }\n')
    stuck = [RawWebSocket(broker, "/message?channel=news") for _ in range(3)]
    payload = "x" * 16_000
    count = 600  # 10 MB: more than an outbox and the kernel's buffers hold
    async with connect(broker, "?channel=news") as healthy, connect(broker) as publisher:
        assert (await healthy.next())["op"] == "subscribed"
        for number in range(count):
            await publisher.send(op="publish", channel="news", data=[number, payload])
            assert (await healthy.next())["data"][0] == number
        eventually(lambda: broker.metric("crier_connections_closed_total", code="slow_consumer") == len(stuck))
        assert broker.metric("crier_messages_dropped_total", reason="slow_consumer") > 0
        assert broker.metric("crier_websockets") == 2
        await healthy.nothing_more()
    for raw in stuck:
        with raw:  # what was on its way still comes, whole; then 4000, or the reset that follows 5 s later
            with contextlib.suppress(EOFError, ConnectionResetError):
                while True:
                    first, frame_payload = raw.read_frame()
                    if first == FIN | CLOSE:
                        assert struct.unpack("!H", frame_payload[:2])[0] == 4000
                        break
                    json.loads(frame_payload)


async def test_a_peer_that_asks_and_never_reads_the_answers_is_bounded(start_broker):
    broker = start_broker()
    before = broker.resident_kb()
    with RawWebSocket(broker) as raw:
        raw.socket.settimeout(2)
        pings = text_frame([{"op": "ping", "id": "x" * 60}] * 500)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(2000):
                raw.send(pings)
        assert broker.resident_kb() - before < 32 * 1024 * SLOWNESS
        await assert_alive(broker)


async def test_random_bytes_instead_of_a_request_never_harm_anybody(broker):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(scaled(300, 40)):
        with dial(broker) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(chance.randbytes(chance.randrange(1, 3000)))
                connection.shutdown(socket.SHUT_WR)
                got = read_to_the_end(connection)
                assert got == b"" or got.startswith(b"HTTP/1.1 4") or got.startswith(b"HTTP/1.1 5"), got[:100]
    await assert_alive(broker)


def damaged(chance, wire):
    """Some bytes of a good message changed, left out or doubled."""
    wire = bytearray(wire)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(wire))
        match chance.randrange(3):
            case 0: wire[at] = chance.randrange(256)
            case 1: del wire[at:at + chance.randrange(1, 4)]
            case 2: wire[at:at] = wire[at:at + chance.randrange(1, 20)]
        if not wire:
            break
    return bytes(wire)


@pytest.mark.parametrize("extensions", [None, "permessage-deflate"])
async def test_damaged_frames_get_an_answer_or_a_close_and_never_harm_anybody(broker, channel, extensions):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    good = (text_frame({"op": "subscribe", "channel": channel}) + frame(FIN | PING, b"p")
            + frame(TEXT, b'{"op":"publish","channel":"') + frame(FIN, channel.encode() + b'","data":[1,"\xc3\xa9"]}'))
    for _ in range(scaled(300, 40)):
        with RawWebSocket(broker, Sec_WebSocket_Extensions=extensions) as raw:
            with contextlib.suppress(EOFError, ConnectionError):
                raw.send(damaged(chance, good) + frame(FIN | CLOSE, b""))
                raw.socket.shutdown(socket.SHUT_WR)
                while True:
                    first, payload = raw.read_frame()
                    if first == FIN | CLOSE:
                        assert payload == b"" or 1000 <= struct.unpack("!H", payload[:2])[0] < 5000
                        break
    await assert_alive(broker)


async def test_memory_is_not_taken_for_what_a_peer_only_announces(start_broker, monkeypatch):
    # AddressSanitizer keeps up to 256 MiB that were freed, and a TLS handshake frees much; we ask what is in use.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    broker = start_broker()
    before = broker.resident_kb()
    held = [RawWebSocket(broker) for _ in range(200)]
    for raw in held:
        raw.send(frame(FIN | TEXT, b"x", length=1024 * 1024))
    held_http = [dial(broker) for _ in range(200)]
    for connection in held_http:
        connection.sendall(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n{")
    await assert_alive(broker)
    assert broker.resident_kb() - before < 16 * 1024 * SLOWNESS
    for connection in held + held_http:
        connection.__exit__()


async def test_a_publisher_in_front_of_a_slow_home_is_held_back_and_loses_nothing(start_broker):
    broker = start_broker(config='[limits]\ninflight_bytes_max = "128KiB"\noutbox_bytes_max = "16MiB"\n')
    async with connect(broker, "?channel=held") as subscriber, connect(broker) as publisher:
        assert (await subscriber.next())["op"] == "subscribed"
        count = scaled(20_000, 2_000)

        async def publish():
            for start in range(0, count, 100):
                await publisher.connection.send(json.dumps(
                    [{"op": "publish", "channel": "held", "data": n} for n in range(start, start + 100)]))

        publishing = asyncio.create_task(publish())
        assert [(await subscriber.next())["data"] for _ in range(count)] == list(range(count))
        await publishing


def test_over_the_connection_limit_an_upgrade_is_503_with_retry_after(start_broker):
    broker = start_broker(config="[limits]\nconnections_max = 3\n")
    held = [RawWebSocket(broker) for _ in range(3)]
    with RawHttp(broker) as http:
        http.send(upgrade_request(broker))
        answer = http.answer()
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
    held.pop().__exit__()

    def admitted():
        with contextlib.suppress(AssertionError, OSError), RawWebSocket(broker):
            return True
        return False

    eventually(admitted, seconds=PATIENCE)
    for raw in held:
        raw.__exit__()
