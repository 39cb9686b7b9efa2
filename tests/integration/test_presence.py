"""Presence: who is there, who comes and goes in which order, and what a crowd costs."""

import asyncio
import contextlib
import json
import pathlib
import signal
import socket
import struct
import subprocess

import pytest

from broker_process import SANITIZED, SLOWNESS, eventually, scaled
from clients import RawWebSocket, connect
from recovery import post

FOLDER = pathlib.Path(__file__).parent


async def watch(client, channel):
    """Subscribes with presence; the sessions that are members, oneself among them."""
    reply = await client.call("subscribe", channel=channel, presence=True)
    assert reply["op"] == "subscribed", reply
    return [member["session"] for member in reply["members"]]


def members(broker, channel):
    """Every session of the `presence` command, page by page, and the count of each page."""
    found, counts, more = [], [], {}
    while True:
        status, reply = post(broker, {"op": "presence", "channel": channel, **more})
        assert status == 200, reply
        found += [member["session"] for member in reply["members"]]
        counts.append(reply["count"])
        if not reply["more"]:
            return found, counts
        more = {"cursor": reply["cursor"]}


def count(broker, channel):
    return post(broker, {"op": "presence", "channel": channel})[1]["count"]


def session(client):
    return client.welcome["session"]


def start_node(job):
    return subprocess.Popen(["node", "node/members.js", json.dumps(job)], cwd=FOLDER, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


async def next_pushes(client, count_of_them):
    pushes = [await client.next() for _ in range(count_of_them)]
    return [(push["op"], push["member"]["session"]) for push in pushes]


async def test_members_are_there_in_the_reply_and_joins_and_leaves_follow_in_order(broker, channel):
    async with connect(broker) as watcher, connect(broker) as other:
        assert await watch(watcher, channel) == [session(watcher)]
        expected = []
        for _ in range(20):
            await other.call("subscribe", channel=channel)
            await other.call("unsubscribe", channel=channel)
            expected += [("join", session(other)), ("leave", session(other))]
        assert await next_pushes(watcher, 40) == expected
        await watcher.nothing_more()
        assert members(broker, channel)[0] == [session(watcher)]


async def test_everyone_who_is_subscribed_is_a_member_whether_it_watches_or_not(broker, channel):
    async with connect(broker) as silent, connect(broker, f"?channel={channel}") as by_url, connect(broker) as watcher:
        assert (await by_url.next())["op"] == "subscribed"
        await silent.subscribe(channel)
        assert sorted(await watch(watcher, channel)) == sorted(map(session, (silent, by_url, watcher)))
        async with connect(broker) as late:
            await late.subscribe(channel)
            assert await next_pushes(watcher, 1) == [("join", session(late))]
        assert await next_pushes(watcher, 1) == [("leave", session(late))]
        await silent.nothing_more()
        await by_url.nothing_more()


async def test_a_pattern_subscriber_and_an_asker_are_no_members(broker, channel):
    async with connect(broker) as watcher, connect(broker) as pattern:
        await watch(watcher, f"{channel}.a")
        await pattern.subscribe(f"{channel}.*")
        reply = await pattern.call("presence", channel=f"{channel}.a")
        assert (reply["members"], reply["count"], reply["more"]) == ([{"session": session(watcher)}], 1, False)
        await watcher.nothing_more()


async def test_one_does_not_hear_of_ones_own_join_and_of_nothing_after_leaving(broker, channel):
    async with connect(broker) as one, connect(broker) as other:
        await watch(one, channel)
        await watch(other, channel)
        assert await next_pushes(one, 1) == [("join", session(other))]
        await other.nothing_more()
        await one.call("unsubscribe", channel=channel)
        assert await next_pushes(other, 1) == [("leave", session(one))]
        await other.call("unsubscribe", channel=channel)
        await one.nothing_more()


@pytest.mark.parametrize("threads", [1, 4])
async def test_every_watcher_sees_the_same_order_and_ends_with_the_same_members(start_broker, threads):
    broker = start_broker(threads=threads)
    async with contextlib.AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(connect(broker)) for _ in range(4)]
        for watcher in watchers:
            await watch(watcher, "hall")
        for at, watcher in enumerate(watchers):
            await next_pushes(watcher, len(watchers) - 1 - at)
        crowd = [await stack.enter_async_context(connect(broker)) for _ in range(20)]

        async def come_and_go(member):
            for _ in range(5):
                await member.call("subscribe", channel="hall")
                await member.call("unsubscribe", channel="hall")
            await member.call("subscribe", channel="hall")

        await asyncio.gather(*map(come_and_go, crowd))
        orders = [await next_pushes(watcher, 20 * 11) for watcher in watchers]
        assert all(order == orders[0] for order in orders)
        present = set()
        for op, who in orders[0]:
            assert (who in present) == (op == "leave"), "joins and leaves of one member alternate"
            (present.add if op == "join" else present.remove)(who)
        assert present == set(map(session, crowd))
        assert sorted(members(broker, "hall")[0]) == sorted(map(session, crowd + watchers))


def reset(raw):
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()


async def test_a_peer_that_resets_its_connection_leaves(broker, channel):
    async with connect(broker) as watcher:
        await watch(watcher, channel)
        raw = RawWebSocket(broker, f"/message?channel={channel}")
        assert raw.read_json()["op"] == "subscribed"
        ((joined, who),) = await next_pushes(watcher, 1)
        reset(raw)
        raw.stream.close()
        assert await next_pushes(watcher, 1) == [("leave", who)]
        assert joined == "join"


async def test_a_peer_whose_process_is_killed_leaves_every_channel(broker, channel):
    async with connect(broker) as watcher:
        await watch(watcher, f"{channel}.a")
        await watch(watcher, f"{channel}.b")
        job = {"url": broker.websocket_url, "channels": [f"{channel}.a", f"{channel}.b"], "count": 3}
        with start_node(job) as node:
            assert json.loads(node.stdout.readline())["subscribed"] == 6
            joined = await next_pushes(watcher, 6)
            node.send_signal(signal.SIGKILL)
            left = await next_pushes(watcher, 6)
        assert {op for op, _ in joined} == {"join"} and {op for op, _ in left} == {"leave"}
        assert sorted(who for _, who in joined) == sorted(who for _, who in left)


async def test_a_peer_that_is_silent_for_good_leaves_after_the_idle_timeout(start_broker, channel):
    broker = start_broker(config='[limits]\nidle_timeout = "2s"\nheartbeat = "1s"\n')
    async with connect(broker) as watcher:  # the library answers pings
        await watch(watcher, channel)
        with RawWebSocket(broker, f"/message?channel={channel}") as half_open:  # this one never does
            assert half_open.read_json()["op"] == "subscribed"
            assert [op for op, _ in await next_pushes(watcher, 2)] == ["join", "leave"]


async def test_a_namespace_without_presence_says_so_and_tells_nobody(start_broker):
    broker = start_broker(config='[namespace.quiet]\npresence = false\n[namespace.shy]\npresence_access = "nobody"\n')
    async with connect(broker) as client, connect(broker) as other:
        for name in ("quiet:a", "shy:a"):
            assert (await client.call("subscribe", channel=name, presence=True))["code"] == "forbidden"
            assert (await client.call("presence", channel=name))["code"] == "forbidden"
            await client.subscribe(name)
            await other.subscribe(name)
        await client.nothing_more()


@pytest.mark.parametrize("value", ["yes", 1, None, []])
async def test_a_wrong_type_of_presence_is_a_bad_request(broker, channel, value):
    async with connect(broker) as client:
        error = await client.call("subscribe", channel=channel, presence=value)
        assert (error["op"], error["code"]) == ("error", "bad_request")
        assert "presence" in error["message"]
        for cursor in ("zz", "", 7, "x" * 3000):
            assert (await client.call("presence", channel=channel, cursor=cursor))["code"] == "bad_request"
        await client.subscribe(channel)


async def test_above_the_bound_watchers_get_the_number_and_below_it_the_list_again(start_broker):
    broker = start_broker(config="[namespace.hall]\npresence_watch_max = 8\n")
    async with connect(broker) as watcher, contextlib.AsyncExitStack() as stack:
        present = set(await watch(watcher, "hall:a"))
        guests = [await stack.enter_async_context(connect(broker)) for _ in range(12)]
        for guest in guests:
            await guest.subscribe("hall:a")
        for guest in guests[:7]:
            assert await watcher.next() == {"op": "join", "channel": "hall:a", "member": {"session": session(guest)}}
            present.add(session(guest))
        number = len(present)
        while number < 13:  # several joins of one turn are one number
            push = await watcher.next()
            assert (push["op"], "members" in push) == ("presence", False)
            assert push["count"] > number
            number = push["count"]
        async with connect(broker) as late:
            assert len(await watch(late, "hall:a")) == 14  # who asks gets the list, however many they are
            await late.send(op="presence", id="all", channel="hall:a")
            while (reply := await late.next()).get("id") != "all":
                assert (reply["op"], reply["count"]) == ("presence", 14)  # told to every watcher, to this one too
            assert len(reply["members"]) == 14
        listed = None
        for guest in guests[:9]:
            await guest.call("unsubscribe", channel="hall:a")
        while listed is None:
            push = await watcher.next()
            assert push["op"] == "presence"
            listed = push.get("members")
        there = {member["session"] for member in listed}
        assert len(there) == push["count"] <= 6
        for guest in guests[:9]:  # what follows goes on from the list
            if session(guest) in there:
                assert await watcher.next() == {
                    "op": "leave", "channel": "hall:a", "member": {"session": session(guest)}}
                there.remove(session(guest))
        assert there == {session(watcher), *map(session, guests[9:])}
        await watcher.nothing_more()


@pytest.mark.deadline(120)
def test_many_members_are_listed_page_by_page(start_broker):
    broker = start_broker(threads=2)
    number = scaled(3000, 300)
    with start_node({"url": broker.websocket_url, "channels": ["hall"], "count": number}) as node:
        assert json.loads(node.stdout.readline())["subscribed"] == number
        found, counts = members(broker, "hall")
        assert set(counts) == {number}
        assert len(found) == len(set(found)) == number
        node.stdin.close()
        assert node.wait(timeout=60 * SLOWNESS) == 0
    eventually(lambda: count(broker, "hall") == 0)


@pytest.mark.deadline(120)
async def test_a_list_that_does_not_fit_256_kib_is_cut_and_goes_on(start_broker):
    number = 6500  # 256 KiB hold some 5,500 sessions
    broker = start_broker(threads=2)
    with start_node({"url": broker.websocket_url, "channels": ["hall"], "count": number}) as node:
        assert json.loads(node.stdout.readline())["subscribed"] == number
        found, counts = members(broker, "hall")
        assert len(counts) > 1 and set(counts) == {number}
        assert len(found) == len(set(found)) == number
        async with connect(broker) as late:
            reply = await late.call("subscribe", channel="hall", presence=True)
            assert reply["more"] is True
            assert len(json.dumps(reply, separators=(",", ":"))) < 257 * 1024
            rest = await late.call("presence", channel="hall", cursor=reply["cursor"])
            whole = [member["session"] for member in reply["members"] + rest["members"]]
            assert sorted(whole) == sorted([*found, session(late)])
        node.stdin.close()
        assert node.wait(timeout=60 * SLOWNESS) == 0


@pytest.mark.deadline(200)
def test_ten_thousand_members_come_and_go_in_bounded_memory(start_broker):
    """What a crowd costs: joins and leaves are told up to the bound, then numbers."""
    broker = start_broker(threads=2)
    number = scaled(10_000, 300)
    idle_kb, sent = broker.resident_kb(), broker.metric("crier_sent_bytes_total")
    job = {"url": broker.websocket_url, "channels": ["hall"], "count": number, "watch": 10}
    with start_node(job) as node:
        joined = json.loads(node.stdout.readline())
        assert joined["subscribed"] == number
        assert count(broker, "hall") == number
        full_kb, sent_joining = broker.resident_kb(), broker.metric("crier_sent_bytes_total") - sent
        node.stdin.write("leave\n")
        node.stdin.flush()
        left = json.loads(node.stdout.readline())
        eventually(lambda: count(broker, "hall") == 10, seconds=60)
        sent_leaving = broker.metric("crier_sent_bytes_total") - sent - sent_joining
        assert left["closed"] == number - 10
        assert left["count"] == [10] * 10, "each watcher's last word is true"
        node.stdin.close()
        assert node.wait(timeout=60 * SLOWNESS) == 0
    eventually(lambda: broker.metric("crier_connections") == 0, seconds=60)
    print(f"{number} members, 10 watchers: {full_kb - idle_kb} kB, {sent_joining:.0f} B sent while they came,"
          f" {sent_leaving:.0f} B while they went, {joined['seconds']:.1f} s and {left['seconds']:.1f} s")
    if not SANITIZED:
        assert (full_kb - idle_kb) * 1024 / number < 4096
        assert broker.resident_kb() - idle_kb < 24 * 1024
