"""Server-sent events: curl, a real browser's EventSource, resuming by the id of an event, refusals, proxies."""

import contextlib
import json
import socket

import pytest

from broker_process import SLOWNESS, eventually
from clients import RawHttp, request, upgrade_request
from event_streams import ACCEPT, Lines, Relay, Stream, publish, target
from http_wire import get, post


# --- what a stream looks like


def test_curl_sees_events(broker, channel):
    with Lines("curl", "--silent", "--no-buffer", "--include", "--noproxy", "*", "--max-time", str(30 * SLOWNESS),
               "--header", "Accept: text/event-stream", broker.url + target(channel)) as curl:
        assert curl.next() == "HTTP/1.1 200 OK"
        while curl.next() != "event: subscribed":
            pass
        publish(broker, (channel, {"text": "grüße"}))
        while curl.next() != "event: message":
            pass
        data = json.loads(curl.next().removeprefix("data: "))
        assert (data["op"], data["channel"], data["data"]) == ("message", channel, {"text": "grüße"})
        curl.process.terminate()


def test_the_head_keeps_caches_and_proxies_from_holding_events_back(broker, channel):
    with Stream(broker, channel) as stream:
        assert stream.head.headers["content-type"] == "text/event-stream"
        assert "no-cache" in stream.head.headers["cache-control"]
        assert "no-store" in stream.head.headers["cache-control"]
        assert stream.head.headers["x-accel-buffering"] == "no"
        assert stream.head.headers["connection"] == "close"
        assert "content-length" not in stream.head.headers
        assert "access-control-allow-origin" not in stream.head.headers


def test_a_page_of_a_permitted_origin_may_read_it(broker, channel):
    origin = "http://localhost:3000"
    with Stream(broker, channel, headers=f"Origin: {origin}\r\n") as stream:
        assert stream.head.headers["access-control-allow-origin"] == origin
        assert stream.head.headers["vary"] == "Origin"


def test_it_begins_with_the_delay_for_coming_back_then_welcome_then_each_channel(broker, channel):
    with Stream(broker, channel, channel + ".b", channel) as stream:
        assert 1000 <= int(stream.block().retry) <= 10_000
        welcome = stream.event("welcome")
        assert len(welcome.data["session"]) == 32
        assert welcome.id is None
        names = [stream.event("subscribed").data["channel"] for _ in range(2)]
        assert sorted(names) == [channel, channel + ".b"]
        publish(broker, (channel, 1))
        assert stream.messages(1) == [(channel, 1)]


def test_delays_differ_so_that_not_all_come_back_at_once(broker, channel):
    delays = set()
    for _ in range(8):
        with Stream(broker, channel) as stream:
            delays.add(stream.block().retry)
    assert len(delays) > 1


def test_a_publishers_line_ends_do_not_end_the_event(broker, channel):
    with Stream(broker, channel) as stream:
        stream.subscribed()
        body = '{"op":"publish","channel":"%s","data":{\n"a":\r\n[1,\r2]}}' % channel
        assert request(broker, post(broker, body)).status == 200
        assert stream.messages(1) == [(channel, {"a": [1, 2]})]


def test_what_a_peer_sends_behind_its_request_is_nobodys(broker, channel):
    with Stream(broker, channel) as stream:
        stream.subscribed()
        stream.send(post(broker, {"op": "publish", "channel": channel, "data": "not run"}))
        stream.send(b"\x00\xff" * 100_000)
        publish(broker, (channel, "run"))
        assert stream.messages(1) == [(channel, "run")]


def test_a_stream_may_follow_answered_requests_on_a_connection_that_was_kept(broker, channel):
    with RawHttp(broker) as http:
        http.send(post(broker, {"op": "ping"}))
        assert http.answer().status == 200
        http.send(get(broker, target(channel), ACCEPT))
        assert http.answer(body=False).headers["content-type"] == "text/event-stream"


def test_accept_may_be_a_list(broker, channel):
    for accept in ("application/json;q=0.5, Text/Event-Stream; charset=utf-8", "text/event-stream,*/*"):
        with RawHttp(broker) as http:
            http.send(get(broker, target(channel), f"Accept: {accept}\r\n"))
            assert http.answer(body=False).status == 200
    assert request(broker, get(broker, target(channel), "Accept: */*\r\n")).status == 426


def test_a_pattern_delivers_with_its_name_and_has_no_position(broker, channel):
    with Stream(broker, channel + ".*") as stream:
        assert channel + ".*" in stream.subscribed()
        publish(broker, (channel + ".a", 1))
        event = stream.event("message")
        assert (event.data["channel"], event.data["pattern"]) == (channel + ".a", channel + ".*")
        assert event.id is None


def test_a_channel_that_may_not_be_had_is_an_error_event_and_the_others_go_on(start_broker, channel):
    broker = start_broker(config='[namespace.closed]\nsubscribe = "nobody"\n')
    with Stream(broker, "closed:a", channel) as stream:
        stream.event("welcome")
        events = {event.name: event.data for event in (stream.event(), stream.event())}
        assert (events["error"]["channel"], events["error"]["code"]) == ("closed:a", "forbidden")
        assert events["subscribed"]["channel"] == channel
        publish(broker, (channel, 1))
        assert stream.messages(1) == [(channel, 1)]


# --- resuming


def test_the_last_event_id_resumes_every_channel_with_nothing_lost_or_doubled(broker, channel):
    channels = [f"{channel}.{letter}" for letter in "abc"]
    a, b, c = channels
    with Stream(broker, *channels) as stream:
        stream.subscribed(3)
        publish(broker, (a, 1), (b, 1), (a, 2))
        assert sorted(stream.messages(3)) == [(a, 1), (a, 2), (b, 1)]
        last_event_id = stream.last_event_id
    missed = [(a, 3), (c, 1), (b, 2), (b, 3), (c, 2)]
    publish(broker, *missed)
    with Stream(broker, *channels, headers=f"Last-Event-ID: {last_event_id}\r\n") as stream:
        assert stream.event().name == "welcome"
        seen, recovered = [], {}
        while len(seen) < len(missed) or len(recovered) < 3:
            data = stream.event().data
            if data["op"] == "subscribed":
                recovered[data["channel"]] = data["recovered"]
            else:
                seen.append((data["channel"], data["data"]))
        assert recovered == {a: True, b: True, c: True}
        for name in channels:
            assert [entry for entry in seen if entry[0] == name] == [entry for entry in missed if entry[0] == name]
        publish(broker, (b, 4))
        assert stream.messages(1) == [(b, 4)]


def test_every_id_resumes_from_its_own_place(broker, channel):
    with Stream(broker, channel) as stream:
        assert stream.event().name == "welcome"
        ids = [stream.event("subscribed").id]
        publish(broker, *[(channel, number) for number in range(5)])
        for number in range(5):
            event = stream.event("message")
            assert event.data["data"] == number
            ids.append(event.id)
    for place, last_event_id in enumerate(ids):
        with Stream(broker, channel, last_event_id=last_event_id) as stream:
            subscribed = stream.subscribed()[channel]
            assert (subscribed["recovered"], subscribed["replayed"]) == (True, 5 - place)
            assert stream.messages(5 - place) == [(channel, number) for number in range(place, 5)]


def test_a_stream_that_ends_within_its_replay_resumes_from_there(broker, channel):
    with Stream(broker, channel, channel + ".b") as stream:
        stream.subscribed(2)
        last_event_id = stream.last_event_id
    publish(broker, *[(channel, number) for number in range(20)], *[(channel + ".b", number) for number in range(20)])
    seen = {channel: [], channel + ".b": []}
    for _ in range(20):  # each time it breaks after three messages
        with Stream(broker, channel, channel + ".b", last_event_id=last_event_id) as stream:
            for _ in range(3):
                while (data := stream.event().data)["op"] != "message":
                    assert data.get("recovered", True)
                seen[data["channel"]].append(data["data"])
                if sum(map(len, seen.values())) == 40:
                    break
            last_event_id = stream.last_event_id
        if sum(map(len, seen.values())) == 40:
            break
    assert seen == {channel: list(range(20)), channel + ".b": list(range(20))}


def test_the_header_which_a_browser_keeps_up_to_date_goes_before_the_url(broker, channel):
    with Stream(broker, channel) as stream:
        assert stream.event().name == "welcome"
        old = stream.event("subscribed").id
        publish(broker, (channel, 1))
        new = stream.event("message").id
    assert old != new
    with Stream(broker, channel, last_event_id=old, headers=f"Last-Event-ID: {new}\r\n") as stream:
        assert stream.subscribed()[channel]["replayed"] == 0


def test_positions_in_the_url_resume_the_channels_before_them(broker, channel):
    a, b, c = (f"{channel}.{letter}" for letter in "abc")
    positions = publish(broker, (a, 1), (b, 1), (a, 2), (b, 2), (c, 1))
    with Stream(broker, (a, positions[0]), c, (b, positions[3])) as stream:
        recovered = {name: data.get("recovered") for name, data in stream.subscribed(3).items()}
        assert recovered == {a: True, b: True, c: None}
        assert stream.messages(1) == [(a, 2)]
        publish(broker, (a, 3))
        assert stream.messages(1) == [(a, 3)]


def test_an_id_goes_before_the_positions_in_the_url(broker, channel):
    first = publish(broker, (channel, 1))[0]
    with Stream(broker, channel) as stream:
        stream.subscribed()
        last_event_id = stream.last_event_id
    with Stream(broker, (channel, first.partition(":")[0] + ":0"),
                headers=f"Last-Event-ID: {last_event_id}\r\n") as stream:
        assert stream.subscribed()[channel]["replayed"] == 0


@pytest.mark.parametrize("query, fault", [
    ("since=k3v9x0ab:1&channel=a", "stands behind the channel"),
    ("channel=a&since=k3v9x0ab:1&since=k3v9x0ab:2", "given twice for a"),
    ("channel=a.*&since=k3v9x0ab:1", "a.* is a pattern"),
    ("channel=a&since=yesterday", "since in the URL: "),
])
@pytest.mark.parametrize("upgrades", [False, True])
def test_a_since_in_the_url_that_belongs_to_nothing_is_refused(broker, query, fault, upgrades):
    path = "/message?" + query
    assert fault in (problem(broker, upgrade_request(broker, path)) if upgrades else refused(broker, path))


def test_what_the_history_no_longer_has_is_not_pretended(start_broker, channel):
    broker = start_broker(config='[namespace.short]\nhistory = { messages = 2, age = "100s" }\n')
    name = "short:" + channel
    with Stream(broker, name) as stream:
        stream.subscribed()
        last_event_id = stream.last_event_id
    publish(broker, *[(name, number) for number in range(5)])
    with Stream(broker, name, last_event_id=last_event_id) as stream:
        subscribed = stream.subscribed()[name]
        assert (subscribed["recovered"], subscribed["replayed"]) == (False, 0)
        publish(broker, (name, 5))
        assert stream.messages(1) == [(name, 5)]
        assert stream.last_event_id != last_event_id


def test_another_life_of_the_broker_is_told_as_such(start_broker, channel):
    first, second = start_broker(), start_broker()
    with Stream(first, channel) as stream:
        stream.subscribed()
        last_event_id = stream.last_event_id
    with Stream(second, channel, last_event_id=last_event_id) as stream:
        assert stream.subscribed()[channel]["recovered"] is False


@pytest.mark.deadline(150)
def test_a_browsers_event_source_resumes_by_itself_when_its_connection_is_cut(broker, channel):
    channels = [f"{channel}.{letter}" for letter in "ab"]
    relay = Relay(broker)
    job = {"page": f"http://127.0.0.1:{relay.port}/", "stream": target(*channels)}
    try:
        with Lines("node", "node/event_source.js", json.dumps(job)) as browser:
            opened = json.loads(browser.next(60 * SLOWNESS))
            assert opened["op"] == "open"
            browser.until(lambda line: line["op"] == "subscribed")
            browser.until(lambda line: line["op"] == "subscribed")
            seen, number = [], 0
            for _ in range(3):
                batch = [(channels[(number + i) % 2], number + i) for i in range(10)]
                publish(broker, *batch)
                number += 10
                lines = browser.until(lambda line: line["op"] == "message" and line["data"] == number - 1)
                relay.cut()
                lines += browser.until(lambda line: line["op"] == "broken")
                assert lines[-1]["for_good"] is False
                missed = [(channels[(number + i) % 2], number + i) for i in range(10)]
                publish(broker, *missed)
                number += 10
                relay.mend()
                # Of both channels: the last of each has come.
                lines += browser.until(lambda line: line["op"] == "message" and line["data"] >= number - 2)
                lines += browser.until(lambda line: line["op"] == "message" and line["data"] >= number - 2)
                assert all(line.get("recovered", True) for line in lines if line["op"] == "subscribed"), lines
                assert not any(line["op"] == "gap" for line in lines), lines
                seen += [(line["channel"], line["data"]) for line in lines if line["op"] == "message"]
            for place, name in enumerate(channels):
                assert [data for own, data in seen if own == name] == list(range(place, number, 2))
    finally:
        relay.close()


# --- refusals


def refused(broker, path, headers=ACCEPT, status=400):
    return problem(broker, get(broker, path, headers), status)


def problem(broker, asked, status=400):
    answer = request(broker, asked)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.json()["detail"]


def test_a_stream_needs_a_channel_and_may_have_32(broker, channel):
    assert "channel" in refused(broker, "/message")
    names = [f"{channel}.{number}" for number in range(33)]
    assert "32" in refused(broker, target(*names))
    with Stream(broker, *names[:32], names[0]) as stream:
        assert len(stream.subscribed(32)) == 32
        publish(broker, *[(name, 1) for name in names[:32]])
        assert sorted(stream.messages(32)) == sorted((name, 1) for name in names[:32])
        last_event_id = stream.last_event_id
    publish(broker, *[(name, 2) for name in names[:32]])
    with Stream(broker, *names[:32], last_event_id=last_event_id) as stream:
        messages = []
        while len(messages) < 32:
            if (data := stream.event().data)["op"] == "message":
                messages.append((data["channel"], data["data"]))
        assert sorted(messages) == sorted((name, 2) for name in names[:32])


def test_a_bad_id_is_refused_wherever_it_stands(broker, channel):
    with Stream(broker, channel) as stream:
        stream.subscribed()
        good = stream.last_event_id
    for bad in ("17", good + "A", good[:-1], good + "=", "k3x9:1042", "ä", "%00", " ", "A" * 2000):
        assert "last_event_id" in refused(broker, target(channel, last_event_id=bad))
    assert "Last-Event-ID" in refused(broker, target(channel), ACCEPT + "Last-Event-ID: 17\r\n")
    assert "Last-Event-ID" in refused(broker, target(channel), ACCEPT + f"Last-Event-ID: {good}\r\n" * 2)


def test_an_id_of_other_channels_is_refused(broker, channel):
    with Stream(broker, channel, channel + ".b") as stream:
        stream.subscribed(2)
        last_event_id = stream.last_event_id
    assert "2 channels" in refused(broker, target(channel, last_event_id=last_event_id))
    assert "other channels" in refused(broker, target(channel + ".b", channel, last_event_id=last_event_id))


def test_an_empty_id_is_none(broker, channel):
    with Stream(broker, channel, last_event_id="", headers="Last-Event-ID:\r\n") as stream:
        assert "recovered" not in stream.subscribed()[channel]


def test_bad_channels_and_foreign_pages_are_refused(broker, channel):
    for bad in ("a b", "", "a..b", "a*"):
        assert "channel" in refused(broker, target(bad))
    refused(broker, target(channel), ACCEPT + "Origin: http://evil.test\r\n", 403)
    refused(broker, "/elsewhere?channel=a", ACCEPT, 404)


def test_a_stream_behind_requests_without_an_answer_is_refused(broker, channel):
    with RawHttp(broker) as http:
        http.send(post(broker, {"op": "publish", "channel": channel, "data": 1}) + get(broker, target(channel), ACCEPT))
        assert http.answer().status == 200
        assert http.answer().status == 400


# --- life and death


def test_comments_keep_a_silent_stream_alive_also_beyond_the_idle_timeout(start_broker, channel):
    broker = start_broker(config='[limits]\nheartbeat = "1s"\nidle_timeout = "2s"\n')
    with Stream(broker, channel) as stream:
        stream.subscribed()
        for _ in range(4):
            assert stream.block().comment == ""
        publish(broker, (channel, 1))
        assert stream.messages(1) == [(channel, 1)]


def test_a_peer_that_goes_away_is_noticed(broker, channel):
    with Stream(broker, channel) as stream:
        stream.subscribed()
        eventually(lambda: broker.metric("crier_event_streams") == 1)
    eventually(lambda: broker.metric("crier_event_streams") == 0)


SMALL_OUTBOX = '[limits]\noutbox_bytes_max = "256KiB"\n'


def slow_stream(broker, channel, count=400):
    """A stream whose reader takes nothing until `count` messages of 30 KB have been published."""
    stream = Stream(broker, channel)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    stream.subscribed()
    for number in range(0, count, 10):
        publish(broker, *[(channel, [number + i, "x" * 30_000]) for i in range(10)])
    return stream


def test_a_slow_reader_catches_up_from_the_history(start_broker, channel):
    broker = start_broker(config=SMALL_OUTBOX + '[namespace.long]\nhistory = { messages = 1000, age = "100s" }\n')
    with slow_stream(broker, f"long:{channel}") as stream:
        assert [stream.event("message").data["data"][0] for _ in range(400)] == list(range(400))


def test_a_slow_reader_of_a_namespace_that_drops_is_told_what_it_lost(start_broker, channel):
    broker = start_broker(config=SMALL_OUTBOX + '[namespace.dropping]\noverflow = "drop_oldest"\n'
                                                'history = { messages = 10, age = "100s" }\n')
    with slow_stream(broker, f"dropping:{channel}") as stream:
        expected = lost = 0
        while expected < 400:
            data = stream.event().data
            if data["op"] == "gap":
                expected += data["lost"]
                lost += data["lost"]
            else:
                assert data["data"][0] == expected
                expected += 1
        assert lost > 0


def test_a_reader_too_slow_for_the_history_is_ended_and_told_so_when_it_comes_back(start_broker, channel):
    broker = start_broker(config=SMALL_OUTBOX + '[namespace.short]\nhistory = { messages = 10, age = "100s" }\n')
    name = f"short:{channel}"
    with slow_stream(broker, name) as stream:
        seen = 0
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                assert stream.event("message").data["data"][0] == seen
                seen += 1
        assert seen < 400
        last_event_id = stream.last_event_id
    eventually(lambda: broker.metric("crier_connections_closed_total", code="slow_consumer") == 1)
    with Stream(broker, name, last_event_id=last_event_id) as again:
        assert again.subscribed()[name]["recovered"] is False
