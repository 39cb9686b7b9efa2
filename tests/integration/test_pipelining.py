"""Requests behind requests: what ends a connection ends it there, and nothing behind it runs."""

import pytest

from broker_process import eventually
from clients import RawHttp, connect, upgrade_request
from http_wire import answers_to_the_end, get, post


async def assert_nothing_came_before_a_marker(broker, subscriber, channel):
    async with connect(broker) as other:
        await other.send(op="publish", channel=channel, data="marker")
        assert (await subscriber.next())["data"] == "marker"
        await subscriber.nothing_more()


@pytest.mark.parametrize("ending, status", [("a_plain_get", 426), ("bad_json", 400), ("a_bad_command", 400)])
async def test_nothing_runs_behind_a_request_that_ends_its_connection(broker, channel, ending, status):
    first = {"a_plain_get": get(broker, "/message"), "bad_json": post(broker, '{"op":"publish"'),
             "a_bad_command": post(broker, {"op": "subscribe", "channel": channel})}[ending]
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        with RawHttp(broker) as http:
            http.send(first + post(broker, {"op": "publish", "channel": channel, "data": "smuggled"}) * 3)
            answers = answers_to_the_end(http)
        assert [answer.status for answer in answers] == [status]
        assert "close" in answers[0].headers["connection"].lower().replace(" ", "").split(",")
        await assert_nothing_came_before_a_marker(broker, subscriber, channel)


async def test_nothing_runs_behind_a_bad_post_when_good_ones_are_open_before_it(broker, channel):
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        with RawHttp(broker) as http:
            good = [post(broker, {"op": "publish", "channel": channel, "data": number}) for number in range(3)]
            http.send("".join(good[:2]) + post(broker, "{") + good[2])
            assert [answer.status for answer in answers_to_the_end(http)] == [200, 200, 400]
        assert [(await subscriber.next())["data"] for _ in range(2)] == [0, 1]
        await assert_nothing_came_before_a_marker(broker, subscriber, channel)


@pytest.mark.parametrize("first", ["a_plain_get", "bad_json"])
async def test_an_upgrade_behind_a_request_that_ends_its_connection_is_never_answered(start_broker, first):
    broker = start_broker()
    with RawHttp(broker) as http:
        ending = get(broker, "/message") if first == "a_plain_get" else post(broker, "{")
        http.send(ending + upgrade_request(broker, "/message?channel=q"))
        assert [answer.status for answer in answers_to_the_end(http)] == [426 if first == "a_plain_get" else 400]
    assert broker.metric("crier_websockets") == 0
    assert broker.metric("crier_subscriptions") == 0


async def test_an_upgrade_behind_a_full_pipeline_is_refused_or_served(start_broker):
    broker = start_broker(threads=1)
    for _ in range(20):  # whether the publish is answered in time for the upgrade is a race
        with RawHttp(broker) as http:
            http.send(post(broker, {"op": "publish", "channel": "a", "data": 1}) + get(broker) * 63
                      + upgrade_request(broker))
            assert [http.answer().status for _ in range(64)] == [200] * 64
            assert http.answer(body=False).status in (101, 400)
    async with connect(broker, "?channel=a") as client:
        assert (await client.next())["op"] == "subscribed"
        await client.nothing_more()


async def test_an_upgrade_behind_answers_that_nobody_reads_is_400_and_a_flood_finds_no_subscriber(start_broker):
    # Far above what is sent here: over the limit the upgrade would not be read before the answers were.
    broker = start_broker(threads=1, config='[limits]\noutbox_bytes_max = "64MiB"\n')
    with RawHttp(broker) as http:
        sent = 0
        while broker.metric("crier_outbox_bytes") < 100_000:
            http.send(get(broker) * 20)
            sent += 20
        http.send(upgrade_request(broker, "/message?channel=flooded"))
        eventually(lambda: broker.metric("crier_handshakes_refused_total", reason="bad_upgrade") == 1)
        async with connect(broker) as publisher:
            for _ in range(40):
                assert (await publisher.call("publish", channel="flooded", data="y" * 50_000))["op"] == "published"
        assert [answer.status for answer in answers_to_the_end(http)] == [200] * sent + [400]
    eventually(lambda: broker.metric("crier_websockets") == 0)
