"""crier.v1.cbor, spoken by Debian's python3-cbor2: the same commands and pushes as binary messages."""

import asyncio
import base64
import contextlib
import math

import cbor2
import pytest
import websockets

from broker_process import eventually
from clients import PATIENCE, Client, RawHttp, connect
from recovery import data_of, history

PROTOCOL = "crier.v1.cbor"


class CborClient(Client):
    async def next(self):
        message = await self.text()
        assert isinstance(message, bytes), message
        decoded = cbor2.loads(message)
        assert list(decoded)[0] == "op"
        return decoded

    async def send(self, **command):
        await self.connection.send(cbor2.dumps(command))


@contextlib.asynccontextmanager
async def connect_cbor(broker, query=""):
    async with websockets.connect(broker.websocket_url + query, max_size=None, subprotocols=[PROTOCOL]) as connection:
        assert connection.subprotocol == PROTOCOL
        client = CborClient(connection)
        client.welcome = await client.next()
        assert client.welcome["op"] == "welcome"
        yield client


def post_cbor(broker, body, content_type="application/cbor"):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return http.answer()


async def test_the_welcome_says_the_same_in_both_forms(broker):
    async with connect_cbor(broker) as one, connect(broker) as other:
        assert set(one.welcome) == set(other.welcome)
        assert one.welcome["limits"] == other.welcome["limits"]


async def test_the_clients_order_of_preference_chooses(broker):
    for order in (["crier.v1.json", PROTOCOL], ["soap", PROTOCOL, "crier.v1.json"]):
        async with websockets.connect(broker.websocket_url, subprotocols=order) as connection:
            chosen = order[-2] if order[0] == "soap" else order[0]
            assert connection.subprotocol == chosen
            assert isinstance(await connection.recv(), bytes) == (chosen == PROTOCOL)


@pytest.mark.parametrize("data", [
    None, True, False, 0, -1, 23, 24, 255, 256, 65536, 2**53, 2**53 + 1, 2**63 - 1, 2**64 - 1, -2**63, 1.5, -1e300, "",
    "text", "ü€𝄞", "\"\\/\b\f\n\r\t\u0001\u007f\u2028",
    [], {}, [1, [2, [3]]], {"a": {"b": [None, {"c": "d"}]}, "": 0},
    "x" * 50_000, list(range(2000))])
async def test_data_is_the_same_to_subscribers_of_both_forms_whoever_publishes(broker, channel, data):
    async with connect_cbor(broker) as cbor, connect(broker) as text:
        await cbor.subscribe(channel)
        await text.subscribe(channel)
        for publisher in (cbor, text):
            await publisher.send(op="publish", channel=channel, data=data)
            one, other = await cbor.next(), await text.next()
            assert one["data"] == other["data"] == data
            assert type(one["data"]) is type(data) and type(other["data"]) is type(data)
            assert one == other


@pytest.mark.parametrize("size", [0, 1, 2, 3, 23, 24, 255, 256, 40_000])
async def test_a_byte_string_is_base64_in_json_and_comes_back_from_it(broker, channel, size):
    data = bytes(number * 7 % 256 for number in range(size))
    async with connect_cbor(broker) as cbor, connect(broker) as text:
        await cbor.subscribe(channel)
        await text.subscribe(channel)
        await cbor.send(op="publish", channel=channel, data=data)
        await text.send(op="publish", channel=channel, data=base64.b64encode(data).decode(), encoding="base64")
        for _ in range(2):
            one, other = await cbor.next(), await text.next()
            assert one["data"] == data and "encoding" not in one
            assert (other["data"], other["encoding"]) == (base64.b64encode(data).decode(), "base64")
        # And out of the history, by the command and by a replay.
        assert data_of((await cbor.call("history", channel=channel))["messages"]) == [data, data]
        assert {m["encoding"] for m in history(broker, channel)["messages"]} == {"base64"}
        await cbor.call("unsubscribe", channel=channel)
        assert (await cbor.call("subscribe", channel=channel, last=2))["replayed"] == 2
        assert [(await cbor.next())["data"] for _ in range(2)] == [data, data]


async def test_text_that_looks_like_base64_stays_text(broker, channel):
    async with connect_cbor(broker) as cbor, connect(broker) as text:
        await cbor.subscribe(channel)
        await text.send(op="publish", channel=channel, data="3q2+7w==")
        assert (await cbor.next())["data"] == "3q2+7w=="


async def test_every_command_is_answered_in_cbor(broker, channel):
    async with connect_cbor(broker) as client, connect(broker) as other:
        reply = await client.call("subscribe", channel=channel, presence=True)
        assert reply["members"] == [{"session": client.welcome["session"]}]
        await other.subscribe(channel)
        assert (await client.next())["op"] == "join"
        published = await client.call("publish", channel=channel, data=1, echo=False, key="k", conflate="c", ttl=60)
        assert published["op"] == "published"
        found = await client.call("history", channel=channel, limit=1, reverse=True)
        assert [(m["data"], m["position"]) for m in found["messages"]] == [(1, published["position"])]
        assert (await client.call("presence", channel=channel))["count"] == 2
        await client.subscribe(f"{channel}.*")
        reply = await client.call("publish", channels=[f"{channel}.a", f"{channel}.b"], data=None, echo=False)
        assert [result["channel"] for result in reply["results"]] == [f"{channel}.a", f"{channel}.b"]
        assert (await client.call("unsubscribe", channel=channel))["op"] == "unsubscribed"
        error = await client.call("unsubscribe", channel=channel)
        assert (error["code"], error["channel"]) == ("not_subscribed", channel)


async def test_an_array_of_commands_and_ids_of_both_kinds(broker):
    async with connect_cbor(broker) as client:
        ids = ["first", "", "ü" * 32, 0, -1, 2**53 - 1, -(2**53) + 1]
        await client.connection.send(cbor2.dumps([{"op": "ping", "id": number} for number in ids]))
        assert [(await client.next())["id"] for _ in ids] == ids


async def test_the_ways_to_write_one_value_are_all_read(broker, channel):
    # Indefinite lengths, longer heads than needed, half and single floats (RFC 8949 sections 3.2 and 4.2).
    op, ping = cbor2.dumps("op"), cbor2.dumps("ping")
    async with connect_cbor(broker) as client:
        for wire in (b"\xbf" + op + ping + b"\xff", b"\xb8\x01" + op + ping, b"\xbb" + bytes(7) + b"\x01" + op + ping,
                     b"\xa1\x78\x02op\x78\x04ping", b"\xa1\x7f\x61o\x61p\xff\x7f\x62pi\x62ng\xff",
                     b"\x9f\xa1" + op + ping + b"\xff"):
            await client.connection.send(wire)
            answer = await client.next()
            assert answer == {"op": "pong"}, (wire, answer)
        await client.subscribe(channel)
        names = ("op", "publish", "channel", channel, "data")
        head = b"\xa3" + b"".join(map(cbor2.dumps, names))
        for wire, value in ((b"\xf9\x3e\x00", 1.5), (b"\xfa\x3f\xc0\x00\x00", 1.5), (b"\x9f\x01\x02\xff", [1, 2]),
                            (b"\xbf\x61a\x01\xff", {"a": 1}), (b"\x5f\x42\x01\x02\x41\x03\xff", b"\1\2\3"),
                            (b"\x1b" + bytes(7) + b"\x07", 7)):
            await client.connection.send(head + wire)
            assert (await client.next()).get("data") == value, wire


def publish_wire(data):
    """A publish whose `data` is these bytes."""
    return (b"\xa3" + cbor2.dumps("op") + cbor2.dumps("publish") + cbor2.dumps("channel") + cbor2.dumps("bad")
            + cbor2.dumps("data") + data)


BAD = {
    "nothing": b"", "a break": b"\xff", "a number": b"\x01", "a text": b"\x62hi",
    "an array of numbers": b"\x82\x01\x02",
    "reserved information": b"\x1c", "a map that ends": b"\xa2\x62op\x64ping",
    "a value behind": b"\xa1\x62op\x64ping\x01",
    "a key that is a number": b"\xa2\x62op\x64ping\x01\x02", "a key that is bytes": b"\xa2\x62op\x64ping\x41a\x02",
    "a key twice": b"\xa2\x62op\x64ping\x62op\x64ping",
    "a map of 2^64-1 entries": b"\xbb" + b"\xff" * 8, "an array of 2^64-1": b"\x9b" + b"\xff" * 8,
    "an array of 2^32-1": b"\x9a" + b"\xff" * 4, "a text of 2^63": b"\x7b\x80" + bytes(7) + b"a",
    "data cut short": publish_wire(b"\x63ab"), "bytes that lie": publish_wire(b"\x5b" + b"\xff" * 8 + b"x"),
    "an array that lies": publish_wire(b"\x9a\xff\xff\xff\xff\x01"), "a tag": publish_wire(b"\xc1\x01"),
    "a bignum": publish_wire(cbor2.dumps(2**64)), "a negative below 64 bits": publish_wire(b"\x3b" + b"\xff" * 8),
    "NaN": publish_wire(cbor2.dumps(math.nan)), "infinity": publish_wire(cbor2.dumps(math.inf)),
    "half NaN": publish_wire(b"\xf9\x7e\x00"), "-infinity as single": publish_wire(b"\xfa\xff\x80\x00\x00"),
    "undefined": publish_wire(b"\xf7"), "a simple value": publish_wire(b"\xf8\x20"), "simple 0": publish_wire(b"\xe0"),
    "two-byte false": publish_wire(b"\xf8\x14"),
    "bytes in an array": publish_wire(cbor2.dumps([b"x"])), "bytes in a map": publish_wire(cbor2.dumps({"a": b"x"})),
    "a number as key in data": publish_wire(cbor2.dumps({1: 2})), "null as key in data": publish_wire(b"\xa1\xf6\x01"),
    "text that is not UTF-8": publish_wire(b"\x62\xc3\x28"), "a lone surrogate": publish_wire(b"\x63\xed\xa0\x80"),
    "a chunk cut inside a character": publish_wire(b"\x7f\x61\xc3\x61\xa9\xff"),
    "chunks of another kind": publish_wire(b"\x5f\x61a\xff"), "nested chunks": publish_wire(b"\x7f\x7f\x61a\xff\xff"),
    "no break": publish_wire(b"\x9f\x01"), "an odd map": publish_wire(b"\xbf\x61a\xff"),
    "65 deep": publish_wire(b"\x81" * 65 + b"\x01"), "a million deep": b"\x81" * 1_000_000,
    "bytes as channel": b"\xa2\x62op\x69subscribe\x67channel\x41a", "bytes as id": b"\xa2\x62op\x64ping\x62id\x41a",
    "a float id": b"\xa2\x62op\x64ping\x62id\xf9\x3c\x00", "JSON": b'{"op":"ping"}',
    "an unknown op": cbor2.dumps({"op": "dance"}), "no op": cbor2.dumps({}),
    "one bad of two": b"\x82\xa1\x62op\x64ping\xa1\x62op\x64pign",
}


@pytest.mark.parametrize("wire", BAD.values(), ids=BAD.keys())
async def test_what_is_no_command_is_a_bad_request_and_the_connection_stays(broker, wire):
    async with connect_cbor(broker) as client:
        await client.connection.send(wire)
        error = await client.next()
        assert (error["op"], error["code"]) == ("error", "bad_request"), error
        assert error["message"]
        await client.nothing_more()
    answer = post_cbor(broker, wire)
    assert answer.status == 400
    assert history(broker, "bad")["messages"] == []


async def test_text_on_cbor_and_binary_on_json_are_1003(broker):
    async with connect_cbor(broker) as client:
        await client.connection.send('{"op":"ping"}')
        assert await client.close_code() == 1003
    async with connect(broker) as client:
        await client.connection.send(cbor2.dumps({"op": "ping"}))
        assert await client.close_code() == 1003


async def test_a_post_of_cbor_is_answered_in_cbor(broker, channel):
    async with connect(broker) as subscriber:
        await subscriber.subscribe(channel)
        answer = post_cbor(broker, cbor2.dumps({"op": "publish", "channel": channel, "data": b"\xde\xad"}))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/cbor")
        message = await subscriber.next()
        assert cbor2.loads(answer.body) == {"op": "published", "channel": channel, "position": message["position"]}
        assert (message["data"], message["encoding"]) == ("3q0=", "base64")
    answer = post_cbor(broker, cbor2.dumps([{"op": "ping", "id": 1}, {"op": "history", "channel": channel}]))
    pong, found = cbor2.loads(answer.body)
    assert pong == {"op": "pong", "id": 1}
    assert found["messages"][0]["data"] == b"\xde\xad"
    answer = post_cbor(broker, cbor2.dumps({"op": "publish", "channel": "a b", "data": 1}))
    assert answer.status == 400
    assert "cbor" in answer.headers["content-type"]
    assert cbor2.loads(answer.body)["code"] == "bad_request"


async def test_a_patterns_and_a_gaps_form_is_the_same(start_broker):
    broker = start_broker()
    async with connect_cbor(broker) as cbor, connect(broker) as text:
        for client in (cbor, text):
            await client.subscribe("a.*")
        await text.send(op="publish", channel="a.b", data={"n": 1})
        one, other = await cbor.next(), await text.next()
        assert one == other and one["pattern"] == "a.*"
        before = (await text.call("publish", channel="t", data=0))["position"]
        await text.call("publish", channel="t", data=1, ttl=1)
        eventually(lambda: len(history(broker, "t")["messages"]) == 1)
        for client in (cbor, text):
            assert (await client.call("subscribe", channel="t", since=before))["recovered"] is True
        await text.send(op="publish", channel="t", data=2)
        ones = [await cbor.next(), await cbor.next()]
        assert ones == [await text.next(), await text.next()]
        assert ones[0] == {"op": "gap", "channel": "t", "lost": 1, "conflated": False}


async def test_a_crowd_of_both_forms_sees_one_order(start_broker):
    broker = start_broker(threads=4)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context((connect_cbor if at % 2 else connect)(broker)) for at in range(8)]
        for client in clients:
            await client.subscribe("crowd")

        async def publish(who, client):
            for number in range(100):
                await client.send(op="publish", channel="crowd", data=[who, number])

        await asyncio.gather(*(publish(who, client) for who, client in enumerate(clients)))

        async def read(client):
            return [await client.next() for _ in range(800)]

        orders = await asyncio.wait_for(asyncio.gather(*map(read, clients)), 3 * PATIENCE)
        assert all(order == orders[0] for order in orders)


async def test_numbers_keep_their_digits_where_json_meets_json(broker, channel):
    """A CBOR subscriber beside them changes nothing for those who get the bytes as they came in."""
    async with connect_cbor(broker) as cbor, connect(broker) as text:
        await cbor.subscribe(channel)
        await text.subscribe(channel)
        data = "[1.10,1e2,12345678901234567890123]"
        await text.connection.send('{"op":"publish","channel":"%s","data":%s}' % (channel, data))
        assert f'"data":{data}' in await text.text()
        # What CBOR has no integer for is a float, as in a browser.
        assert (await cbor.next())["data"] == [1.1, 100.0, 12345678901234567890123.0]
