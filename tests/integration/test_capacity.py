"""Who is turned away, how it is said, and what nobody can hold for long."""

import contextlib
import itertools
import socket
import time

from broker_process import SLOWNESS, eventually
from clients import RawHttp, RawWebSocket
from http_wire import answers_to_the_end, get, post


def test_at_capacity_retry_after_varies_and_the_refused_are_counted(start_broker):
    broker = start_broker(config="[limits]\nconnections_max = 2\n")
    with RawWebSocket(broker), RawWebSocket(broker):
        answers = []
        for _ in range(20):
            with RawHttp(broker) as http:  # it is answered before it asks
                answers += answers_to_the_end(http)
        assert [answer.status for answer in answers] == [503] * 20
        seconds = {int(answer.headers["retry-after"]) for answer in answers}
        assert len(seconds) > 1 and seconds <= set(range(1, 11))
        eventually(lambda: broker.metric("crier_handshakes_refused_total", reason="capacity") == 20)


def test_the_request_id_of_each_request_on_a_connection_is_another(broker):
    with RawHttp(broker) as http:
        ping = post(broker, {"op": "ping"})
        failing = post(broker, [{"op": "ping"}, {"op": "subscribe", "channel": "a"}])
        http.send(ping + get(broker) + failing + ping + get(broker, "/nowhere"))
        answers = answers_to_the_end(http)
    assert [answer.status for answer in answers] == [200, 200, 207, 200, 404]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 5


def test_a_head_that_cannot_be_read_inherits_nothing_from_the_request_before_it(broker):
    with RawHttp(broker) as http:
        origin = "http://localhost:1"
        http.send(post(broker, {"op": "ping"}, f"Origin: {origin}\r\nContent-Type: application/json\r\n"))
        good = http.answer()
        assert (good.status, good.headers["access-control-allow-origin"]) == (200, origin)
        http.send("GARB AGE\r\n\r\n")
        bad = http.answer()
        assert bad.status == 400
        assert bad.headers.get("x-request-id") != good.headers["x-request-id"]
        assert good.headers["x-request-id"] not in bad.body.decode()
        assert "access-control-allow-origin" not in bad.headers


def test_slow_requests_do_not_hold_the_administrative_listener_beyond_the_time_limit(start_broker):
    # Takes the 10 s of the administrative listener's request time limit, which is no setting.
    broker = start_broker()
    with contextlib.ExitStack() as held:
        slow = [held.enter_context(socket.create_connection(("127.0.0.1", broker.admin_port))) for _ in range(64)]
        head = itertools.cycle(b"GET / HTTP/1.1\r\nX: " + b"y" * 200)
        start = time.monotonic()
        kept_out = False
        while time.monotonic() - start < 14 * SLOWNESS:
            byte = bytes([next(head)])
            for connection in slow:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(byte)
            answered = broker.admin("/metrics")[0] == 200
            kept_out = kept_out or not answered
            if kept_out and answered:
                break
            time.sleep(0.3)
        assert kept_out, "the slow ones took every place"
        assert answered
        assert time.monotonic() - start < 12 * SLOWNESS
