"""Clients that do not get through the TLS handshake: each has a defined end and a label, and harms nobody else."""

import contextlib
import os
import socket
import ssl
import struct
import time

import pytest

from broker_process import SLOWNESS, eventually, scaled
from clients import PATIENCE, RawHttp, RawWebSocket, first_flight, text_frame, trust
from http_wire import get

CLIENT_HELLO_HEAD = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
SHORT = '[limits]\nhandshake_timeout = "500ms"\n'


def plain(broker):
    connection = socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_to_the_end(connection):
    """Everything until the end of the stream, which has to be no reset."""
    got = b""
    while piece := connection.recv(65536):
        got += piece
    return got


def failed(broker, reason):
    return broker.metric("crier_tls_handshakes_failed_total", reason=reason)


def assert_serves(broker):
    with RawHttp(broker) as http:
        http.send(get(broker))
        assert http.answer().status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT"])
def test_plain_http_is_told_to_use_https(start_tls, method):
    broker = start_tls()
    with plain(broker) as client:
        client.sendall(f"{method} /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n\r\n".encode() + b"x" * 5000)
        answer = read_to_the_end(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"https://" in answer and b"wss://" in answer and b"Connection: close" in answer
    eventually(lambda: failed(broker, "plain_http") == 1)
    assert_serves(broker)


def test_garbage_gets_an_alert_and_the_end(start_tls):
    broker = start_tls()
    for count in range(scaled(50, 10)):
        with plain(broker) as client:
            client.sendall(b"\x16\x03\x01" + os.urandom(200 + 10 * count) if count % 2 else b"\xff" + os.urandom(500))
            client.shutdown(socket.SHUT_WR)
            answer = read_to_the_end(client)
        assert answer == b"" or (answer[0] == 21 and len(answer) == 7), answer  # a record with one alert
    eventually(lambda: sum(failed(broker, reason) for reason in ("protocol", "closed", "other")) >= scaled(50, 10))
    assert_serves(broker)


@pytest.mark.parametrize("given", ["nothing", "half_a_hello", "no_answer_to_ours"])
def test_a_handshake_that_does_not_go_on_ends_in_time(start_tls, given):
    broker = start_tls(config=SHORT)
    wire = {"nothing": b"", "half_a_hello": CLIENT_HELLO_HEAD, "no_answer_to_ours": first_flight()}[given]
    with plain(broker) as client:
        begun = time.monotonic()
        client.sendall(wire)
        with contextlib.suppress(ConnectionResetError):
            read_to_the_end(client)
        assert 0.3 < time.monotonic() - begun < 3 * SLOWNESS
    eventually(lambda: failed(broker, "timeout") == 1)
    eventually(lambda: broker.metric("crier_connections") == 0)
    assert broker.metric("crier_tls_handshakes_in_flight") == 0


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("given", ["nothing", "half_a_hello", "hello"])
def test_a_client_that_goes_in_mid_handshake_leaves_nothing(start_tls, how, given):
    broker = start_tls()
    wire = {"nothing": b"", "half_a_hello": CLIENT_HELLO_HEAD, "hello": first_flight()}[given]
    for _ in range(20):
        client = plain(broker)
        client.sendall(wire)
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    eventually(lambda: failed(broker, "closed") == 20)
    eventually(lambda: broker.metric("crier_connections") == 0)
    assert broker.metric("crier_tls_handshakes_in_flight") == 0
    assert_serves(broker)


def test_handshakes_over_the_limit_wait_their_turn_and_are_not_dropped(start_tls):
    broker = start_tls(tls="handshakes_in_flight_max = 2\n", threads=1)
    halves = [plain(broker) for _ in range(2)]
    for half in halves:
        half.sendall(first_flight())
    eventually(lambda: broker.metric("crier_tls_handshakes_in_flight") == 2)
    with plain(broker), contextlib.ExitStack() as held:  # a silent one takes no place
        waiting = []
        for _ in range(10):
            below = held.enter_context(plain(broker))
            below.setblocking(False)
            client = trust(broker).wrap_socket(below, server_hostname="127.0.0.1", do_handshake_on_connect=False)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            waiting.append(held.enter_context(client))
            assert broker.metric("crier_tls_handshakes_in_flight") <= 2
        for half in halves:
            half.close()
        for client in waiting:
            client.settimeout(PATIENCE)
            client.do_handshake()
            client.sendall(get(broker).encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    eventually(lambda: broker.metric("crier_tls_handshakes_waiting") == 0)
    assert broker.metric("crier_tls_handshakes_total") == 10


def finished(client):
    """Does the handshake need nothing more from the other side?"""
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
        return True
    return False


def test_a_slow_client_loses_its_place_to_those_who_wait_and_is_served_when_it_goes_on(start_tls):
    broker = start_tls(tls="handshakes_in_flight_max = 1\n", threads=1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=broker.authority)
    slow = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with plain(broker) as below:
        with pytest.raises(ssl.SSLWantReadError):
            slow.do_handshake()
        below.sendall(outgoing.read())
        eventually(lambda: broker.metric("crier_tls_handshakes_in_flight") == 1)
        with RawHttp(broker):  # its handshake is done: it had its turn
            while not finished(slow):
                below.sendall(outgoing.read())
                incoming.write(below.recv(65536))
            slow.write(get(broker).encode())
            below.sendall(outgoing.read())
            answer = b""
            while not answer:
                incoming.write(below.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    answer = slow.read(100)
            assert answer.startswith(b"HTTP/1.1 200")
    eventually(lambda: broker.metric("crier_tls_handshakes_total") == 2)


def test_a_wait_for_its_turn_does_not_count_against_a_client(start_tls):
    broker = start_tls(tls="handshakes_in_flight_max = 1\n", config='[limits]\nhandshake_timeout = "1s"\n', threads=1)
    halves = [plain(broker) for _ in range(3)]
    for half in halves:  # one after the other, each for a second
        half.sendall(first_flight())
    assert_serves(broker)
    assert failed(broker, "timeout") == 3
    for half in halves:
        half.close()


def test_messages_arrive_during_a_storm_of_connects(start_tls):
    broker = start_tls(threads=1)
    flight = first_flight()
    with RawWebSocket(broker, "/message?channel=c") as client, contextlib.ExitStack() as held:
        assert client.read_json()["op"] == "subscribed"
        for _ in range(scaled(400, 100)):
            held.enter_context(plain(broker)).sendall(flight)
        for number in range(50):
            client.send(text_frame({"op": "publish", "channel": "c", "data": number}))
            assert client.read_json()["data"] == number
        assert broker.metric("crier_tls_handshakes_in_flight") <= 256
    assert_serves(broker)
