"""The PROXY protocol, version 2: whose connection it is comes first, required or refused, never guessed."""

import json
import socket
import struct
import time

import pytest

from broker_process import SLOWNESS, eventually
from clients import PATIENCE, read_to_the_end, trust, upgrade_request
from http_wire import get

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNIX = 0x11, 0x21, 0x31
V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 50000, 8008)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + bytes(16) + struct.pack("!HH", 50000, 8008)
ON = "[server]\nproxy_protocol = true\n"
SHORT = '[limits]\nhandshake_timeout = "500ms"\n'


def header(command=PROXY, family=TCP4, rest=V4):
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(rest)) + rest


def field(kind, value):
    return bytes([kind]) + struct.pack("!H", len(value)) + value


def crc32c(wire):
    crc = 0xFFFFFFFF
    for byte in wire:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_checksum(wrong=0):
    unsigned = header(rest=V4 + field(0x03, bytes(4)) + field(0x04, b"padding"))
    signed = field(0x03, struct.pack("!I", crc32c(unsigned) ^ wrong))
    return header(rest=V4 + signed + field(0x04, b"padding"))


def dial(broker):
    return socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE)


def refused(broker):
    return broker.metric("crier_handshakes_refused_total", reason="proxy_protocol")


GOOD = {
    "tcp4": header(), "tcp6": header(family=TCP6, rest=V6), "unix": header(family=UNIX, rest=bytes(216)),
    "unspec": header(family=0, rest=b""), "local": header(LOCAL, 0, b""), "local_with_more": header(LOCAL, TCP4, V4),
    "checksum": with_checksum(), "fields": header(rest=V4 + field(0x02, b"host.example") + field(0xE0, b"x" * 500))}


@pytest.mark.parametrize("name", GOOD)
def test_a_header_is_taken_off_before_the_request(start_broker, name):
    broker = start_broker(config=ON)
    asking = get(broker, headers="Connection: close\r\n").encode()
    with dial(broker) as whole, dial(broker) as pieces:
        whole.sendall(GOOD[name] + asking)
        pieces.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(GOOD[name]), 7):
            pieces.sendall(GOOD[name][at:at + 7])
        pieces.sendall(asking)
        for connection in whole, pieces:
            assert read_to_the_end(connection).startswith(b"HTTP/1.1 200")
    assert refused(broker) == 0


def test_a_websocket_goes_on_behind_it(start_broker):
    broker = start_broker(config=ON)
    with dial(broker) as connection:
        connection.sendall(header() + upgrade_request(broker).encode())
        got = b""
        while b'"op":"welcome"' not in got:
            piece = connection.recv(65536)
            assert piece, got
            got += piece


BAD = {
    "missing": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "tls": b"\x16\x03\x01\x02\x00\x01\x00",
    "version_1": b"PROXY TCP4 192.0.2.7 127.0.0.1 50000 8008\r\nGET / HTTP/1.1\r\n\r\n",
    "version_3": header(0x31), "command": header(0x22), "datagram": header(family=0x12),
    "too_short": header(rest=V4[:11]), "too_long": header(rest=bytes(5000)),
    "cut_field": header(rest=V4 + b"\x05\xff\xff"), "checksum": with_checksum(wrong=1)}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_closed_without_a_word(start_broker, name):
    broker = start_broker(config=ON)
    with dial(broker) as connection:
        connection.sendall(BAD[name])
        assert read_to_the_end(connection) == b""
    eventually(lambda: refused(broker) == 1)


@pytest.mark.parametrize("given", [b"", header()[:5], header()[:20], b"PRO"])
def test_a_header_that_does_not_come_in_time_is_not_waited_for(start_broker, given):
    broker = start_broker(config=ON + SHORT)
    with dial(broker) as connection:
        begun = time.monotonic()
        connection.sendall(given)
        assert read_to_the_end(connection) == b""
        assert 0.3 < time.monotonic() - begun < 3 * SLOWNESS
    eventually(lambda: refused(broker) == 1)


def test_a_half_header_and_the_end_is_refused(start_broker):
    broker = start_broker(config=ON)
    with dial(broker) as connection:
        connection.sendall(header()[:20])
    eventually(lambda: refused(broker) == 1)


def test_where_it_is_not_asked_for_it_is_no_request(broker):
    with dial(broker) as connection:
        connection.sendall(header() + get(broker).encode())
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"PROXY" in answer


def test_it_comes_before_the_tls_handshake(start_tls):
    broker = start_tls(config=ON)
    with dial(broker) as connection:
        connection.sendall(header(family=TCP6, rest=V6))
        with trust(broker).wrap_socket(connection, server_hostname="127.0.0.1") as client:
            client.sendall(get(broker).encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    with dial(broker) as connection:  # inside of TLS it is none
        with pytest.raises(OSError):
            trust(broker).wrap_socket(connection, server_hostname="127.0.0.1")
    eventually(lambda: refused(broker) == 1)


def test_it_works_on_a_unix_socket(start_broker, tmp_path):
    path = tmp_path / "crier.sock"
    broker = start_broker("--listen", f"unix:{path}", config=ON)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        body = json.dumps({"op": "ping"})
        connection.sendall(header() + (f"POST /message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                       f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        assert b'{"op":"pong"}' in read_to_the_end(connection)
    assert refused(broker) == 0
