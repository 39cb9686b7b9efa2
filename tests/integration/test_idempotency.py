"""`key`: a publish that is repeated is stored and delivered once, whichever way it comes."""

import asyncio
import json

import pytest

from broker_process import eventually, scaled
from clients import connect
from recovery import data_of, history, post, publish

KEY = "order-7"


async def assert_delivered_once(client, data):
    assert (await client.next())["data"] == data
    await client.nothing_more()


@pytest.mark.parametrize("threads", [1, 4])
async def test_a_repetition_gets_the_first_position_and_is_not_delivered(start_broker, threads, channel):
    broker = start_broker(threads=threads)
    async with connect(broker) as subscriber, connect(broker) as one, connect(broker) as other:
        await subscriber.subscribe(channel)
        first = await one.call("publish", channel=channel, data="first", key=KEY)
        for client in (one, one, other):
            again = await client.call("publish", channel=channel, data="again", key=KEY)
            assert (again["op"], again["position"]) == ("published", first["position"])
        assert publish(broker, channel, "by POST", key=KEY) == [first["position"]]
        await assert_delivered_once(subscriber, "first")
        assert data_of(history(broker, channel)["messages"]) == ["first"]


async def test_a_key_without_an_id_works_in_silence(broker, channel):
    async with connect(broker) as client:
        await client.subscribe(channel)
        for _ in range(3):
            await client.send(op="publish", channel=channel, data="once", key=KEY)
        await assert_delivered_once(client, "once")


async def test_repetitions_on_their_way_together_are_one_message(broker, channel):
    async with connect(broker) as client:
        commands = [{"op": "publish", "channel": channel, "data": number, "key": KEY, "id": number}
                    for number in range(50)]
        await client.connection.send(json.dumps(commands))
        replies = [await client.next() for _ in commands]
        assert [reply["id"] for reply in replies] == list(range(50))
        assert len({reply["position"] for reply in replies}) == 1
    assert data_of(history(broker, channel)["messages"]) == [0]


async def test_a_race_of_many_connections_has_one_winner(start_broker):
    broker = start_broker(threads=4)
    rounds = scaled(50, 5)
    async with connect(broker, "?channel=race") as subscriber, connect(broker) as a, connect(broker) as b, \
            connect(broker) as c:
        assert (await subscriber.next())["op"] == "subscribed"
        for number in range(rounds):
            replies = await asyncio.gather(*(
                client.call("publish", channel="race", data=[number, who], key=f"k{number}")
                for who, client in enumerate((a, b, c))))
            message = await subscriber.next()
            assert message["data"][0] == number
            assert {reply["position"] for reply in replies} == {message["position"]}
        await subscriber.nothing_more()


async def test_another_key_and_another_channel_are_other_messages(broker, channel):
    async with connect(broker) as client:
        for name in (f"{channel}.a", f"{channel}.b"):
            for number, key in enumerate(("k", "K", "k ", "ü", "x" * 128)):
                assert (await client.call("publish", channel=name, data=number, key=key))["op"] == "published"
            assert data_of(history(broker, name)["messages"]) == list(range(5))


def test_a_broadcast_with_a_key_repeats_channel_by_channel(broker, channel):
    one, two, three = (f"{channel}.{number}" for number in range(3))
    status, first = post(broker, {"op": "publish", "channels": [one, two], "data": 1, "key": KEY})
    assert status == 200
    status, again = post(broker, {"op": "publish", "channels": [three, two, one], "data": 2, "key": KEY})
    assert status == 200
    places = {result["channel"]: result["position"] for result in first["results"]}
    assert [result["channel"] for result in again["results"]] == [three, two, one]
    assert [result["position"] for result in again["results"][1:]] == [places[two], places[one]]
    assert [data_of(history(broker, name)["messages"]) for name in (one, two, three)] == [[1], [1], [2]]
    # A single publish is the same message as the broadcast's.
    assert publish(broker, one, 3, key=KEY) == [places[one]]


def test_after_its_window_a_key_is_free_again(start_broker):
    broker = start_broker(config='[namespace.brief]\nidempotency_window = "1s"\n')
    (first,) = publish(broker, "brief:a", "first", key=KEY)
    assert publish(broker, "brief:a", "again", key=KEY) == [first]
    second = eventually(lambda: [place for place in publish(broker, "brief:a", "second", key=KEY) if place != first])
    assert publish(broker, "brief:a", "third", key=KEY) == second
    assert data_of(history(broker, "brief:a")["messages"]) == ["first", "second"]


async def test_a_key_works_where_no_history_is_kept(start_broker):
    broker = start_broker(config="[namespace.live]\nhistory = { messages = 0 }\n")
    async with connect(broker, "?channel=live:a") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        assert publish(broker, "live:a", "first", "again", key=KEY) == [None, None]
        await assert_delivered_once(subscriber, "first")


def test_a_refused_publish_does_not_use_up_its_key(start_broker):
    broker = start_broker(config='[namespace.small]\nmessage_bytes_max = "100"\n')
    status, problem = post(broker, {"op": "publish", "channel": "small:a", "data": "x" * 200, "key": KEY})
    assert (status, problem["code"]) == (413, "too_large")
    publish(broker, "small:a", "fits", key=KEY)
    assert data_of(history(broker, "small:a")["messages"]) == ["fits"]


def test_too_many_keys_are_refused_by_name_and_what_is_remembered_still_counts(start_broker):
    broker = start_broker(threads=1, config="[limits]\nidempotency_keys_max = 3\n")
    first = [publish(broker, "a", number, key=f"k{number}")[0] for number in range(3)]
    status, problem = post(broker, {"op": "publish", "channel": "a", "data": 4, "key": "one too many"})
    assert (status, problem["code"]) == (429, "limit_exceeded")
    assert "idempotency_keys_max" in problem["message"]
    assert [publish(broker, "a", "again", key=f"k{number}")[0] for number in range(3)] == first
    publish(broker, "a", "without a key")
    assert data_of(history(broker, "a")["messages"]) == [0, 1, 2, "without a key"]


async def test_a_key_outlives_the_messages_and_the_subscribers_of_its_channel(start_broker):
    broker = start_broker(config='[namespace.brief]\nhistory = { age = "1s" }\n')
    (first,) = publish(broker, "brief:a", "first", key=KEY)
    eventually(lambda: history(broker, "brief:a")["messages"] == [])
    assert publish(broker, "brief:a", "again", key=KEY) == [first]


@pytest.mark.parametrize("field, value", [
    *[("key", value) for value in (5, None, True, [], {}, "", "x" * 129)],
    *[("conflate", value) for value in (5, None, True, [], {}, "", "x" * 129)],
    *[("ttl", value) for value in ("1", None, True, [], 0, -1, 1.5, 2**63)],
    *[("exclude", value) for value in (5, None, [])],
    *[("encoding", value) for value in ("hex", 5, None)]])
async def test_a_wrong_option_of_publish_is_a_bad_request_that_names_it(broker, channel, field, value):
    async with connect(broker) as client:
        error = await client.call("publish", channel=channel, data="AAAA", **{field: value})
        assert (error["op"], error["code"], error["command"]) == ("error", "bad_request", "publish")
        assert field in error["message"]
        await client.nothing_more()
    assert history(broker, channel)["messages"] == []
