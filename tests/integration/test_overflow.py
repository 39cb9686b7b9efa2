"""Subscribers who stop reading: what each `overflow` policy promises them, and that nobody else notices."""

import contextlib
import itertools
import json
import struct

import pytest

from broker_process import SANITIZED, eventually, scaled
from clients import CLOSE, FIN, RawWebSocket, text_frame
from recovery import publish

MESSAGES = 400
RESET = "reset"  # what follows 4000 after 5 s
DATA_BYTES = 60_000  # so 24 MB in all, far more than the kernel's buffers and an outbox


def config(overflow, messages, **limits):
    limits = {"history_bytes_max": "1GiB", **limits}
    return (f'[namespace.feed]\noverflow = "{overflow}"\nhistory = {{ messages = {messages}, age = "1h" }}\n[limits]\n'
            + "".join(f'{name} = "{value}"\n' for name, value in limits.items()))


class Reader(RawWebSocket):
    """A subscriber. It reads when it is told to."""

    def __init__(self, broker, channel, receive_bytes=4096, stuck=True):
        super().__init__(broker, f"/message?channel={channel}", receive_bytes=receive_bytes if stuck else None)
        assert self.read_json()["op"] == "subscribed"
        self.close = None

    def until(self, last):
        """Everything up to the message with this number, or the close frame, whose code is then in `close`."""
        got = []
        while True:
            try:
                first, payload = self.read_frame()
            except ConnectionResetError:
                self.close = RESET
                return got
            if first == FIN | CLOSE:
                (self.close,) = struct.unpack("!H", payload[:2])
                return got
            push = json.loads(payload)
            got.append(push)
            if push["op"] == "message" and push["data"][0] == last:
                return got


class Publisher(RawWebSocket):
    """Publishes [number, filler]; goes on only when the healthy subscriber has what went before."""

    def __init__(self, broker, channel, healthy, data_bytes=DATA_BYTES):
        super().__init__(broker)
        self.channel, self.healthy, self.filler = channel, healthy, "x" * data_bytes
        self.count = 0

    def publish(self, count, key_of=None):
        for _ in range(count):
            options = {"conflate": key_of(self.count)} if key_of and key_of(self.count) else {}
            self.send(text_frame({"op": "publish", "channel": self.channel, "id": self.count,
                                  "data": [self.count, self.filler], **options}))
            assert self.read_json()["op"] == "published"
            message = self.healthy.read_json()
            assert (message["op"], message["data"][0]) == ("message", self.count), "the healthy one gets everything"
            self.count += 1


@contextlib.contextmanager
def three(broker, channel="feed:a"):
    """A stuck reader, a healthy one, and a publisher."""
    with Reader(broker, channel) as stuck, Reader(broker, channel, stuck=False) as healthy, \
            Publisher(broker, channel, healthy) as publisher:
        yield stuck, healthy, publisher


def numbers(pushes):
    return [push["data"][0] for push in pushes if push["op"] == "message"]


def closed_as_slow(broker):
    return broker.metric("crier_connections_closed_total", code="slow_consumer")


def assert_alive(stuck, publisher):
    """It has caught up: what is published next comes next."""
    publisher.publish(3)
    got = stuck.until(publisher.count - 1)
    assert [push["op"] for push in got] == ["message"] * 3
    assert numbers(got) == list(range(publisher.count - 3, publisher.count))
    stuck.send(text_frame({"op": "ping", "id": "alive"}))
    assert stuck.read_json() == {"op": "pong", "id": "alive"}


def assert_holes_are_told(pushes, conflated):
    """Every hole has one gap at its place with the right number, and there is no gap without a hole."""
    expected = 0
    for at, push in enumerate(pushes):
        if push["op"] == "gap":
            assert push["conflated"] is conflated
            assert pushes[at + 1]["op"] == "message", "a gap stands before what follows it"
            expected += push["lost"]
        else:
            assert push["data"][0] == expected
            expected += 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("messages", [0, 10])
def test_disconnect_closes_with_4000_when_messages_are_lost(start_broker, messages, threads):
    broker = start_broker(config=config("disconnect", messages), threads=threads)
    with three(broker) as (stuck, _, publisher):
        while broker.metric("crier_messages_dropped_total", reason="slow_consumer") == 0:
            assert publisher.count < MESSAGES
            publisher.publish(10)
        got = stuck.until(None)
        assert stuck.close == 4000
        assert {push["op"] for push in got} <= {"message"}
        assert numbers(got) == list(range(len(got))), "what came before the end has no hole"
        stuck.socket.close()
        stuck.stream.close()
        eventually(lambda: closed_as_slow(broker) == 1)
        publisher.publish(5)


@pytest.mark.parametrize("overflow", ["disconnect", "drop_oldest"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_reader_whom_the_history_reaches_catches_up_exactly(start_broker, overflow, threads):
    broker = start_broker(config=config(overflow, 100_000), threads=threads)
    with three(broker) as (stuck, _, publisher):
        publisher.publish(MESSAGES)
        eventually(lambda: broker.metric("crier_lagging_subscriptions") == 1)
        got = stuck.until(MESSAGES - 1)
        assert numbers(got) == list(range(MESSAGES))
        assert {push["op"] for push in got} == {"message"}
        assert_alive(stuck, publisher)
        assert broker.metric("crier_lagging_subscriptions") == 0
        assert closed_as_slow(broker) == 0


def test_a_reader_that_stops_again_and_again_still_gets_everything_once(start_broker):
    broker = start_broker(config=config("disconnect", 100_000))
    with three(broker) as (stuck, _, publisher):
        got = []
        for stop in (60, 61, 150, 200, 330, MESSAGES):
            publisher.publish(stop - publisher.count)
            got += stuck.until(max(len(got), stop - 30))  # reads some of it, and stops in the middle of it
        got += stuck.until(MESSAGES - 1)
        assert numbers(got) == list(range(MESSAGES))
        assert_alive(stuck, publisher)


def test_what_is_published_while_it_catches_up_comes_in_its_place(start_broker):
    broker = start_broker(config=config("drop_oldest", 100_000), threads=2)
    with three(broker) as (stuck, _, publisher):
        publisher.publish(200)
        got = []
        while publisher.count < MESSAGES:
            publisher.publish(2)
            got += stuck.until(len(got))
        got += stuck.until(MESSAGES - 1)
        assert numbers(got) == list(range(MESSAGES))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("messages", [0, 1, 20])
def test_drop_oldest_tells_one_gap_with_the_right_number_and_goes_on_with_the_newest(start_broker, messages, threads):
    broker = start_broker(config=config("drop_oldest", messages), threads=threads)
    with three(broker) as (stuck, _, publisher):
        publisher.publish(MESSAGES)
        got = stuck.until(MESSAGES - 1)
        assert [push["op"] for push in got].count("gap") == 1
        assert_holes_are_told(got, conflated=False)
        newest = list(itertools.takewhile(lambda push: push["op"] == "message", reversed(got)))
        assert newest and (messages == 0 or len(newest) == messages)
        assert broker.metric("crier_messages_dropped_total") == MESSAGES - len(numbers(got))
        assert closed_as_slow(broker) == 0
        assert_alive(stuck, publisher)


KEYS = ["eur", "usd", None, "gbp"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("messages", [0, 100])
def test_conflate_keeps_the_newest_of_each_key_in_the_order_of_the_newest(start_broker, messages, threads):
    broker = start_broker(config=config("conflate", messages), threads=threads)
    with three(broker) as (stuck, _, publisher):
        # The last of "rare" is old, and kept all the same.
        publisher.publish(MESSAGES // 2, key_of=lambda number: KEYS[number % 4])
        rare = publisher.count
        publisher.publish(1, key_of=lambda number: "rare")
        publisher.publish(MESSAGES - publisher.count, key_of=lambda number: KEYS[number % 4])
        got = stuck.until(MESSAGES - 1)
        assert_holes_are_told(got, conflated=True)
        first_gap = [push["op"] for push in got].index("gap")
        assert numbers(got[first_gap:]) == [rare, *range(MESSAGES - 4, MESSAGES)]
        assert closed_as_slow(broker) == 0
        assert_alive(stuck, publisher)


def test_without_keys_conflate_keeps_the_newest_alone(start_broker):
    broker = start_broker(config=config("conflate", 0))
    with three(broker) as (stuck, _, publisher):
        publisher.publish(MESSAGES)
        got = stuck.until(MESSAGES - 1)
        assert_holes_are_told(got, conflated=True)
        assert [push["op"] for push in got[-2:]] == ["gap", "message"]
        assert [push["op"] for push in got].count("gap") == 1


@pytest.mark.parametrize("overflow", ["disconnect", "drop_oldest", "conflate"])
def test_a_pattern_that_lags_is_told_its_gap_under_its_own_name(start_broker, overflow):
    broker = start_broker(config=config(overflow, 0), threads=2)
    with Reader(broker, "feed:%2A") as stuck, Reader(broker, "feed:a", stuck=False) as healthy, \
            Publisher(broker, "feed:a", healthy) as publisher:
        publisher.publish(MESSAGES)
        got = stuck.until(MESSAGES - 1)
        if overflow == "disconnect":
            assert stuck.close == 4000
            return
        assert_holes_are_told(got, conflated=overflow == "conflate")
        gaps = [push for push in got if push["op"] == "gap"]
        assert [push["channel"] for push in gaps] == ["feed:*"]
        assert {push["pattern"] for push in got if push["op"] == "message"} == {"feed:*"}


def test_each_channel_of_a_slow_connection_has_its_own_gap_and_replies_are_never_dropped(start_broker):
    broker = start_broker(config=config("drop_oldest", 0) + '[namespace.kept]\nhistory = { messages = 1000 }\n')
    with three(broker) as (stuck, _, publisher):
        for number, channel in enumerate(("feed:b", "kept:c")):
            stuck.send(text_frame({"op": "subscribe", "id": number, "channel": channel}))
            assert stuck.read_json()["op"] == "subscribed"
        for number in range(MESSAGES):
            publisher.publish(1)
            publish(broker, "feed:b", [number, "y" * 50_000]) if number % 4 == 0 else None
            publish(broker, "kept:c", [number, "z"]) if number % 4 == 1 else None
            if number % 10 == 0:
                stuck.send(text_frame({"op": "ping", "id": number}))
        stuck.send(text_frame({"op": "ping", "id": "last"}))
        publish(broker, "feed:a", ["end", ""])
        publish(broker, "feed:b", ["end", ""])
        publish(broker, "kept:c", ["end", ""])
        got = []
        missing = {"feed:a", "feed:b", "kept:c", "last"}
        while missing:
            push = stuck.read_json()
            got.append(push)
            missing -= {push.get("id")} if push["op"] == "pong" else set()
            missing -= {push["channel"]} if push["op"] == "message" and push["data"][0] == "end" else set()
        assert [push["id"] for push in got if push["op"] == "pong"] == [*range(0, MESSAGES, 10), "last"]
        kept = [push["data"][0] for push in got if push.get("channel") == "kept:c"]
        assert kept == [*range(1, MESSAGES, 4), "end"], "the channel with history has no hole"
        for channel, every in (("feed:a", 1), ("feed:b", 4)):
            here = [push for push in got if push.get("channel") == channel]
            lost = sum(push["lost"] for push in here if push["op"] == "gap")
            assert lost + len(numbers(here)) == MESSAGES // every + 1
            expected = 0
            for push in here[:-1]:
                if push["op"] == "gap":
                    expected += push["lost"] * every
                else:
                    assert push["data"][0] == expected
                    expected += every


def test_replies_alone_over_the_limit_end_the_connection_with_4000(start_broker):
    broker = start_broker(config=config("drop_oldest", 100, outbox_bytes_max="256KiB"))
    publish(broker, "feed:a", *[[number, "x" * 50_000] for number in range(10)])
    with RawWebSocket(broker, receive_bytes=4096) as stuck:
        ask = text_frame({"op": "history", "channel": "feed:a"})
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                stuck.send(ask)
        eventually(lambda: closed_as_slow(broker) == 1)


@pytest.mark.parametrize("how", ["unsubscribe", "close"])
def test_who_leaves_while_lagging_is_answered_and_forgotten(start_broker, how):
    broker = start_broker(config=config("drop_oldest", 1000))
    with three(broker) as (stuck, _, publisher):
        publisher.publish(MESSAGES)
        assert broker.metric("crier_lagging_subscriptions") == 1
        if how == "close":
            stuck.socket.close()
            stuck.stream.close()
        else:
            stuck.send(text_frame({"op": "unsubscribe", "id": "off", "channel": "feed:a"}))
            last = -1
            while (push := stuck.read_json()).get("id") != "off":
                assert push["data"][0] == last + 1
                last += 1
            publisher.publish(1)
            stuck.send(text_frame({"op": "ping"}))
            assert stuck.read_json() == {"op": "pong"}
        eventually(lambda: broker.metric("crier_lagging_subscriptions") == 0)


@pytest.mark.deadline(150)
@pytest.mark.parametrize("overflow, messages", [
    ("disconnect", 0), ("disconnect", 100_000), ("drop_oldest", 0), ("drop_oldest", 100), ("conflate", 0)])
def test_a_thousand_stuck_subscribers_take_bounded_memory_and_nobody_else_notices(start_broker, overflow, messages):
    broker = start_broker(threads=2, config=config(
        overflow, messages, outbox_total_bytes_max="64MiB", history_bytes_max="64MiB"))
    crowd = scaled(1000, 60)
    with contextlib.ExitStack() as stack:
        stuck = [stack.enter_context(Reader(broker, "feed:a")) for _ in range(crowd)]
        healthy = stack.enter_context(Reader(broker, "feed:a", stuck=False))
        before = broker.resident_kb()
        publisher = stack.enter_context(Publisher(broker, "feed:a", healthy))
        publisher.publish(scaled(MESSAGES, 200), key_of=lambda number: str(number % 10))
        grown = broker.resident_kb() - before
        outboxes = broker.metric("crier_outbox_bytes")
        print(f"{overflow}, {messages} kept: {grown} kB more, outboxes {outboxes:.0f} B")
        assert outboxes <= 64 * 1024 * 1024
        assert SANITIZED or grown < 112 * 1024
        for reader in stuck[::100]:  # some of them read on
            got = reader.until(publisher.count - 1)
            assert_holes_are_told(got, conflated=overflow == "conflate")
            lost_for_good = overflow == "disconnect" and messages == 0
            assert reader.close in ((4000, RESET) if lost_for_good else (None,))
            assert lost_for_good or numbers(got)[-1] == publisher.count - 1
    eventually(lambda: broker.metric("crier_connections") == 0, seconds=30)
    assert broker.metric("crier_outbox_bytes") == 0
