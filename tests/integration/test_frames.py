"""RFC 6455 on the wire, with frames that no library would send."""

import json
import struct
import zlib

import pytest

from clients import (BINARY, CLOSE, FIN, PING, PONG, RSV1, TEXT, RawHttp, RawWebSocket, frame, text_frame,
                     upgrade_request)

PING_COMMAND = b'{"op":"ping"}'
SMALL = '[limits]\nincoming_bytes_max = "4KiB"\n[namespace.default]\nmessage_bytes_max = "2KiB"\n'


def close_after(broker, wire):
    with RawWebSocket(broker) as raw:
        raw.send(wire)
        return raw.read_close()


@pytest.mark.parametrize("wire", [
    frame(FIN | TEXT, PING_COMMAND, masked=False),
    frame(FIN | RSV1 | TEXT, PING_COMMAND),
    frame(FIN | 0x20 | TEXT, PING_COMMAND),
    frame(FIN | 0x10 | TEXT, PING_COMMAND),
    frame(FIN | RSV1 | PING, b""),
    frame(FIN | 0x3, b""), frame(FIN | 0x7, b""), frame(FIN | 0xB, b""), frame(FIN | 0xF, b""),
    frame(PING, b""),
    frame(FIN | PING, b"x" * 126),
    frame(FIN | CLOSE, b"x" * 126),
    frame(FIN | 0x0, b"no start"),
    frame(TEXT, b"{") + frame(FIN | TEXT, b"}"),
    frame(TEXT, b"{") + frame(FIN | BINARY, b"}"),
    b"\x81\xfe\x00\x05abcdxxxxx",
    b"\x81\xff" + struct.pack("!Q", 200) + b"abcd",
    b"\x81\xff\x80" + b"\0" * 7 + b"abcd",
    frame(FIN | CLOSE, b"\x03"),
    frame(FIN | CLOSE, struct.pack("!H", 999)), frame(FIN | CLOSE, struct.pack("!H", 1004)),
    frame(FIN | CLOSE, struct.pack("!H", 1005)), frame(FIN | CLOSE, struct.pack("!H", 1006)),
    frame(FIN | CLOSE, struct.pack("!H", 1015)), frame(FIN | CLOSE, struct.pack("!H", 2999)),
    frame(FIN | CLOSE, struct.pack("!H", 5000)), frame(FIN | CLOSE, struct.pack("!H", 0)),
], ids=[
    "unmasked", "rsv1", "rsv2", "rsv3", "rsv1_ping", "opcode_3", "opcode_7", "opcode_11", "opcode_15",
    "fragmented_ping", "ping_126", "close_126", "continuation_first", "text_in_text", "binary_in_text",
    "length_16_too_long", "length_64_too_long", "length_64_top_bit", "close_1_byte",
    "close_999", "close_1004", "close_1005", "close_1006", "close_1015", "close_2999", "close_5000", "close_0"])
def test_a_protocol_error_closes_with_1002_and_a_reason(broker, wire):
    code, reason = close_after(broker, wire)
    assert code == 1002
    assert reason


@pytest.mark.parametrize("wire", [
    frame(FIN | TEXT, b"\xff"), frame(FIN | TEXT, b"\xed\xa0\x80"), frame(FIN | TEXT, b"\xc0\xaf"),
    frame(FIN | TEXT, b"\xf4\x90\x80\x80"), frame(FIN | TEXT, b"abc\xe2\x82"),
    frame(TEXT, b"\xe2\x82") + frame(FIN, b"x"),
    frame(FIN | CLOSE, struct.pack("!H", 1000) + b"\xff"),
], ids=["ff", "surrogate", "overlong", "above_10ffff", "cut_off", "cut_between_fragments", "close_reason"])
def test_text_that_is_no_utf8_closes_with_1007(broker, wire):
    code, reason = close_after(broker, wire)
    assert code == 1007
    assert reason


def test_bad_utf8_is_found_before_its_frame_is_whole(broker):
    code, _ = close_after(broker, frame(FIN | TEXT, b"\xff" * 10, length=1000))
    assert code == 1007


def test_a_binary_message_on_json_closes_with_1003(broker):
    code, reason = close_after(broker, frame(FIN | BINARY, PING_COMMAND))
    assert code == 1003
    assert reason


@pytest.mark.parametrize("length", [1024 * 1024 + 1, 2**40, 2**63 - 1])
def test_a_frame_over_the_limit_closes_with_1009_when_it_is_announced(broker, length):
    code, reason = close_after(broker, frame(FIN | TEXT, b"", length=length))
    assert code == 1009
    assert reason


def test_fragments_that_add_up_over_the_limit_close_with_1009(start_broker):
    broker = start_broker(config=SMALL)
    code, _ = close_after(broker, frame(TEXT, b" " * 4000) + frame(0, b" " * 96) + frame(FIN, b" "))
    assert code == 1009


def test_a_message_at_the_limit_is_taken(start_broker):
    broker = start_broker(config=SMALL)
    with RawWebSocket(broker) as raw:
        raw.send(frame(FIN | TEXT, PING_COMMAND + b" " * (4096 - len(PING_COMMAND))))
        assert raw.read_json() == {"op": "pong"}


@pytest.mark.parametrize("payload", [b"", b"x", b"\0\xff" * 62 + b"!"])
def test_a_ping_is_answered_with_its_payload(broker, payload):
    with RawWebSocket(broker) as raw:
        raw.send(frame(FIN | PING, payload))
        assert raw.read_frame() == (FIN | PONG, payload)


def test_a_ping_between_fragments_is_answered_before_the_message_is_whole(broker):
    with RawWebSocket(broker) as raw:
        raw.send(frame(TEXT, b'{"op":') + frame(FIN | PING, b"now"))
        assert raw.read_frame() == (FIN | PONG, b"now")
        raw.send(frame(0, b'"ping"') + frame(0, b"") + frame(FIN, b"}"))
        assert raw.read_json() == {"op": "pong"}


def test_pongs_that_nobody_asked_for_are_ignored(broker):
    with RawWebSocket(broker) as raw:
        raw.send(frame(FIN | PONG, b"unasked") * 100 + text_frame({"op": "ping", "id": 1}))
        assert raw.read_json() == {"op": "pong", "id": 1}


def test_a_thousand_pings_in_one_write_get_a_thousand_pongs_or_the_newest_ones(broker):
    with RawWebSocket(broker) as raw:
        raw.send(b"".join(frame(FIN | PING, str(i).encode()) for i in range(1000)))
        last = -1
        while last < 999:  # RFC 6455 5.5.3: only the most recent ping needs an answer
            first, payload = raw.read_frame()
            assert first == FIN | PONG
            assert int(payload) > last
            last = int(payload)


def test_one_byte_at_a_time_is_as_good_as_all_at_once(broker, channel):
    with RawWebSocket(broker) as raw:
        wire = (frame(FIN | PING, b"p") + text_frame({"op": "subscribe", "channel": channel, "id": 1})
                + text_frame({"op": "publish", "channel": channel, "data": "é" * 100}))
        for byte in wire:
            raw.send(bytes([byte]))
        assert raw.read_frame() == (FIN | PONG, b"p")
        assert raw.read_json()["op"] == "subscribed"
        assert raw.read_json()["data"] == "é" * 100


@pytest.mark.parametrize("payload, code", [
    (b"", 1005), (struct.pack("!H", 1000), 1000), (struct.pack("!H", 1001) + b"tab closed", 1001),
    (struct.pack("!H", 3000), 3000), (struct.pack("!H", 4999) + "ü".encode(), 4999)])
def test_a_close_frame_is_returned_with_its_code(broker, payload, code):
    assert close_after(broker, frame(FIN | CLOSE, payload))[0] == code


def test_nothing_after_a_close_frame_is_looked_at(broker):
    wire = frame(FIN | CLOSE, struct.pack("!H", 1000)) + b"\xff" * 100
    assert close_after(broker, wire)[0] == 1000


def test_frames_that_came_with_the_upgrade_in_one_write_are_read(broker):
    with RawHttp(broker) as raw:
        raw.send(upgrade_request(broker).encode() + text_frame({"op": "ping", "id": "early"}))
        assert raw.answer(body=False).status == 101
        raw.read_frame = RawWebSocket.read_frame.__get__(raw)
        assert json.loads(raw.read_frame()[1])["op"] == "welcome"
        assert json.loads(raw.read_frame()[1]) == {"op": "pong", "id": "early"}


def test_big_messages_arrive_compressed_and_small_ones_and_the_welcome_do_not(broker, channel):
    with RawWebSocket(broker, Sec_WebSocket_Extensions="permessage-deflate") as raw:
        assert "permessage-deflate" in raw.upgrade.headers["sec-websocket-extensions"]
        assert raw.first == FIN | TEXT
        raw.send(text_frame({"op": "subscribe", "channel": channel}))
        assert raw.read_json()["op"] == "subscribed"
        raw.send(text_frame({"op": "publish", "channel": channel, "data": "small"}))
        assert raw.read_json()["data"] == "small"
        raw.send(text_frame({"op": "publish", "channel": channel, "data": "large " * 1000}))
        first, payload = raw.read_frame()
        assert first == FIN | RSV1 | TEXT
        assert len(payload) < 600


def test_without_an_offer_nothing_is_compressed(broker, channel):
    with RawWebSocket(broker) as raw:
        assert "sec-websocket-extensions" not in raw.upgrade.headers
        raw.send(text_frame({"op": "subscribe", "channel": channel}))
        assert raw.read_json()["op"] == "subscribed"
        raw.send(text_frame({"op": "publish", "channel": channel, "data": "large " * 1000}))
        assert raw.read_json()["data"] == "large " * 1000


def test_a_compressed_message_that_inflates_over_the_limit_closes_with_1009(broker):
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = (squeezed.compress(b" " * 64 * 1024 * 1024) + squeezed.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with RawWebSocket(broker, Sec_WebSocket_Extensions="permessage-deflate") as raw:
        raw.send(frame(FIN | RSV1 | TEXT, bomb))
        assert raw.read_close()[0] == 1009


def test_rubbish_in_a_compressed_message_closes_with_1007(broker):
    with RawWebSocket(broker, Sec_WebSocket_Extensions="permessage-deflate") as raw:
        raw.send(frame(FIN | RSV1 | TEXT, b"\xff" * 50))
        assert raw.read_close()[0] in (1002, 1007)
