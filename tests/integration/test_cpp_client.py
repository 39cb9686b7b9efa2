"""The C++ client library against the real broker: each of its calls."""

import json
import subprocess

import pytest

from broker_process import SANITIZER_REPORT, SLOWNESS, scaled
from cpp_client_process import PATIENCE, PROGRAM, CppClient
from recovery import pages


@pytest.fixture
def client(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path) as one:
        one.next("connected")
        yield one


def test_publishes_and_receives(client, broker):
    assert client.subscribe("first")["again"] is False
    one = client.answer("publish", channel="first", data={"text": "hello"})
    message = client.next("message")
    assert (message["data"], message["position"]) == ({"text": "hello"}, one["position"])
    client.do("publish", channel="first", data="binary bytes", binary=True, silent=True)
    assert client.next("message")["bytes"] == len('"binary bytes"')
    assert pages(broker, "first")[0][0] == (one["position"], {"text": "hello"})
    client.close()


def test_gives_each_of_a_batch_and_of_a_broadcast_its_own_result(client):
    results = client.answer("batch", publications=[{"channel": "batch", "data": n} for n in range(1500)])
    offsets = [int(result["position"].split(":")[1]) for result in results]
    assert offsets == sorted(offsets) and len(offsets) == 1500
    results = client.answer("broadcast", channels=["broad.a", "broad.b"], data=1)
    assert [result["channel"] for result in results] == ["broad.a", "broad.b"]


def test_asks_for_history_presence_and_a_ping(client):
    client.subscribe("asked", presence=True)
    for number in range(5):
        client.do("publish", channel="asked", data=number, silent=True)
    client.messages(5)
    page = client.answer("history", channel="asked", limit=3)
    assert page["data"] == [0, 1, 2] and page["more"]
    assert client.answer("history", channel="asked", cursor=page["cursor"])["data"] == [3, 4]
    assert client.answer("presence", channel="asked")["count"] == 1
    assert client.answer("ping") > 0
    assert client.answer("history", channel="asked", since="zzzz:1")["code"] == "unrecoverable_position"
    assert client.answer("channels")["code"] in ("forbidden", "unauthorized")


def test_tells_who_comes_and_goes_and_delivers_by_pattern(client, broker, tmp_path):
    client.subscribe("party.hall", presence=True)
    client.subscribe("party.>")
    with CppClient(broker.websocket_url, tmp_path) as guest:
        guest.subscribe("party.hall")
        assert client.next("presence")["kind"] == 0
        guest.answer("publish", channel="party.hall", data=1)
        patterns = {client.next("message").get("pattern"), client.next("message").get("pattern")}
        assert patterns == {None, "party.>"}
        guest.close()
    assert client.next("presence")["kind"] == 1


def test_refuses_as_values_what_cannot_be_sent(client):
    assert client.answer("publish", channel="two words", data=1)["code"] == "bad_request"
    assert client.answer("publish", channel="a", raw="{")["code"] == "bad_request"
    assert client.answer("publish", channel="a", data="x" * 100_000)["code"] == "too_large"
    error = client.answer("publish", channel="a", data="x" * 1_100_000)
    assert error["code"] == "too_large" and "incoming_bytes_max" in error["message"]
    assert "position" in client.answer("publish", channel="a", data=1), "the connection is still open"


def test_says_that_its_outbox_is_full_and_goes_on_when_there_is_room(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, outbox_bytes_max=4096) as client:
        count = scaled(20_000)
        client.subscribe("room")
        client.do("many", channel="room", to=count)
        assert client.messages(count) == list(range(1, count + 1))
        assert client.next("many")["failed"] == 0


def test_compressed_messages_are_the_same(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, compression=True) as client:
        client.subscribe("zip")
        text = "all work and no play " * 500
        client.answer("publish", channel="zip", data=text)
        assert client.next("message")["data"] == text


def test_a_client_may_vanish_at_any_moment(client):
    client.subscribe("gone")
    for number in range(100):
        client.do("publish", channel="gone", data=number)
    client.do("vanish")
    client.next("vanished")
    assert client.process.wait(timeout=PATIENCE) == 0


def test_many_threads_share_one_blocking_client(broker):
    options = {"url": broker.websocket_url, "count": scaled(200, 20), "channel": "blocking"}
    done = subprocess.run([str(PROGRAM), json.dumps(options), "blocking"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=50 * SLOWNESS, check=False)
    assert not SANITIZER_REPORT.search(done.stderr), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"event": "blocking", "received": 12 * options["count"], "wrong": 0, "failed": 0, "history": 1,
                    "pinged": True, "unsubscribed": True, "closed": True, "after": "closed"}
