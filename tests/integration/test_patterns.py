"""Pattern subscriptions: what matches is delivered with its pattern, in order, from every thread."""

import asyncio
import json
import re

import pytest

from broker_process import scaled
from clients import connect
from recovery import data_of, post, publish


async def test_a_pattern_delivers_the_real_channel_its_pattern_and_the_position(broker, channel):
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=f"{channel}.*.uk")
        assert reply == {"op": "subscribed", "id": 1, "channel": f"{channel}.*.uk"}
        (position,) = publish(broker, f"{channel}.sport.uk", {"score": [2, 1]})
        message = await client.next()
        assert list(message)[0] == "op"
        assert {name: message[name] for name in ("op", "channel", "pattern", "data", "position")} == {
            "op": "message", "channel": f"{channel}.sport.uk", "pattern": f"{channel}.*.uk",
            "data": {"score": [2, 1]}, "position": position}
        assert message["time"] > 1_600_000_000_000


@pytest.mark.parametrize("pattern, yes, no", [
    ("*", ["a", "x"], ["a.b", "ns:a"]),
    ("a.*", ["a.b", "a.-x"], ["a", "a.b.c", "b.a", "ns:a.b"]),
    ("*.b", ["a.b", "b.b"], ["b", "a.b.c", "a.c"]),
    ("a.*.c", ["a.b.c"], ["a.c", "a.b.b.c", "a.b.d"]),
    ("a.>", ["a.b", "a.b.c", "a.b.c.d.e.f.g.h.i.j.k.l.m"], ["a", "b.a"]),
    (">", ["a", "a.b", "a.b.c"], ["ns:a"]),
    ("*.*.>", ["a.b.c", "a.b.c.d"], ["a.b", "a"]),
    ("ns:>", ["ns:a", "ns:a.b"], ["a", "ns2:a", "ns", "other:ns.a"]),
    ("ns:*", ["ns:a"], ["a", "ns:a.b", "NS:a"]),
    ("ns:room.>", ["ns:room.1", "ns:room.1.2"], ["ns:room", "room.1"]),
])
async def test_what_matches_is_delivered_and_nothing_else(start_broker, pattern, yes, no):
    broker = start_broker(threads=4)
    async with connect(broker) as client:
        await client.subscribe(pattern)
        for name in [name for pair in zip(no, yes) for name in pair] + yes[len(no):] + no[len(yes):]:
            publish(broker, name, name)
        got = [await client.next() for _ in yes]
        assert {message["channel"] for message in got} == set(yes)
        await client.nothing_more()
        await client.call("unsubscribe", channel=pattern)
        for name in yes:
            publish(broker, name, "unheard")
        await client.nothing_more()


async def test_each_subscription_delivers_for_itself(broker, channel):
    async with connect(broker) as client:
        patterns = [f"{channel}.*", f"{channel}.>", f"*.{channel.partition('.')[2]}.x"]
        for name in [f"{channel}.x", *patterns]:
            await client.subscribe(name)
        publish(broker, f"{channel}.x", 1)
        got = [await client.next() for _ in range(4)]
        assert sorted(message.get("pattern", "") for message in got) == sorted(["", *patterns])
        assert {(message["channel"], message["data"]) for message in got} == {(f"{channel}.x", 1)}
        await client.call("unsubscribe", channel=f"{channel}.*")
        publish(broker, f"{channel}.x", 2)
        assert len({(await client.next()).get("pattern", "") for _ in range(3)}) == 3
        await client.nothing_more()


async def test_a_second_one_is_already_subscribed_and_one_that_is_not_there_not_subscribed(broker, channel):
    async with connect(broker) as client:
        await client.subscribe(f"{channel}.*")
        assert (await client.call("subscribe", channel=f"{channel}.*"))["code"] == "already_subscribed"
        assert (await client.call("unsubscribe", channel=f"{channel}.>"))["code"] == "not_subscribed"
        await client.call("unsubscribe", channel=f"{channel}.*")
        assert (await client.call("unsubscribe", channel=f"{channel}.*"))["code"] == "not_subscribed"


async def test_a_pattern_that_is_left_before_it_is_live_gets_both_replies_and_no_message(broker, channel):
    async with connect(broker) as client:
        for _ in range(20):
            await client.connection.send(json.dumps([
                {"op": "subscribe", "channel": f"{channel}.*", "id": 1},
                {"op": "unsubscribe", "channel": f"{channel}.*", "id": 2},
                {"op": "subscribe", "channel": f"{channel}.*", "id": 3}]))
            replies = [await client.next() for _ in range(3)]
            assert {reply["id"] for reply in replies} == {1, 2, 3}
            assert next(reply for reply in replies if reply["id"] == 3)["op"] == "subscribed"
            publish(broker, f"{channel}.a", 1)
            assert (await client.next())["data"] == 1
            await client.call("unsubscribe", channel=f"{channel}.*")
        await client.nothing_more()


async def test_echo_and_exclude_hold_for_patterns_too(broker, channel):
    async with connect(broker) as one, connect(broker) as other:
        await one.subscribe(f"{channel}.*")
        await other.subscribe(f"{channel}.*")
        await one.call("publish", channel=f"{channel}.a", data="no echo", echo=False)
        assert (await other.next())["data"] == "no echo"
        await other.call("publish", channel=f"{channel}.a", data="excluded", exclude=one.welcome["session"], echo=False)
        await one.nothing_more()


async def test_a_pattern_in_the_url_is_subscribed_at_once(broker, channel):
    async with connect(broker, f"?channel={channel}.*&channel=chat%3A%3E") as client:
        assert {(await client.next())["channel"] for _ in range(2)} == {f"{channel}.*", "chat:>"}
        publish(broker, f"{channel}.a", 1)
        assert (await client.next())["pattern"] == f"{channel}.*"


@pytest.mark.parametrize("pattern", [
    "a.>.b", ">.a", "a.>x", "a*", "*a", "a.b*c", "**", "a.**", ">>", "c*:a", "*:a", ">:a", "chat:a.>.>", ".>", "a..>",
    "*.", ">.", ".*", "chat:.*", "chat:* ", "a.\\*", "é.*", "x." * 127 + "*.*"])
async def test_a_malformed_pattern_is_a_bad_request_that_names_the_channel(broker, pattern):
    async with connect(broker) as client:
        for op in ("subscribe", "unsubscribe"):
            error = await client.call(op, channel=pattern)
            assert (error["op"], error["code"]) == ("error", "bad_request"), error
            assert "channel" in error["message"]
        await client.nothing_more()


@pytest.mark.parametrize("fields", [
    {"op": "subscribe", "since": "abc:1"}, {"op": "subscribe", "last": 1}, {"op": "subscribe", "presence": True},
    {"op": "history"}, {"op": "presence"}, {"op": "publish", "data": 1}], ids=lambda fields: "-".join(fields))
async def test_what_needs_one_channel_is_a_bad_request_on_a_pattern(broker, fields):
    fields = dict(fields)
    op = fields.pop("op")
    async with connect(broker) as client:
        error = await client.call(op, channel="news.*", **fields)
        assert (error["op"], error["code"], error["command"]) == ("error", "bad_request", op)
        assert re.search("|".join(fields) if op == "subscribe" else "channel", error["message"])
        await client.subscribe("news.*")  # the name was not taken


async def test_too_many_wildcards_are_limit_exceeded_and_the_most_that_go_work(broker):
    async with connect(broker) as client:
        ten = ".".join("*" * 10)
        for pattern in (ten + ".*", ten + ".>", ".".join("a" * 10) + ".*"):
            error = await client.call("subscribe", channel=pattern)
            assert (error["op"], error["code"]) == ("error", "limit_exceeded")
        await client.subscribe(ten)
        publish(broker, "a.b.c.d.e.f.g.h.i.j", 1)
        assert (await client.next())["data"] == 1


async def test_patterns_count_as_subscriptions_of_a_connection(start_broker):
    broker = start_broker(config="[limits]\nchannels_per_connection_max = 2\n")
    async with connect(broker) as client:
        await client.subscribe("a.*")
        await client.subscribe("b.*")
        assert (await client.call("subscribe", channel="c.*"))["code"] == "limit_exceeded"
        await client.call("unsubscribe", channel="a.*")
        await client.subscribe("c.*")


async def test_a_namespace_may_refuse_patterns_and_others_do_not_reach_into_it(start_broker):
    broker = start_broker(config='[namespace.sealed]\npattern_access = "nobody"\n')
    async with connect(broker) as client:
        assert (await client.call("subscribe", channel="sealed:>"))["code"] == "forbidden"
        await client.subscribe(">")
        await client.subscribe("sealed:a")
        publish(broker, "sealed:a", 1)
        message = await client.next()
        assert (message["channel"], "pattern" in message) == ("sealed:a", False)
        await client.nothing_more()


async def test_a_pattern_hears_channels_of_every_thread_each_in_its_order(start_broker):
    broker = start_broker(threads=4)
    names, rounds = [f"room.{number}" for number in range(60)], scaled(100, 10)
    async with connect(broker) as one, connect(broker) as other, connect(broker) as a, connect(broker) as b:
        for client in (one, other):
            await client.subscribe("room.*")
        await one.subscribe("room.7")

        async def broadcast(publisher, who):
            for number in range(rounds):
                reply = await publisher.call("publish", channels=names, data=[who, number])
                assert not any("code" in result for result in reply["results"])

        async def read(client, count):
            return [await client.next() for _ in range(count)]

        total = 2 * rounds * len(names)
        *_, ones, others = await asyncio.gather(broadcast(a, "a"), broadcast(b, "b"),
                                                read(one, total + 2 * rounds), read(other, total))
        exact = [message for message in ones if "pattern" not in message]
        assert {message["channel"] for message in exact} == {"room.7"}
        assert len({message["position"] for message in exact}) == 2 * rounds
        for name in names:
            orders = [[(message["position"], *message["data"]) for message in got
                       if message["channel"] == name and "pattern" in message] for got in (ones, others)]
            assert orders[0] == orders[1]
            for who in "ab":
                assert [number for _, publisher, number in orders[0] if publisher == who] == list(range(rounds))
            if name == "room.7":
                assert data_of(exact) == [[who, number] for _, who, number in orders[0]]


async def test_between_subscribed_and_unsubscribed_nothing_is_missed_and_after_it_nothing_comes(start_broker):
    broker = start_broker(threads=4)
    names = [f"flow.{number}" for number in range(16)]
    async with connect(broker) as publisher, connect(broker, max_queue=None) as client:
        publishing = True

        async def publish_all():
            number = 0
            while publishing:
                number += 1
                await publisher.call("publish", channels=names, data=number)

        task = asyncio.create_task(publish_all())
        for _ in range(30):
            await client.subscribe("flow.*")
            # From a reply that begins after `subscribed` on, each channel's numbers have no hole.
            seen = {}
            for _ in range(200):
                message = await client.next()
                last = seen.get(message["channel"])
                assert last is None or message["data"] == last + 1, "nothing is missed"
                seen[message["channel"]] = message["data"]
            await client.send(op="unsubscribe", id="off", channel="flow.*")
            while (await client.next()).get("id") != "off":
                pass
            await client.nothing_more()
        publishing = False
        await task


async def test_thousands_of_patterns_come_and_go_and_are_forgotten(start_broker):
    broker = start_broker(threads=2, config="[limits]\nchannels_per_connection_max = 2000\n")
    async with connect(broker) as client:
        for _ in range(2):
            for op in ("subscribe", "unsubscribe"):
                commands = [{"op": op, "channel": f"p{number}.*.>", "id": number} for number in range(1000)]
                await client.connection.send(json.dumps(commands))
                replies = [await client.next() for _ in range(1000)]
                assert {(reply["op"], reply["id"]) for reply in replies} == {(f"{op}d", n) for n in range(1000)}
        publish(broker, "p7.a.b", 1)
        await client.nothing_more()
        assert broker.metric("crier_subscriptions") == 0


def test_a_pattern_over_post_is_still_no_channel(broker):
    status, problem = post(broker, {"op": "publish", "channel": "news.*", "data": 1})
    assert (status, problem["code"]) == (400, "bad_request")
