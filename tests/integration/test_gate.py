"""Who gets a connection at all: how many in all, of one address, in a second. Who gets none is told and counted."""

import contextlib
import socket
import struct
import time

import pytest

from broker_process import SLOWNESS, eventually
from clients import PATIENCE, RawHttp, RawWebSocket, read_to_the_end, upgrade_request
from entrances import Refused, Session, post
from event_streams import ACCEPT, target
from http_wire import answers_to_the_end, get
from reloads import hang_up
from test_proxy_protocol import LOCAL, V4, V6, header


def limits(more="", **limits):
    return f"{more}\n[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items())


def refused(broker, reason):
    return broker.metric("crier_handshakes_refused_total", reason=reason)


def dial(broker, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE, source_address=(source, 0))


def gets_in(broker, source="127.0.0.1", before=b""):
    """Is a request over a new connection served?"""
    with dial(broker, source) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(before + get(broker, headers="Connection: close\r\n").encode())
        return read_to_the_end(connection).startswith(b"HTTP/1.1 200")


# --- of one address

def test_an_address_over_its_limit_is_429_and_another_one_gets_in(start_broker):
    broker = start_broker(config=limits(connections_per_ip_max=2))
    with RawWebSocket(broker), RawWebSocket(broker) as second:
        answers = []
        for _ in range(20):
            with RawHttp(broker) as http:  # it is answered before it asks
                answers += answers_to_the_end(http)
        assert [(answer.status, answer.json()["code"]) for answer in answers] == [(429, "limit_exceeded")] * 20
        assert "connections_per_ip_max" in answers[0].json()["detail"]
        seconds = {int(answer.headers["retry-after"]) for answer in answers}
        assert len(seconds) > 1 and seconds <= set(range(1, 11))
        eventually(lambda: refused(broker, "connections_per_ip") == 20)
        assert gets_in(broker, source="127.0.0.2")
        second.socket.close()
        second.stream.close()
        eventually(lambda: gets_in(broker))


def test_an_address_leaves_its_places_however_its_connections_end(start_broker):
    broker = start_broker(config=limits(connections_per_ip_max=2, handshake_timeout='"300ms"'))
    for round_ in range(6):
        with RawWebSocket(broker), dial(broker) as other:
            other.sendall([b"", b"GARBAGE\r\n\r\n", b"GET /"][round_ % 3])
            if round_ % 2:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                read_to_the_end(other)
        eventually(lambda: broker.metric("crier_connections") == 0)
    assert refused(broker, "connections_per_ip") == 0


def test_a_socket_in_the_file_system_has_no_address_and_no_limit(start_broker, tmp_path):
    path = tmp_path / "crier.sock"
    broker = start_broker("--listen", f"unix:{path}", config=limits(connections_per_ip_max=1))
    with contextlib.ExitStack() as held:
        for _ in range(5):
            connection = held.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(PATIENCE)
            connection.connect(str(path))
            connection.sendall(get(broker, headers="Connection: close\r\n").encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert gets_in(broker)


def test_the_address_of_a_proxy_header_is_what_counts_and_ipv6_by_its_64(start_broker):
    broker = start_broker(config=limits("[server]\nproxy_protocol = true", connections_per_ip_max=1))

    def v6(address):
        return header(family=0x21, rest=socket.inet_pton(socket.AF_INET6, address) + V6[16:])

    with dial(broker) as four, dial(broker) as six:
        for connection, first in (four, header()), (six, v6("2001:db8:0:1::9")):
            connection.sendall(first + upgrade_request(broker).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 101")
        for first in header(), v6("2001:db8:0:1::9"), v6("2001:db8:0:1:ffff::1"), v6("::ffff:192.0.2.7"):
            with dial(broker) as connection:
                connection.sendall(first)
                answer = read_to_the_end(connection)
            assert answer.startswith(b"HTTP/1.1 429 ") and b"\r\nRetry-After: " in answer, answer
        eventually(lambda: refused(broker, "connections_per_ip") == 4)
        for first in (header(rest=socket.inet_aton("192.0.2.8") + V4[4:]), v6("2001:db8:0:2::9"), header(LOCAL, 0, b""),
                      header(LOCAL, 0, b"")):
            assert gets_in(broker, before=first), first
    eventually(lambda: gets_in(broker, before=header()))


def test_behind_a_trusted_proxy_websockets_and_streams_count_for_who_is_behind_it(start_broker):
    broker = start_broker(config=limits('[server]\ntrusted_proxies = ["127.0.0.1"]', connections_per_ip_max=1,
                                        body_timeout='"1s"'))
    with contextlib.ExitStack() as held:
        for _ in range(4):  # a proxy keeps connections, for requests of anybody
            http = held.enter_context(RawHttp(broker))
            http.send(get(broker, headers="X-Forwarded-For: 192.0.2.1\r\n"))
            assert http.answer().status == 200
        held.enter_context(Session(broker, X_Forwarded_For="192.0.2.1"))
        with pytest.raises(Refused) as refusal:
            Session(broker, X_Forwarded_For="6.6.6.6, 192.0.2.1")
        assert (refusal.value.status, refusal.value.code) == (429, "limit_exceeded")
        assert int(refusal.value.headers["retry-after"]) >= 1
        stream = get(broker, target("news"), ACCEPT + "X-Forwarded-For: {}\r\n")
        http.send(stream.format("192.0.2.1"))
        assert http.answer().status == 429
        eventually(lambda: refused(broker, "connections_per_ip") == 2)
        with RawHttp(broker) as other:
            other.send(stream.format("192.0.2.2"))
            assert other.answer(body=False).status == 200
            with pytest.raises(Refused):
                Session(broker, X_Forwarded_For="192.0.2.2")
        for _ in range(3):  # the proxy's own
            held.enter_context(Session(broker))
    eventually(lambda: broker.metric("crier_connections") == 0)
    Session(broker, X_Forwarded_For="192.0.2.1").socket.close()


# --- in a second

def test_more_connects_than_a_second_may_bring_are_503_and_the_next_second_brings_more(start_broker):
    broker = start_broker(config=limits(connects_per_second_max=10))
    begun = time.monotonic()
    answers = []
    for _ in range(60):
        with dial(broker) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(get(broker, headers="Connection: close\r\n").encode())
            answers.append(read_to_the_end(connection))
    took = time.monotonic() - begun
    served = sum(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    told = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
    assert served + len(told) == 60  # the answer is read although the request was not
    assert 10 <= served <= 10 + 10 * took + 1
    assert all(b"\r\nRetry-After: " in answer and b"connects_per_second_max" in answer for answer in told)
    eventually(lambda: refused(broker, "connects_per_second") == len(told))
    assert broker.metric("crier_connections_accepted_total") == served
    eventually(lambda: gets_in(broker))


def test_over_tls_who_is_turned_away_just_finds_the_end(start_tls):
    broker = start_tls(config=limits(connects_per_second_max=5, connections_per_ip_max=2))
    with dial(broker), dial(broker):  # handshakes that have not begun count
        for _ in range(10):
            with dial(broker) as connection:
                assert read_to_the_end(connection) == b""
        eventually(lambda: refused(broker, "connections_per_ip") + refused(broker, "connects_per_second") == 10)
        assert refused(broker, "connections_per_ip") >= 3


def test_both_limits_change_with_a_reload_which_ends_nobody_and_counts_who_is_there(start_broker):
    broker = start_broker(config=limits(connections_per_ip_max=0))
    with Session(broker) as one, Session(broker) as two:
        hang_up(broker, limits(connections_per_ip_max=2))
        assert not gets_in(broker)
        one.nothing_more()
        two.nothing_more()
        hang_up(broker, limits(connections_per_ip_max=3))
        assert gets_in(broker)
        hang_up(broker, limits(connects_per_second_max=1))
        assert [gets_in(broker) for _ in range(8)].count(False) >= 8 - 2 * SLOWNESS
        hang_up(broker, limits())
        assert all(gets_in(broker) for _ in range(8))
        hang_up(broker, limits('[server]\ntrusted_proxies = ["127.0.0.1"]', connections_per_ip_max=1))
        assert gets_in(broker)


# --- in all

def test_connections_that_begin_and_those_that_end_count_too(start_broker):
    broker = start_broker(config=limits(connections_max=3, incoming_bytes_max='"64KiB"', body_timeout='"60s"'))
    with dial(broker), dial(broker) as half, RawWebSocket(broker) as ending:
        half.sendall(b"GET /message HTTP/1.1\r\nHost:")
        ending.send(b"\x81\xff" + struct.pack("!Q", 1 << 40) + bytes(4))
        while ending.read_frame()[0] != 0x88:
            pass  # 1009 has come; the connection ends when we have closed it too
        with dial(broker) as fourth:
            answer = read_to_the_end(fourth)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer
        assert broker.metric("crier_connections") == 3
        assert refused(broker, "capacity") == 1
    eventually(lambda: post(broker, {"op": "ping"})[0].status == 200)


def test_handshakes_that_have_not_begun_count_too(start_tls):
    broker = start_tls(config=limits(connections_max=2))
    with dial(broker), dial(broker) as half:
        half.sendall(b"\x16\x03\x01")
        eventually(lambda: broker.metric("crier_connections") == 2)
        with dial(broker) as third:
            assert read_to_the_end(third) == b""
        eventually(lambda: refused(broker, "capacity") == 1)
