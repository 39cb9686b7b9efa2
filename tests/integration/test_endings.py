"""The ends of connections: what was asked for before the end still arrives, whole; and many ends at once."""

import contextlib
import signal
import socket
import time

import pytest

from broker_process import SLOWNESS, eventually, scaled
from clients import RawHttp, dial, upgrade_request
from http_wire import LONG_ANSWER_CHANNELS, LONG_ANSWERS, assert_long_answer, broadcasts, post


@pytest.mark.parametrize("how", ["half_closed", "connection_close"])
def test_a_slow_reader_gets_an_answer_over_the_socket_buffers_whole_before_the_end(start_broker, how):
    broker = start_broker(config=LONG_ANSWERS)
    with RawHttp(broker) as http:
        headers = "Connection: close\r\n" if how == "connection_close" else ""
        http.send(post(broker, broadcasts(50, LONG_ANSWER_CHANNELS, "x" * 101), headers))
        if how == "half_closed":
            http.socket.shutdown(socket.SHUT_WR)
        eventually(lambda: broker.metric("crier_outbox_bytes") > 0)  # the kernel's buffers are full
        time.sleep(1.5)  # longer than the second in which other endings must be flushed
        answer = http.answer()
        if how == "connection_close":  # a FIN may be noticed only when the head is on its way
            assert answer.headers["connection"].lower() == "close"
        assert_long_answer(answer, 50)
        assert http.ended()


@pytest.mark.parametrize("how", ["half_closed", "connection_close"])
def test_every_answer_of_a_pipeline_arrives_before_the_end(broker, how):
    with RawHttp(broker) as http:
        requests = [post(broker, {"op": "ping", "id": number}) for number in range(30)]
        requests.append(post(broker, {"op": "ping", "id": 30}, "Connection: close\r\n" * (how == "connection_close")))
        http.send("".join(requests))
        if how == "half_closed":
            http.socket.shutdown(socket.SHUT_WR)
        assert [http.answer().json()["id"] for _ in range(31)] == list(range(31))
        assert http.ended()


def test_two_signals_at_once_end_a_thousand_connections_with_exit_code_0(start_broker):
    broker = start_broker()
    with contextlib.ExitStack() as open_connections:
        count = scaled(1000, 200)
        for number in range(count):
            connection = open_connections.enter_context(dial(broker))
            connection.sendall(upgrade_request(broker, f"/message?channel=c{number % 50}").encode())
        eventually(lambda: broker.metric("crier_subscriptions") == count)
        broker.signal(signal.SIGTERM)
        broker.signal(signal.SIGINT)
        assert broker.process.wait(timeout=20 * SLOWNESS) == 0
