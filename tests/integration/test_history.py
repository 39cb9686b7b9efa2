"""History: `since`, `last` and the `history` command; what is missing is told, nothing is there twice."""

import asyncio
import json
import random
import subprocess

import pytest

from broker_process import SLOWNESS, eventually, scaled
from clients import PATIENCE, connect
from recovery import data_of, history, moved, offset, pages, post, publish, replayed

SMALL = '[namespace.small]\nhistory = { messages = 5 }\n'
NONE = '[namespace.live]\nhistory = { messages = 0 }\n'
LONG = '[namespace.default]\nhistory = { messages = 1_000_000, age = "1h" }\n[limits]\nhistory_bytes_max = "1GiB"\n'


async def test_since_replays_what_came_after_it_and_then_goes_on_live(broker, channel):
    positions = publish(broker, channel, *range(10))
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=positions[3])
        assert (reply["recovered"], reply["replayed"], reply["position"]) == (True, 6, positions[3])
        messages = await replayed(client, reply)
        assert data_of(messages) == [4, 5, 6, 7, 8, 9]
        assert [message["position"] for message in messages] == positions[4:]
        publish(broker, channel, "live")
        assert (await client.next())["data"] == "live"
        await client.nothing_more()


async def test_every_position_resumes_from_its_own_place(broker, channel):
    async with connect(broker) as client:
        start = (await client.call("subscribe", channel=channel))["position"]
    positions = publish(broker, channel, *range(20))
    for seen, position in enumerate([start, *positions]):
        async with connect(broker) as client:
            reply = await client.call("subscribe", channel=channel, since=position)
            assert (reply["recovered"], reply["position"]) == (True, position)
            assert data_of(await replayed(client, reply)) == list(range(seen, 20))
            await client.nothing_more()


async def test_the_position_of_a_channel_that_nobody_has_used_resumes(broker, channel):
    async with connect(broker) as client:
        position = (await client.call("subscribe", channel=channel))["position"]
        await client.call("unsubscribe", channel=channel)
        publish(broker, channel, "first")
        reply = await client.call("subscribe", channel=channel, since=position)
        assert reply["recovered"] is True
        assert data_of(await replayed(client, reply)) == ["first"]


async def test_a_connection_may_leave_and_resume_by_itself(broker, channel):
    async with connect(broker) as client:
        position = (await client.call("subscribe", channel=channel))["position"]
        for number in range(50):
            await client.call("unsubscribe", channel=channel)
            publish(broker, channel, number)
            reply = await client.call("subscribe", channel=channel, since=position)
            (message,) = await replayed(client, reply)
            assert (reply["recovered"], message["data"]) == (True, number)
            position = message["position"]


async def test_echo_and_exclude_do_not_thin_out_a_replay(broker, channel):
    async with connect(broker) as client:
        position = (await client.call("subscribe", channel=channel))["position"]
        await client.call("publish", channel=channel, data="no echo", echo=False)
        await client.call("publish", channel=channel, data="excluded", exclude=client.welcome["session"])
        await client.call("unsubscribe", channel=channel)
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=position)
        assert data_of(await replayed(client, reply)) == ["no echo", "excluded"]


@pytest.mark.parametrize("last", [None, 2])
@pytest.mark.parametrize("which", ["another epoch", "the future", "offset zero of another epoch"])
async def test_a_position_that_cannot_be_resumed_is_not_pretended(broker, channel, which, last):
    top = publish(broker, channel, *range(4))[-1]
    since = {"another epoch": "zzzz0000:" + top.partition(":")[2], "the future": moved(top, 1_000_000),
             "offset zero of another epoch": "0:0"}[which]
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=since, **({"last": last} if last else {}))
        assert reply["recovered"] is False
        assert data_of(await replayed(client, reply)) == ([2, 3] if last else [])
        if not last:
            assert reply["position"] == top
        error = await client.call("history", channel=channel, since=since)
        assert (error["op"], error["code"]) == ("error", "unrecoverable_position")
        await client.nothing_more()
    status, problem = post(broker, {"op": "history", "channel": channel, "since": since})
    assert (status, problem["code"]) == (410, "unrecoverable_position")


async def test_what_the_history_no_longer_reaches_is_not_recovered(start_broker):
    broker = start_broker(config=SMALL)
    positions = publish(broker, "small:a", *range(20))
    for at, position in enumerate(positions):
        async with connect(broker) as client:
            reply = await client.call("subscribe", channel="small:a", since=position)
            reaches = at >= 14  # 15 to 19 are kept
            assert reply["recovered"] is reaches, at
            assert data_of(await replayed(client, reply)) == (list(range(at + 1, 20)) if reaches else [])
            assert reply["position"] == (position if reaches else positions[-1])
            await client.nothing_more()


@pytest.mark.parametrize("since", ["", ":", "a", "a:", ":1", "a:-1", "a:1:2", "a b:1", "x" * 17 + ":1", "a:" + "1" * 20,
                                   "a:1 ", "a:+1", "a:1.5", "é:1", "a-b:1", 5, None, True, [], {}])
async def test_a_malformed_since_is_a_bad_request_that_names_it(broker, channel, since):
    async with connect(broker) as client:
        for op in ("subscribe", "history"):
            error = await client.call(op, channel=channel, since=since)
            assert (error["op"], error["code"], error["command"]) == ("error", "bad_request", op)
            assert "since" in error["message"]
        await client.subscribe(channel)  # the name was not taken
        await client.nothing_more()
    status, problem = post(broker, {"op": "history", "channel": channel, "since": since})
    assert (status, problem["code"]) == (400, "bad_request")


@pytest.mark.parametrize("last", [-1, 1.5, "1", None, True, 101, 2**53, 2**63])
async def test_a_wrong_last_is_a_bad_request_that_names_it(broker, channel, last):
    async with connect(broker) as client:
        error = await client.call("subscribe", channel=channel, last=last)
        assert (error["op"], error["code"]) == ("error", "bad_request")
        assert "last" in error["message"]
        await client.subscribe(channel)


async def test_last_replays_the_newest_and_its_position_is_the_one_before_them(broker, channel):
    publish(broker, channel, *range(10))
    for last in (0, 1, 3, 10, 100):
        async with connect(broker) as client:
            reply = await client.call("subscribe", channel=channel, last=last)
            assert "recovered" not in reply
            assert reply["replayed"] == min(last, 10)
            messages = await replayed(client, reply)
            assert data_of(messages) == list(range(10))[10 - reply["replayed"]:]
            await client.call("unsubscribe", channel=channel)
            again = await client.call("subscribe", channel=channel, since=reply["position"])
            assert again["recovered"] is True
            assert await replayed(client, again) == messages


async def test_since_goes_before_last_where_both_can_be_had(broker, channel):
    positions = publish(broker, channel, *range(10))
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=positions[6], last=1)
        assert reply["recovered"] is True
        assert data_of(await replayed(client, reply)) == [7, 8, 9]


async def test_a_replay_larger_than_the_outbox_arrives_whole(start_broker, channel):
    broker = start_broker(config='[limits]\noutbox_bytes_max = "128KiB"\n')
    for start in range(0, 100, 10):
        publish(broker, channel, *[[number, "x" * 40_000] for number in range(start, start + 10)])
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, last=100)
        assert [message["data"][0] for message in await replayed(client, reply)] == list(range(100))
        await client.nothing_more()


@pytest.mark.parametrize("limit", [1, 7, 99, 100, 1000])
def test_the_history_is_paged_by_cursors_in_both_directions(broker, channel, limit):
    positions = publish(broker, channel, *range(100))
    everything = list(zip(positions, range(100)))
    found, count = pages(broker, channel, limit=limit)
    assert found == everything
    assert count in (-(-100 // limit), -(-100 // limit) + 1)
    assert pages(broker, channel, limit=limit, reverse=True)[0] == everything[::-1]
    assert pages(broker, channel, limit=limit, since=positions[49])[0] == everything[50:]
    assert pages(broker, channel, limit=limit, since=positions[49], reverse=True)[0] == everything[:49:-1]
    assert history(broker, channel, limit=limit)["position"] == positions[-1]


def test_a_page_holds_at_most_256_kib_and_the_cursor_goes_on(broker, channel):
    # Four requests: together they would be more than one body may be.
    for start in range(0, 60, 15):
        publish(broker, channel, *[[number, "x" * 60_000] for number in range(start, start + 15)])
    for direction in (False, True):
        found, count = pages(broker, channel, reverse=direction)
        assert [data[0] for _, data in found] == list(range(60))[::-1 if direction else 1]
        assert count >= 60 * 60_000 // (256 * 1024)
    assert len(json.dumps(history(broker, channel), separators=(",", ":"))) <= 256 * 1024


async def test_pages_over_a_websocket_and_over_post_are_the_same(broker, channel):
    publish(broker, channel, *range(10))
    async with connect(broker) as client:
        reply = await client.call("history", channel=channel, limit=4)
        del reply["id"]
        assert reply == history(broker, channel, limit=4)
        assert history(broker, channel, limit=4, cursor=reply["cursor"])["messages"][0]["data"] == 4
        assert data_of((await client.call("history", channel=channel, cursor=reply["cursor"]))["messages"]) == [
            4, 5, 6, 7, 8, 9]


def test_curl_reads_a_history(broker, channel):
    positions = publish(broker, channel, "one", {"two": 2})
    done = subprocess.run(
        ["curl", "-sS", f"{broker.url}/message", "-d", json.dumps({"op": "history", "channel": channel})],
        capture_output=True, text=True, timeout=20 * SLOWNESS, check=True)
    messages = json.loads(done.stdout)["messages"]
    assert [(message["position"], message["data"]) for message in messages] == list(zip(positions, ["one", {"two": 2}]))


def test_pages_of_a_growing_history_have_no_hole_and_nothing_twice(broker, channel):
    publish(broker, channel, *range(30))
    reply, found = history(broker, channel, limit=3), []
    for number in range(30, 60):
        found += data_of(reply["messages"])
        if not reply["more"]:
            break
        publish(broker, channel, number)
        reply = history(broker, channel, limit=3, cursor=reply["cursor"])
    assert found == list(range(len(found))) and len(found) >= 30


@pytest.mark.parametrize("field, value", [
    ("cursor", "zz"), ("cursor", ""), ("cursor", 7), ("cursor", "x" * 5000), ("limit", 0), ("limit", -1),
    ("limit", "many"), ("reverse", "yes"), ("reverse", 1)])
async def test_a_wrong_field_of_history_is_named(broker, channel, field, value):
    publish(broker, channel, 1)
    async with connect(broker) as client:
        error = await client.call("history", channel=channel, **{field: value})
        assert (error["op"], error["code"]) == ("error", "bad_request")
        assert field in error["message"]
        await client.nothing_more()


def test_the_history_of_a_channel_that_nobody_has_used_is_empty(broker, channel):
    reply = history(broker, channel)
    assert (reply["messages"], reply["more"]) == ([], False)


async def test_a_ttl_ends_a_messages_life_in_the_history_and_its_place_is_a_gap(broker, channel):
    before, _, _, after = (publish(broker, channel, "before") + publish(broker, channel, "short", "too", ttl=1)
                           + publish(broker, channel, "after"))
    eventually(lambda: data_of(history(broker, channel)["messages"]) == ["before", "after"])
    async with connect(broker) as client:
        reply = await client.call("subscribe", channel=channel, since=before)
        assert (reply["recovered"], reply["replayed"]) == (True, 1)
        assert await client.next() == {"op": "gap", "channel": channel, "lost": 2, "conflated": False}
        message = await client.next()
        assert (message["data"], message["position"]) == ("after", after)
        await client.nothing_more()


async def test_a_ttl_does_not_touch_live_delivery(broker, channel):
    async with connect(broker) as client:
        await client.subscribe(channel)
        publish(broker, channel, "short", ttl=1)
        assert (await client.next())["data"] == "short"


async def test_messages_over_the_age_are_forgotten_and_a_position_before_them_is_not_recovered(start_broker):
    broker = start_broker(config='[namespace.brief]\nhistory = { age = "1s" }\n')
    first, second = publish(broker, "brief:a", 1, 2)
    assert len(history(broker, "brief:a")["messages"]) == 2
    eventually(lambda: history(broker, "brief:a")["messages"] == [])
    async with connect(broker) as client:
        assert (await client.call("subscribe", channel="brief:a", since=first))["recovered"] is False
        await client.call("unsubscribe", channel="brief:a")
        reply = await client.call("subscribe", channel="brief:a", since=second)
        assert (reply["recovered"], reply["replayed"]) == (True, 0)


def test_all_histories_together_stay_within_their_limit_and_forget_the_quiet_channels_first(start_broker):
    broker = start_broker(threads=1, config='[limits]\nhistory_bytes_max = "1MiB"\n')
    quiet = publish(broker, "quiet", *["x" * 10_000] * 20)
    for _ in range(20):
        publish(broker, "busy", *["y" * 20_000] * 10)
    assert 40 < len(pages(broker, "busy")[0]) < 60
    assert pages(broker, "quiet")[0] == []
    assert post(broker, {"op": "history", "channel": "quiet", "since": quiet[0]})[0] == 410


async def test_a_namespace_without_history_has_no_positions(start_broker):
    broker = start_broker(config=NONE)
    async with connect(broker) as client, connect(broker) as publisher:
        reply = await client.call("subscribe", channel="live:a", since="abc:1")
        assert reply == {"op": "subscribed", "id": 1, "channel": "live:a", "recovered": False, "replayed": 0}
        assert "position" not in await publisher.call("publish", channel="live:a", data=1)
        message = await client.next()
        assert (message["data"], "position" in message) == (1, False)
        reply = await client.call("history", channel="live:a")
        assert reply == {"op": "history", "id": 2, "channel": "live:a", "messages": [], "more": False}
        assert (await client.call("subscribe", channel="live:b", last=1))["code"] == "bad_request"
        assert (await client.call("history", channel="live:a", since="abc:1"))["code"] == "unrecoverable_position"


async def test_a_namespace_may_keep_its_history_to_itself(start_broker):
    broker = start_broker(config='[namespace.sealed]\nhistory_access = "nobody"\n')
    async with connect(broker) as client:
        for fields in ({"op": "subscribe", "since": "a:1"}, {"op": "subscribe", "last": 1}, {"op": "history"}):
            op = fields.pop("op")
            error = await client.call(op, channel="sealed:a", **fields)
            assert (error["op"], error["code"]) == ("error", "forbidden")
        await client.subscribe("sealed:a")
    assert post(broker, {"op": "history", "channel": "sealed:a"})[0] == 403


class Flow:
    """How far publishers and readers have come: publishers stay within `window` of the slowest reader, so that readers
    in Python come back now to what is live, now to a long replay."""

    def __init__(self, window):
        self.window, self.published, self.readers = window, 0, []
        self.moved = asyncio.Event()

    def tell(self):
        self.moved.set()
        self.moved = asyncio.Event()

    async def room(self, count):
        while self.published + count - min(len(reader.seen) for reader in self.readers) > self.window:
            await asyncio.wait_for(self.moved.wait(), PATIENCE)
        self.published += count


class Resumer:
    """Follows a channel through connections that die at any moment, and writes down what it saw."""

    def __init__(self, broker, channel, position, flow, seed):
        self.broker, self.channel, self.position, self.flow = broker, channel, position, flow
        self.dice = random.Random(seed)
        self.seen, self.lives = [], 0
        flow.readers.append(self)

    async def follow(self, total):
        while len(self.seen) < total:
            # Without a bound of its own the library can close beside what was not read yet.
            async with connect(self.broker, max_queue=None) as client:
                await self.subscribe(client)
                while self.dice.random() < 0.5:
                    await self.read(client, total)
                    await self.leave(client)
                    await self.subscribe(client)
                await self.read(client, total)
                if self.dice.random() < 0.5:
                    client.connection.transport.abort()

    async def subscribe(self, client):
        self.lives += 1
        reply = await client.call("subscribe", channel=self.channel, since=self.position)
        assert (reply["recovered"], reply["position"]) == (True, self.position), reply

    async def read(self, client, total):
        """Some of the messages that follow, replayed or live."""
        until = min(total, len(self.seen) + self.dice.choice([0, 1, 10, 100, 300]))
        while len(self.seen) < until:
            self.take(await client.next())

    async def leave(self, client):
        """Messages that come before `unsubscribed` still count."""
        await client.send(op="unsubscribe", id="off", channel=self.channel)
        while (got := await client.next()).get("id") != "off":
            self.take(got)

    def take(self, message):
        assert message["op"] == "message", message
        assert offset(message["position"]) > offset(self.position), "once only, in order"
        self.position = message["position"]
        self.seen.append(tuple(message["data"]))
        self.flow.tell()


async def publish_steadily(broker, channel, name, count, flow, batch=50):
    async with connect(broker) as publisher:
        for start in range(0, count, batch):
            await flow.room(batch)
            commands = [{"op": "publish", "channel": channel, "data": [name, number]}
                        for number in range(start, start + batch)]
            commands[-1]["id"] = start
            await publisher.connection.send(json.dumps(commands))
            assert (await publisher.next())["op"] == "published"


@pytest.mark.deadline(120)
@pytest.mark.parametrize("threads", [2, 4])
async def test_no_gap_and_no_duplicate_between_replay_and_live_while_messages_flow(start_broker, threads):
    broker = start_broker(threads=threads, config=LONG)
    publishers, each = 3, scaled(200, 6) * 50
    total = publishers * each
    async with connect(broker) as client:
        start = (await client.call("subscribe", channel="flow"))["position"]
    flow = Flow(window=1000)
    resumers = [Resumer(broker, "flow", start, flow, seed) for seed in range(4)]
    await asyncio.gather(*(publish_steadily(broker, "flow", name, each, flow) for name in range(publishers)),
                         *(resumer.follow(total) for resumer in resumers))
    for resumer in resumers:
        assert resumer.seen == resumers[0].seen
        assert resumer.lives > 10 or total < 5000
    for name in range(publishers):
        assert [number for who, number in resumers[0].seen if who == name] == list(range(each))
    assert [tuple(data) for _, data in pages(broker, "flow")[0]] == resumers[0].seen
