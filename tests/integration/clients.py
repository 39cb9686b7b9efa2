"""Clients: python3-websockets with Crier's commands on top, and raw sockets for what no library would send."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import socket
import ssl
import struct

import websockets

from broker_process import SLOWNESS

PATIENCE = 10 * SLOWNESS


class Client:
    """Commands and pushes over a websockets connection."""

    def __init__(self, connection):
        self.connection = connection
        self.ids = itertools.count(1)
        self.welcome = None

    async def text(self):
        """The next message, as it came."""
        return await asyncio.wait_for(self.connection.recv(), PATIENCE)

    async def next(self):
        return json.loads(await self.text())

    async def send(self, **command):
        await self.connection.send(json.dumps(command))

    async def call(self, op, **fields):
        """Sends a command with an id and returns its reply, which must be the next message."""
        number = next(self.ids)
        await self.send(op=op, id=number, **fields)
        reply = await self.next()
        assert reply.get("id") == number, reply
        return reply

    async def subscribe(self, channel):
        reply = await self.call("subscribe", channel=channel)
        assert reply["op"] == "subscribed", reply

    async def nothing_more(self):
        """Nothing is on its way to us: a ping's answer comes next."""
        assert (await self.call("ping"))["op"] == "pong"

    async def close_code(self):
        """Reads to the end; the server's close code."""
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.text()
        return self.connection.close_code


class TlsSocket(ssl.SSLSocket):
    """One whose `shutdown` ends the stream below, without a word in TLS, and which still reads."""

    def shutdown(self, how):
        with socket.socket(fileno=os.dup(self.fileno())) as below:
            below.shutdown(how)


def trust(broker):
    """TLS as a client that believes the broker's authority."""
    context = ssl.create_default_context(cafile=broker.authority)
    context.sslsocket_class = TlsSocket
    return context


def first_flight():
    """The bytes with which a proper client begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@contextlib.asynccontextmanager
async def connect(broker, query="", **options):
    """A Client that has had its welcome."""
    if broker.secure and "ssl" not in options:
        options["ssl"] = trust(broker)
    connection = await websockets.connect(broker.websocket_url + query, max_size=None, **options)
    try:
        client = Client(connection)
        client.welcome = await client.next()
        assert client.welcome["op"] == "welcome"
        yield client
    finally:
        # The broker may end it in this very moment, and then this version of the library raises.
        with contextlib.suppress(websockets.ConnectionClosed):
            await connection.close()


def dial(broker, receive_bytes=None, context=None):
    """`receive_bytes` bounds what the kernel takes in for a client that does not read; `context` is TLS's."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.connect(("127.0.0.1", broker.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if broker.secure:
        return (context or trust(broker)).wrap_socket(connection, server_hostname="127.0.0.1")
    return connection


def read_to_the_end(connection):
    """Everything until the end of the stream, or a reset."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            got += piece
    return got


class HttpAnswer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class RawHttp:
    """HTTP/1.1 bytes in, parsed answers out."""

    def __init__(self, broker, receive_bytes=None, context=None):
        self.socket = dial(broker, receive_bytes, context)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, wire):
        self.socket.sendall(wire if isinstance(wire, bytes) else wire.encode())

    def answer(self, body=True):
        line = self.stream.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (header := self.stream.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode().rstrip("\r\n").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if body else 0
        return HttpAnswer(int(line.split()[1]), headers, self.stream.read(length))

    def ended(self):
        """Has the server closed, with nothing more to say?"""
        return self.stream.read(1) == b""


def request(broker, wire):
    """The answer to one request on a connection of its own."""
    with RawHttp(broker) as http:
        http.send(wire)
        return http.answer()


CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1 = 0x80, 0x40


def frame(first, payload=b"", masked=True, length=None):
    """One client frame; `length` lies about the payload's size."""
    size = len(payload) if length is None else length
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask_bit | size])
    elif size < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def text_frame(command):
    return frame(FIN | TEXT, json.dumps(command).encode() if not isinstance(command, bytes) else command)


def upgrade_request(broker, target="/message", host=None, **headers):
    """A correct upgrade; a header given as None is left out, underscores stand for hyphens."""
    fields = {
        "Host": host or f"127.0.0.1:{broker.port}", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
    names = {name.lower(): name for name in fields}
    for name, value in headers.items():
        name = name.replace("_", "-")
        fields[names.get(name.lower(), name)] = value
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return f"GET {target} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"


class RawWebSocket(RawHttp):
    """Frames as bytes, after a real handshake."""

    def __init__(self, broker, target="/message", receive_bytes=None, context=None, **headers):
        super().__init__(broker, receive_bytes, context)
        self.send(upgrade_request(broker, target, **headers))
        self.upgrade = self.answer(body=False)
        assert self.upgrade.status == 101, self.upgrade.status
        if not target.startswith("/echo"):
            self.first, welcome = self.read_frame()
            assert json.loads(welcome)["op"] == "welcome"

    def read_frame(self):
        """(first byte, payload); EOFError when the stream ends."""
        head = self.stream.read(2)
        if len(head) < 2:
            raise EOFError
        size = head[1]
        assert size < 0x80, "a server must not mask"
        if size == 126:
            (size,) = struct.unpack("!H", self.stream.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.stream.read(8))
        payload = self.stream.read(size)
        if len(payload) < size:
            raise EOFError
        return head[0], payload

    def read_json(self):
        first, payload = self.read_frame()
        assert first == FIN | TEXT, hex(first)
        return json.loads(payload)

    def read_close(self):
        """(code, reason) of the server's close frame, and that the stream ends after our answer to it."""
        while True:
            first, payload = self.read_frame()
            if first == FIN | CLOSE:
                break
        with contextlib.suppress(OSError):
            self.send(frame(FIN | CLOSE, payload))
        with contextlib.suppress(ConnectionResetError):
            assert self.stream.read(1) == b""
        return (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else (1005, "")
