"""The ends that the README's examples talk through: WebSockets, requests, and curl."""

import asyncio
import contextlib
import http.client
import json
import re
import shlex
import socket

import websockets

import readme_cbor
from broker_process import eventually
from clients import PATIENCE
from readme_match import Mismatch, match, wild, written_out
from readme_transcript import is_json, read_json

SHOWN_ADDRESS = "localhost:8008"
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def headers_of(lines):
    return {name: written_out(value) for name, value in (line.split(": ", 1) for line in lines)}


class Message:
    """A reply or a push: one object, `op` first."""

    def __init__(self, value, transport):
        self.value, self.transport = value, transport
        if next(iter(value)) != "op":
            raise Mismatch(f"op does not come first: {value}")

    @classmethod
    def of_json(cls, text, transport):
        if re.search(r"\s", STRING.sub("", text)):
            raise Mismatch(f"not compact: {text}")
        return cls(json.loads(text), transport)

    def fits(self, expected, names):
        if not is_json(expected):
            raise Mismatch(f"a message came: {str(self)[:500]}")
        match(read_json(expected), self.value, names)

    def __str__(self):
        return json.dumps(self.value, ensure_ascii=False, default=repr)


class Text:
    """An end, a line of output: what is compared as text, or as JSON behind its first word."""

    def __init__(self, text, value=None):
        self.text, self.value = text, value

    def fits(self, expected, names):
        head, space, tail = expected.partition(" ")
        if self.value is not None and is_json(tail) and self.text.partition(" ")[0] == head:
            match(read_json(tail), self.value, names)
        elif is_json(self.text) and is_json(expected):
            match(read_json(expected), json.loads(self.text), names)
        elif not wild(expected if space or self.value is None else head + " …").fullmatch(self.text):
            raise Mismatch(f"{self.text[:500]!r} came")

    def __str__(self):
        return self.text


class Event:
    """A server-sent event; its delay, if any, is not shown."""

    def __init__(self, fields):
        self.fields = fields
        self.message = Message.of_json(fields["data"].rstrip(), "sse")
        self.value = self.message.value
        if fields.get("event") != self.value["op"]:
            raise Mismatch(f"the event is named {fields.get('event')}, its data is {self.value}")

    def fits(self, expected, names):
        fields = dict(line.split(": ", 1) for line in expected.split("\n"))
        if fields.pop("event") != self.fields["event"]:
            raise Mismatch(f"{self} came")
        match(read_json(fields.pop("data")), self.value, names)
        if set(fields) != set(self.fields) - {"event", "data", "retry"}:
            raise Mismatch(f"the event's lines are {', '.join(self.fields)}")
        if "id" in fields:
            names.bind("event id", "", fields["id"], self.fields["id"], "id")

    def __str__(self):
        return str(self.fields)


class WebSocketPeer:
    def __init__(self, broker, traffic):
        self.broker, self.traffic, self.connection, self.cbor = broker, traffic, None, False
        self.ended = self.stopped = self.slow = False

    async def open(self, url, slow):
        """`slow` takes little into its kernel's buffer, so that a full one is soon told to the broker."""
        url, *headers = url.split("\n")
        url, _, subprotocol = url.partition(" ")
        self.slow = slow
        # No queue limit: who does not stop reading reads all the time, whatever is looked at meanwhile.
        options = {"max_size": None, "max_queue": None, "ping_interval": None, "compression": None,
                   "extra_headers": headers_of(headers)}
        if slow:
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.connect(("127.0.0.1", self.broker.port))
            raw.setblocking(False)
            options["sock"] = raw
        if subprotocol:
            options["subprotocols"] = [subprotocol]
        self.connection = await websockets.connect(
            url.replace(SHOWN_ADDRESS, f"127.0.0.1:{self.broker.port}"), **options)
        assert (self.connection.subprotocol or "") == subprotocol
        self.cbor = subprotocol == "crier.v1.cbor"

    @property
    def transport(self):
        return "cbor" if self.cbor else "json"

    async def send(self, text, names):
        if text.startswith("frame "):
            self.connection.transport.write(bytes.fromhex(text.removeprefix("frame ")))
            return
        try:
            value = names.fill(read_json(text))
        except json.JSONDecodeError:  # an example of just that
            await self.connection.send(text)
            return
        if isinstance(value, (dict, list)):
            for command in value if isinstance(value, list) else [value]:
                self.traffic.append(("command", self.transport, command))
            value = readme_cbor.encode(value) if self.cbor else json.dumps(
                value, ensure_ascii=False, separators=(",", ":"))
        await self.connection.send(value)

    async def receive(self):
        try:
            got = await asyncio.wait_for(self.connection.recv(), PATIENCE)
        except websockets.ConnectionClosed:
            self.ended = True
            code = self.connection.close_code
            if code == 1006 and self.slow:  # on a loaded machine the time for taking the close frame may be over
                slow = self.broker.metric("crier_connections_closed_total", code="slow_consumer")
                code = 4000 if slow else code
            return Text(f"close {code} {self.connection.close_reason}".rstrip())
        if isinstance(got, bytes) != self.cbor:
            raise Mismatch(f"text and binary are confused: {got[:200]!r}")
        return Message(readme_cbor.decode(got), "cbor") if self.cbor else Message.of_json(got, "json")

    async def nothing_more(self, welcome_is_to_come):
        if self.ended or self.stopped:
            return
        ping = {"op": "ping", "id": "nothing more?"}
        await self.connection.send(readme_cbor.encode(ping) if self.cbor else json.dumps(ping))
        message = await self.receive()
        if welcome_is_to_come:
            message = await self.receive()
        if str(message) != '{"op": "pong", "id": "nothing more?"}':
            raise Mismatch(f"the README does not show that this comes: {message}")

    def stop_reading(self):
        self.stopped = True
        self.connection.transport.pause_reading()

    def read_on(self):
        self.stopped = False
        self.connection.transport.resume_reading()

    def fall_silent(self):
        """Until the broker has had enough of it."""
        def ended():
            return self.broker.metric("crier_connections_closed_total", code="heartbeat_timeout")
        before = ended()
        self.stop_reading()
        eventually(lambda: ended() > before, seconds=20)
        self.read_on()

    async def close(self):
        if not self.connection:
            return
        self.connection.transport.abort()
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.connection.wait_closed()


class RequestPeer:
    """One request after the other; the answers in their order."""

    def __init__(self, broker, traffic, method):
        self.broker, self.traffic, self.cbor, self.answers = broker, traffic, method == "CBOR", []
        self.method = "POST" if self.cbor else method

    async def send(self, text, names):
        first, *lines = text.split("\n")
        path, body, headers = "/message", None, headers_of(map(names.text, lines))
        if is_json(first):
            value = names.fill(read_json(first))
            commands = value if isinstance(value, list) else [value]
            self.traffic += [("command", "http", command) for command in commands]
            if self.cbor:
                body = readme_cbor.encode(value)
                headers["Content-Type"] = "application/cbor"
            else:
                body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        else:
            path = names.text(first)
        self.answers.append(await asyncio.to_thread(self.request, path, headers, body))

    def request(self, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.port, timeout=PATIENCE)
        try:
            connection.request(self.method, path, body, headers)
            answer = connection.getresponse()
            body, kind = answer.read(), answer.headers["Content-Type"]
            if kind == "application/cbor":
                return Text(f"{answer.status} …", readme_cbor.decode(body))
            is_json_kind = kind in ("application/json", "application/problem+json")
            return Text(f"{answer.status} {body.decode()}", json.loads(body) if is_json_kind else None)
        finally:
            connection.close()

    async def receive(self):
        answer = self.answers.pop(0)
        if answer.value is not None:
            replies = answer.value if isinstance(answer.value, list) else [answer.value]
            self.traffic += [("reply", "http", reply) for reply in replies]
        return answer

    async def nothing_more(self, _):
        if self.answers:
            raise Mismatch(f"the README does not show the answer {self.answers[0]}")

    async def close(self):
        pass


class CurlPeer:
    def __init__(self, broker):
        self.broker, self.process, self.is_stream = broker, None, False

    async def open(self, command, names):
        words = shlex.split(names.text(command).replace(SHOWN_ADDRESS, f"127.0.0.1:{self.broker.port}"))
        assert words[0] == "curl"
        self.is_stream = any("text/event-stream" in word for word in words)
        self.process = await asyncio.create_subprocess_exec(
            *words, "-sS", "--max-time", str(PATIENCE * 3), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, limit=1 << 20)

    async def line(self):
        return (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode()

    async def receive(self):
        if not self.is_stream:
            return Text(await self.line())
        fields = {}
        while True:
            line = await self.line()
            if not line:
                return Text("end")
            if line == "\n" and "data" in fields:
                return Event(fields)
            if line == "\n":
                continue  # a comment or the delay stood alone
            name, _, value = line.rstrip("\n").partition(": ")
            if name and not line.startswith(":"):
                fields[name] = value

    async def nothing_more(self, _):
        if not self.is_stream and (more := await self.line()):
            raise Mismatch(f"the README does not show this output: {more}")

    async def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
