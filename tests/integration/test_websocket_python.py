"""The command language, spoken by Debian's python3-websockets."""

import asyncio
import json
import re

import pytest
import websockets

from clients import RawWebSocket, connect, text_frame

BYTE = r"\bbyte \d+"


async def test_welcome_comes_first_and_tells_session_heartbeat_and_limits(broker):
    async with connect(broker) as one, connect(broker) as other:
        assert list(one.welcome)[0] == "op"
        assert one.welcome["session"] != other.welcome["session"]
        assert len(one.welcome["session"]) >= 22, "128 bits in base64 or hexadecimal"
        assert one.welcome["heartbeat"] == 25
        assert one.welcome["version"]
        assert one.welcome["limits"]["incoming_bytes_max"] == 1024 * 1024


async def test_a_published_message_reaches_every_subscriber_and_no_one_else(broker, channel):
    async with connect(broker) as one, connect(broker) as other, connect(broker) as stranger:
        await one.subscribe(channel)
        await other.subscribe(channel)
        await stranger.subscribe(channel + ".else")
        await one.send(op="publish", channel=channel, data={"text": "hello"})
        for client in (one, other):
            message = await client.next()
            assert list(message)[0] == "op"
            assert (message["op"], message["channel"], message["data"]) == ("message", channel, {"text": "hello"})
            assert message["time"] > 1_600_000_000_000
        await stranger.nothing_more()


async def test_channels_in_the_url_are_subscribed_without_a_command(broker, channel):
    async with connect(broker, f"?channel={channel}.a&channel={channel}.b") as client:
        replies = [await client.next(), await client.next()]
        assert {(r["op"], r["channel"]) for r in replies} == {
            ("subscribed", channel + ".a"), ("subscribed", channel + ".b")}
        assert all("id" not in reply for reply in replies)
        await client.send(op="publish", channel=channel + ".b", data=1)
        assert (await client.next())["data"] == 1


async def test_a_percent_encoded_channel_in_the_url_is_decoded(broker, channel):
    async with connect(broker, f"?channel=chat%3A{channel}%2Fx") as client:
        assert (await client.next())["channel"] == f"chat:{channel}/x"


async def test_publish_is_acknowledged_only_when_it_has_an_id(broker, channel):
    async with connect(broker) as client:
        await client.send(op="publish", channel=channel, data=1)
        await client.nothing_more()
        reply = await client.call("publish", channel=channel, data=2)
        assert (reply["op"], reply["channel"]) == ("published", channel)


async def test_echo_false_keeps_a_message_from_its_publisher_alone(broker, channel):
    async with connect(broker) as one, connect(broker) as other:
        await one.subscribe(channel)
        await other.subscribe(channel)
        assert (await one.call("publish", channel=channel, data="quiet", echo=False))["op"] == "published"
        await one.call("unsubscribe", channel=channel)
        assert (await other.next())["data"] == "quiet"


async def test_exclude_keeps_a_message_from_that_session_alone(broker, channel):
    async with connect(broker) as one, connect(broker) as excluded:
        await one.subscribe(channel)
        await excluded.subscribe(channel)
        await one.send(op="publish", channel=channel, data="first", exclude=excluded.welcome["session"])
        await one.send(op="publish", channel=channel, data="second")
        assert [(await one.next())["data"], (await one.next())["data"]] == ["first", "second"]
        assert (await excluded.next())["data"] == "second"


async def test_an_array_runs_in_order_and_every_reply_is_a_message_of_its_own(broker, channel):
    async with connect(broker) as client:
        await client.connection.send(json.dumps([
            {"op": "subscribe", "channel": channel, "id": 1},
            {"op": "publish", "channel": channel, "data": "a", "id": "two"},
            {"op": "ping", "id": 3}]))
        got = [await client.next() for _ in range(4)]
        assert {(m["op"], m.get("id")) for m in got} == {
            ("subscribed", 1), ("published", "two"), ("message", None), ("pong", 3)}
        order = [m["op"] for m in got]
        assert order.index("subscribed") < order.index("message")


async def test_a_subscription_that_is_left_before_it_is_live_gets_both_replies_and_no_message(broker, channel):
    async with connect(broker) as client:
        await client.connection.send(json.dumps([
            {"op": "subscribe", "channel": channel, "id": 1}, {"op": "unsubscribe", "channel": channel, "id": 2}]))
        replies = [await client.next(), await client.next()]
        assert {reply["id"] for reply in replies} == {1, 2}
        await client.send(op="publish", channel=channel, data="unheard")
        await client.nothing_more()
        await client.subscribe(channel)


async def test_an_array_with_one_bad_command_runs_none_of_them(broker, channel):
    async with connect(broker) as client:
        await client.connection.send(json.dumps([
            {"op": "subscribe", "channel": channel, "id": 1}, {"op": "subscribe", "channel": "a b", "id": 2}]))
        error = await client.next()
        assert (error["op"], error["code"], error["id"]) == ("error", "bad_request", 2)
        await client.nothing_more()
        await client.subscribe(channel)


async def test_an_array_of_more_than_a_thousand_commands_is_refused_whole(broker):
    async with connect(broker) as client:
        await client.connection.send(json.dumps([{"op": "ping"}] * 1001))
        error = await client.next()
        assert error["op"] == "error" and error["code"] in ("bad_request", "limit_exceeded")
        await client.nothing_more()
        await client.connection.send(json.dumps([{"op": "ping", "id": i} for i in range(1000)]))
        assert [(await client.next())["id"] for _ in range(1000)] == list(range(1000))


async def test_a_broadcast_answers_for_each_channel_in_its_place(broker, channel):
    names = [f"{channel}.{i}" for i in range(5)]
    async with connect(broker) as client, connect(broker) as subscriber:
        for name in names:
            await subscriber.subscribe(name)
        reply = await client.call("publish", channels=names, data={"to": "all"})
        assert (reply["op"], [r["channel"] for r in reply["results"]]) == ("published", names)
        assert not any("code" in result for result in reply["results"])
        got = [await subscriber.next() for _ in names]
        assert {m["channel"] for m in got} == set(names)
        assert all(m["data"] == {"to": "all"} for m in got)


async def test_a_broadcast_tells_per_channel_what_failed(start_broker):
    broker = start_broker(config='[namespace.closed]\npublish = "nobody"\n')
    async with connect(broker) as client, connect(broker, "?channel=open.one") as subscriber:
        await subscriber.next()
        reply = await client.call("publish", channels=["open.one", "closed:two", "open.three"], data=1)
        first, second, third = reply["results"]
        assert "code" not in first and "code" not in third
        assert (second["channel"], second["code"]) == ("closed:two", "forbidden")
        assert second["message"]
        assert (await subscriber.next())["data"] == 1


@pytest.mark.parametrize("number", [0, -(2**53) + 1, 2**53 - 1, "", "x" * 64, "ü\"\\"])
async def test_ping_brings_its_id_back_as_it_was(broker, number):
    async with connect(broker) as client:
        await client.send(op="ping", id=number)
        assert await client.next() == {"op": "pong", "id": number}


async def test_ping_without_an_id_is_answered_too(broker):
    async with connect(broker) as client:
        await client.send(op="ping")
        assert await client.text() == '{"op":"pong"}'


@pytest.mark.parametrize("text, says", [
    ('{"op":"ping"', BYTE), ('{"op":"ping",}', BYTE), ("", BYTE + "|empty"), ('{"op":"ping"} x', BYTE),
    ("{'op':'ping'}", BYTE), ('{"op":"ping","id":01}', BYTE), ('{"op":"pi\nng"}', BYTE), ("[", BYTE),
    ('{"op":"ping","op":"ping"}', "op|duplicate"), ('{"op":"publish","channel":"a","data":"\\ud800"}', BYTE),
    ('{"op":"publish","channel":"a","data":' + "[" * 65 + "]" * 65 + "}", "deep|nest|level"),
    ("42", ""), ("null", ""), ("[1]", ""), ("[[]]", ""), ("{}", "op"), ('{"op":7}', "op"),
    ('{"op":"dance"}', "op|dance"),
    ('{"op":"ping","id":1.5}', "id"), ('{"op":"ping","id":9007199254740992}', "id"),
    ('{"op":"ping","id":"' + "x" * 65 + '"}', "id"), ('{"op":"ping","id":null}', "id"), ('{"op":"ping","id":{}}', "id"),
    ('{"op":"subscribe"}', "channel"), ('{"op":"subscribe","channel":5}', "channel"),
    ('{"op":"publish","channel":"a"}', "data"), ('{"op":"publish","data":1}', "channel"),
    ('{"op":"publish","channel":"a","channels":["b"],"data":1}', "channel"),
    ('{"op":"publish","channel":"a","data":1,"echo":"no"}', "echo"),
    ('{"op":"publish","channels":[],"data":1}', "channels"),
    ('{"op":"publish","channels":[' + ",".join(['"a"'] * 1001) + '],"data":1}', "channels"),
])
async def test_a_bad_message_gets_bad_request_that_names_the_fault_and_the_connection_stays(broker, text, says):
    async with connect(broker) as client:
        await client.connection.send(text)
        error = await client.next()
        assert list(error)[0] == "op"
        assert error["op"] == "error"
        assert error["code"] == ("limit_exceeded" if text.count('"a"') > 1000 else "bad_request"), error
        assert re.search(says, error["message"]), error
        await client.nothing_more()


@pytest.mark.parametrize("name", [
    "", "a b", "a..b", ".a", "a.", "x" * 256, "a\"b", "a\\b", "ä", "na me:x", "ns:", ":x", "a\u0000b", "a\u007fb"])
@pytest.mark.parametrize("op", ["subscribe", "publish"])
async def test_a_bad_channel_name_is_a_bad_request_that_names_the_field(broker, op, name):
    async with connect(broker) as client:
        error = await client.call(op, channel=name, data=1)
        assert (error["op"], error["code"], error["command"]) == ("error", "bad_request", op)
        assert "channel" in error["message"]


@pytest.mark.parametrize("name", ["x" * 255, "chat:room.1", "private-chat:a:b", "a/b@c;d,e=f#1!{}[]|~", "_:x"])
async def test_every_printable_channel_name_of_the_contract_works(broker, name):
    async with connect(broker) as client:
        await client.subscribe(name)
        await client.send(op="publish", channel=name, data=name)
        assert (await client.next())["channel"] == name


async def test_a_second_subscribe_is_already_subscribed_and_changes_nothing(broker, channel):
    async with connect(broker) as client:
        await client.subscribe(channel)
        error = await client.call("subscribe", channel=channel)
        assert (error["op"], error["code"], error["channel"]) == ("error", "already_subscribed", channel)
        await client.send(op="publish", channel=channel, data=1)
        assert (await client.next())["data"] == 1
        await client.nothing_more()


async def test_unsubscribe_without_a_subscription_is_not_subscribed(broker, channel):
    async with connect(broker) as client:
        error = await client.call("unsubscribe", channel=channel)
        assert (error["op"], error["code"]) == ("error", "not_subscribed")


async def test_no_message_follows_unsubscribed_while_others_go_on_publishing(broker, channel):
    async with connect(broker) as publisher, connect(broker) as client:
        async def publish():
            for number in range(2000):
                await publisher.send(op="publish", channel=channel, data=number)
                if number % 50 == 0:
                    await asyncio.sleep(0)

        await client.subscribe(channel)
        publishing = asyncio.create_task(publish())
        for _ in range(20):
            await client.send(op="unsubscribe", channel=channel, id="off")
            while (await client.next()).get("id") != "off":
                pass
            await client.nothing_more()
            await client.send(op="subscribe", channel=channel, id="on")
            assert (await client.next())["id"] == "on"
        await publishing


async def test_a_message_over_the_namespaces_limit_is_too_large_and_the_connection_stays(start_broker):
    broker = start_broker(config='[namespace.small]\nmessage_bytes_max = "100"\n')
    async with connect(broker) as client:
        await client.subscribe("small:x")
        fits = "x" * 98
        assert (await client.call("publish", channel="small:x", data=fits, echo=False))["op"] == "published"
        error = await client.call("publish", channel="small:x", data=fits + "x")
        assert (error["code"], error["channel"]) == ("too_large", "small:x")
        assert (await client.call("publish", channel="large.x", data=fits + "x"))["op"] == "published"


async def test_a_channel_over_the_connections_limit_is_limit_exceeded(start_broker):
    broker = start_broker(config="[limits]\nchannels_per_connection_max = 2\n")
    async with connect(broker) as client:
        await client.subscribe("a")
        await client.subscribe("b")
        error = await client.call("subscribe", channel="c")
        assert (error["op"], error["code"]) == ("error", "limit_exceeded")
        await client.call("unsubscribe", channel="a")
        await client.subscribe("c")


@pytest.mark.parametrize("command", [
    {"op": "auth", "token": "a.b.c"},
    {"op": "channels"},
    {"op": "disconnect", "user": "a"},
    {"op": "kick", "user": "a", "channel": "b"},
], ids=lambda command: command["op"])
async def test_what_wants_a_credential_is_unauthorized_without(broker, command):
    async with connect(broker) as client:
        await client.send(**command, id="x")
        error = await client.next()
        assert (error["op"], error["id"], error["code"], error["command"]) == (
            "error", "x", "unauthorized", command["op"]), error
        assert error["message"]
        await client.nothing_more()


async def test_data_arrives_as_the_bytes_that_were_sent(broker, channel):
    data = '{"big":12345678901234567890123,"f":1.0e5,"s":"\\u00e9\\/é","nested":[{"a":null},[]]}'
    async with connect(broker) as client:
        await client.subscribe(channel)
        await client.connection.send('{"op":"publish","channel":"%s","data":  %s }' % (channel, data))
        assert f'"data":{data}' in await client.text()


async def test_every_reply_is_compact(broker, channel):
    async with connect(broker) as client:
        await client.send(op="subscribe", channel=channel, id=1)
        text = await client.text()
        assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


async def test_offsets_grow_strictly_and_published_tells_the_message_s_own(broker, channel):
    async with connect(broker) as client:
        await client.subscribe(channel)
        acknowledged, delivered = [], []
        for number in range(50):
            await client.send(op="publish", channel=channel, data=number, id=number)
        for _ in range(100):
            got = await client.next()
            (acknowledged if got["op"] == "published" else delivered).append(got["position"])
        assert acknowledged == delivered
        epochs, offsets = zip(*(position.split(":") for position in delivered))
        assert len(set(epochs)) == 1
        assert sorted(set(map(int, offsets))) == list(map(int, offsets))


async def test_each_publishers_messages_keep_their_order_on_every_thread(start_broker, channel):
    broker = start_broker(threads=4)
    async with connect(broker) as a, connect(broker) as b, connect(broker) as c, connect(broker) as d:
        subscribers = [c, d]
        for subscriber in subscribers:
            await subscriber.subscribe(channel)
        for number in range(500):
            await a.send(op="publish", channel=channel, data=["a", number])
            await b.send(op="publish", channel=channel, data=["b", number])
        orders = [[tuple((await s.next())["data"]) for _ in range(1000)] for s in subscribers]
        assert orders[0] == orders[1]
        for name in "ab":
            assert [n for who, n in orders[0] if who == name] == list(range(500))


async def test_unknown_fields_are_ignored(broker, channel):
    async with connect(broker) as client:
        assert (await client.call("subscribe", channel=channel, colour="blue", deep={"a": [1]}))["op"] == "subscribed"


async def test_our_subprotocol_is_chosen_in_the_clients_order_of_preference(broker):
    async with connect(broker, subprotocols=["soap", "crier.v1.json"]) as client:
        assert client.connection.subprotocol == "crier.v1.json"
    async with connect(broker) as client:
        assert client.connection.subprotocol is None


async def test_subprotocols_none_of_which_is_ours_are_refused_with_a_list(broker):
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        await websockets.connect(broker.websocket_url, subprotocols=["soap", "mqtt"])
    assert refused.value.status_code == 400


async def test_a_library_ping_is_answered_and_a_close_is_returned(broker):
    async with connect(broker) as client:
        await asyncio.wait_for(await client.connection.ping(b"are you there"), 10)
        await client.connection.close(1000, "bye")
        assert client.connection.close_code == 1000


async def test_commands_that_came_before_the_close_still_run(broker, channel):
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        with RawWebSocket(broker) as raw:
            raw.send(text_frame({"op": "publish", "channel": channel, "data": "last words"}) + b"\x88\x80abcd")
            assert raw.read_close()[0] == 1005
        assert (await subscriber.next())["data"] == "last words"


async def test_a_subscription_ends_with_its_connection(broker, channel):
    async with connect(broker) as stays:
        await stays.subscribe(channel)
        for _ in range(20):
            async with connect(broker) as goes:
                await goes.subscribe(channel)
        await stays.send(op="publish", channel=channel, data="still here")
        assert (await stays.next())["data"] == "still here"


async def test_the_echo_path_returns_every_message_as_it_came(start_broker):
    broker = start_broker("--echo")
    url = f"ws://127.0.0.1:{broker.port}/echo"
    async with websockets.connect(url, max_size=None) as connection:
        for message in ("", "hello", "é" * 1000, b"", bytes(range(256)), "x" * 300_000, b"\0" * 70_000):
            await connection.send(message)
            assert await asyncio.wait_for(connection.recv(), 20) == message
        await connection.send(["frag", "men", "ted"])
        assert await connection.recv() == "fragmented"


async def test_without_the_flag_there_is_no_echo_path(broker):
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        await websockets.connect(f"ws://127.0.0.1:{broker.port}/echo")
    assert refused.value.status_code == 404
