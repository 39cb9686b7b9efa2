"""How fast a connection may give commands, and how fast a channel may be published in."""

import time

import pytest

from broker_process import Broker
from entrances import Session, post

CONFIG = """
[limits]
commands_per_second_max = 20
[namespace.slow]
rate = 2
[namespace.bare]
rate = 2
history = { messages = 0 }
"""


def running(tmp_path, config=CONFIG):
    broker = Broker(tmp_path)
    broker.start(config=config)
    return broker


def replies(session, commands):
    """What an array of commands with ids is answered with, in their order."""
    session.say([{"id": number, **command} for number, command in enumerate(commands)])
    found = {}
    while len(found) < len(commands):
        reply = session.hear()
        if "id" in reply:
            found[reply["id"]] = reply
    return [found[number] for number in range(len(commands))]


def test_a_channel_takes_twice_its_rate_at_once_and_its_rate_from_then_on(tmp_path):
    broker = running(tmp_path)
    try:
        for channel in ("slow:a", "bare:a"):
            publish = {"op": "publish", "channel": channel, "data": 1}
            with Session(broker, channel) as subscriber, Session(broker) as publisher:
                subscriber.push("subscribed")
                outcomes = replies(publisher, [publish] * 8)
                accepted = [reply for reply in outcomes if reply["op"] == "published"]
                refused = [reply for reply in outcomes if reply["op"] == "error"]
                assert 4 <= len(accepted) <= 6  # more only on a machine that takes a second for it
                assert {(reply["code"], reply["channel"]) for reply in refused} == {("rate_limited", channel)}
                assert all(reply["retry_after"] >= 1 for reply in refused)
                for _ in accepted:
                    subscriber.push("message")
                time.sleep(refused[-1]["retry_after"])  # what the broker asks for
                assert replies(publisher, [publish])[0]["op"] == "published"
                subscriber.push("message")
                answer, problem = post(broker, [publish] * 8)
                assert answer.status == 207 and problem[-1]["code"] == "rate_limited"
                assert replies(publisher, [{"op": "ping"}])[0]["op"] == "pong"  # it stays open
    finally:
        broker.stop()


def test_a_connection_that_gives_commands_too_fast_is_told_each_time_and_closed_after_ten_seconds(tmp_path):
    broker = running(tmp_path)
    try:
        with Session(broker) as session, Session(broker) as other:
            outcomes = replies(session, [{"op": "ping"}] * 100)
            assert 40 <= sum(reply["op"] == "pong" for reply in outcomes) <= 60
            assert {reply["retry_after"] for reply in outcomes if reply["op"] == "error"} == {1}
            assert all(reply["op"] == "pong" for reply in replies(other, [{"op": "ping"}] * 40))
            begun = time.monotonic()
            with pytest.raises(EOFError):
                while time.monotonic() - begun < 30:
                    session.say([{"op": "ping"}] * 100)
                    for _ in range(100):
                        session.hear()
                    time.sleep(0.2)  # so that the flood is one of seconds, not of memory
            assert session.closed == (4004, "over limits.commands_per_second_max for 10 s")
            assert time.monotonic() - begun > 8
            assert replies(other, [{"op": "ping"}])[0]["op"] == "pong"
    finally:
        broker.stop()
