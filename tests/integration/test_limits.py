"""Every key of [limits]: what happens at it, and the metric that shows it.

In test_gate.py: connections_max, connections_per_ip_max, connects_per_second_max. In test_rate.py:
commands_per_second_max. In test_overflow.py, too: what becomes of slow readers. Here: all others.
"""

import contextlib
import json
import struct

from broker_process import eventually
from clients import CLOSE, FIN, PING, PONG, RawHttp, RawWebSocket, dial, frame, read_to_the_end, text_frame
from entrances import Session, post
from event_streams import Stream
from http_wire import answers_to_the_end, get


def start(start_broker, more="", threads=1, **limits):
    config = "[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items())
    return start_broker(config=config + more, threads=threads)


def refused(broker, reason):
    return broker.metric("crier_handshakes_refused_total", reason=reason)


def closed(broker, code):
    return broker.metric("crier_connections_closed_total", code=code)


def dropped(broker):
    return broker.metric("crier_messages_dropped_total", reason="slow_consumer")


def limit_exceeded(broker, op):
    return broker.metric("crier_commands_total", op=op, outcome="limit_exceeded")


def json_of(raw):
    """The next text, behind what pings come before it."""
    while (read := raw.read_frame())[0] == FIN | PING:
        pass
    return json.loads(read[1])


def test_handshake_timeout_ends_who_says_nothing_and_answers_half_a_head_with_408(start_broker):
    broker = start(start_broker, handshake_timeout='"300ms"')
    with dial(broker) as silent, dial(broker) as half:
        half.sendall(b"GET /message HTTP/1.1\r\n")
        assert read_to_the_end(silent) == b""
        assert read_to_the_end(half).startswith(b"HTTP/1.1 408 ")
    assert refused(broker, "timeout") == 2


def test_body_timeout_answers_half_a_body_with_408_even_if_it_trickles(start_broker):
    broker = start(start_broker, body_timeout='"300ms"')
    with dial(broker) as connection:
        connection.sendall(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        connection.settimeout(0.05)
        answer = b""
        while not answer:
            connection.sendall(b"[")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert refused(broker, "timeout") == 1


def test_heartbeat_pings_who_is_quiet_and_idle_timeout_ends_who_does_not_answer_with_4005(start_broker):
    broker = start(start_broker, heartbeat='"1s"', idle_timeout='"2s"')
    with RawWebSocket(broker) as answering, RawWebSocket(broker) as silent, Stream(broker, "quiet") as stream, \
            RawHttp(broker) as kept:
        kept.send(get(broker))
        assert kept.answer().status == 200
        for _ in range(3):
            assert answering.read_frame()[0] == FIN | PING
            answering.send(frame(FIN | PONG, b""))
        assert silent.read_close()[0] == 4005
        assert stream.subscribed()
        assert stream.block().comment == ""
        assert kept.stream.read(1) == b""
        answering.send(text_frame({"op": "ping", "id": "still there"}))
        assert json_of(answering)["id"] == "still there"
        assert broker.metric("crier_heartbeats_total") >= 5
        assert closed(broker, "heartbeat_timeout") == 1 and closed(broker, "http") == 1


def test_header_bytes_max_answers_a_longer_head_with_431(start_broker):
    broker = start(start_broker, header_bytes_max='"1KiB"')
    with RawHttp(broker) as http:
        http.send(get(broker, headers=f"X-Long: {'x' * 1024}\r\n"))
        assert [answer.status for answer in answers_to_the_end(http)] == [431]
    assert refused(broker, "head_too_large") == 1


def test_incoming_bytes_max_closes_with_1009_and_answers_a_post_with_413(start_broker):
    broker = start(start_broker, "[namespace.default]\nmessage_bytes_max = 1000", incoming_bytes_max='"4KiB"')
    with Session(broker) as session:
        session.say({"op": "ping", "padding": "x" * 4096})
        assert session.close_code() == 1009
    assert post(broker, {"op": "ping", "padding": "x" * 4096})[0].status == 413
    eventually(lambda: closed(broker, "too_big") == 1)
    assert refused(broker, "body_too_large") == 1


def test_channels_per_connection_max_refuses_one_more_subscription(start_broker):
    broker = start(start_broker, channels_per_connection_max=3)
    with Session(broker, "a", "b", "c") as session:
        for _ in range(3):
            session.push("subscribed")
        assert session.call("subscribe", channel="d")["code"] == "limit_exceeded"
        assert limit_exceeded(broker, "subscribe") == 1
        assert broker.metric("crier_subscriptions") == 3
        assert session.call("unsubscribe", channel="a")["op"] == "unsubscribed"
        session.subscribe("d")


def test_channels_max_refuses_one_more_channel_until_one_ends(start_broker):
    broker = start(start_broker, "[namespace.default]\nhistory = { messages = 0 }", channels_max=3)
    with Session(broker, "a", "b", "c") as session:
        for _ in range(3):
            session.push("subscribed")
        refusal = session.call("subscribe", channel="d")
        assert refusal["code"] == "limit_exceeded" and "channels_max" in refusal["message"]
        assert limit_exceeded(broker, "subscribe") == 1
        assert broker.metric("crier_channels") == 3
        assert session.call("unsubscribe", channel="a")["op"] == "unsubscribed"
        eventually(lambda: session.call("subscribe", channel="d")["op"] == "subscribed")


def test_channels_max_refuses_a_publish_that_would_begin_another_history(start_broker):
    broker = start(start_broker, channels_max=2)
    for channel in "ab":
        assert post(broker, {"op": "publish", "channel": channel, "data": 1})[0].status == 200
    answer, problem = post(broker, {"op": "publish", "channel": "c", "data": 1})
    assert (answer.status, problem["code"]) == (429, "limit_exceeded")
    assert "channels_max" in problem["message"] and int(answer.headers["retry-after"]) >= 1
    assert limit_exceeded(broker, "publish") == broker.metric("crier_publishes_refused_total") == 1


def test_idempotency_keys_max_refuses_one_more_key(start_broker):
    broker = start(start_broker, idempotency_keys_max=2)
    for number in range(2):
        assert post(broker, {"op": "publish", "channel": "a", "data": 1, "key": str(number)})[0].status == 200
    answer, problem = post(broker, {"op": "publish", "channel": "a", "data": 1, "key": "one more"})
    assert (answer.status, problem["code"]) == (429, "limit_exceeded")
    assert int(answer.headers["retry-after"]) >= 1
    assert broker.metric("crier_idempotency_keys") == 2
    assert limit_exceeded(broker, "publish") == broker.metric("crier_publishes_refused_total") == 1


def test_commands_per_second_max_tells_a_post_by_429_when_to_come_back(start_broker):
    broker = start(start_broker, "[namespace.slow]\nrate = 1\n", commands_per_second_max=2)
    with RawHttp(broker) as http:
        body = '{"op":"ping"}'
        request = f"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        http.send(request * 5)
        answers = answers_to_the_end(http)
    assert [answer.status for answer in answers] == [200] * 4 + [429]
    assert answers[-1].headers["retry-after"] == str(answers[-1].json()["retry_after"]) == "1"
    for _ in range(2):
        assert post(broker, {"op": "publish", "channel": "slow:a", "data": 1})[0].status == 200
    answer, problem = post(broker, {"op": "publish", "channel": "slow:a", "data": 1})
    assert (answer.status, problem["code"]) == (429, "rate_limited")
    assert answer.headers["retry-after"] == str(problem["retry_after"])
    assert broker.metric("crier_commands_total", outcome="rate_limited") == 2


def test_history_bytes_max_forgets_the_oldest(start_broker):
    broker = start(start_broker, history_bytes_max='"256KiB"')
    for number in range(20):
        assert post(broker, {"op": "publish", "channel": "h", "data": [number, "x" * 30_000]})[0].status == 200
    kept = post(broker, {"op": "history", "channel": "h"})[1]["messages"]
    assert 5 <= len(kept) <= 8 and kept[-1]["data"][0] == 19
    assert broker.metric("crier_history_evicted_total") == 20 - len(kept)
    assert broker.metric("crier_history_bytes") <= 256 * 1024


def test_inflight_bytes_max_stops_reading_until_publishes_have_arrived(start_broker):
    broker = start(start_broker, threads=2, inflight_bytes_max='"66KiB"', history_bytes_max='"1MiB"')
    with Session(broker) as session:
        before = broker.metric("crier_reads_paused_total")
        session.say(*[{"op": "publish", "channel": f"c{number}", "data": "x" * 10_000} for number in range(40)])
        session.nothing_more()
        assert broker.metric("crier_reads_paused_total") > before
    assert broker.metric("crier_messages_published_total") == 40


BIG = "x" * 60_000


def stuck_reader(broker, channel):
    raw = RawWebSocket(broker, f"/message?channel={channel}", receive_bytes=4096)
    assert raw.read_json()["op"] == "subscribed"
    return raw


def last_code(raw):
    """4000, behind what was on its way; or the reset that follows it. Then we close, too."""
    code = 4000
    with contextlib.suppress(EOFError, ConnectionResetError):
        while (read := raw.read_frame())[0] != FIN | CLOSE:
            pass
        (code,) = struct.unpack("!H", read[1][:2])
    raw.socket.close()
    raw.stream.close()
    return code


def broadcast(broker, *channels, times=10):
    """`times` messages to each."""
    answer, _ = post(broker, [{"op": "publish", "channels": channels, "data": BIG}] * times)
    assert answer.status == 200


def test_outbox_bytes_max_makes_a_slow_reader_lag_and_without_history_ends_it_with_4000(start_broker):
    broker = start(start_broker, "[namespace.kept]\nhistory = { messages = 1000 }\n"
                   "[namespace.lost]\nhistory = { messages = 0 }\n", outbox_bytes_max='"256KiB"')
    with stuck_reader(broker, "kept:a") as lagging, stuck_reader(broker, "lost:a") as lost:
        while not (broker.metric("crier_lags_total") and dropped(broker)):
            broadcast(broker, "kept:a", "lost:a")
        assert broker.metric("crier_lagging_subscriptions") == 1
        assert last_code(lost) == 4000
        eventually(lambda: closed(broker, "slow_consumer") == 1)
        lagging.send(text_frame({"op": "ping", "id": "here"}))
        while lagging.read_json().get("id") != "here":
            pass


def test_outbox_total_bytes_max_ends_the_fullest_with_4000_and_spares_the_others(start_broker):
    broker = start(start_broker, "[namespace.default]\nhistory = { messages = 0 }\n", outbox_bytes_max='"8MiB"',
                   outbox_total_bytes_max='"9MiB"')
    with stuck_reader(broker, "one") as one, stuck_reader(broker, "two") as two:
        count = 0
        while not dropped(broker):
            assert broker.metric("crier_outbox_bytes") <= 9 * 1024 * 1024
            broadcast(broker, "one")
            broadcast(broker, "two", times=8)
            count += 8
        assert broker.metric("crier_lags_total") == 0  # none was over its own limit
        assert last_code(one) == 4000
        eventually(lambda: closed(broker, "slow_consumer") == 1)
        assert two.read_json()["data"] == BIG
        assert [two.read_json()["op"] for _ in range(count - 1)] == ["message"] * (count - 1)


def test_a_stream_that_is_asked_for_while_the_broker_stops_is_200_with_a_time_to_come_back(start_broker):
    broker = start_broker(threads=1)
    with dial(broker) as stream, dial(broker) as asking, RawWebSocket(broker) as told:
        head = get(broker, "/message?channel=news", "Accept: text/event-stream\r\n").encode()
        stream.sendall(head[:20])
        asking.sendall(get(broker).encode()[:20])
        eventually(lambda: broker.metric("crier_connections") == 3)
        broker.signal()
        assert told.read_close()[0] == 1012
        stream.sendall(head[20:])
        asking.sendall(get(broker).encode()[20:])
        answer = read_to_the_end(stream)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nContent-Type: text/event-stream" in answer, answer
        retry = answer.partition(b"\r\n\r\n")[2].strip()
        assert retry.startswith(b"retry: ") and 1000 <= int(retry[7:]) <= 10_000
        answer = read_to_the_end(asking)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer, answer
