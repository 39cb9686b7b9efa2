"""Every way in: a session that says who it is at the upgrade or later, a stream, a request; JSON and CBOR."""

import contextlib
import itertools
import json
import struct
import urllib.parse

import cbor2

from clients import BINARY, CLOSE, FIN, TEXT, RawHttp, RawWebSocket, frame, upgrade_request
from event_streams import NoStream, Stream


def bearer(credential):
    return f"Bearer {credential}"


class Refused(Exception):
    """An answer instead of a session: `status` is HTTP's, `code` and `message` are ours."""

    def __init__(self, answer):
        body = answer.json()
        super().__init__(f"{answer.status} {body}")
        self.status, self.headers, self.body = answer.status, answer.headers, body
        self.code, self.message = body.get("code"), body.get("message") or body.get("detail")


class Session(RawWebSocket):
    """Commands and pushes over a WebSocket, after its welcome. Pushes that come before a reply are kept."""

    def __init__(self, broker, *channels, token=None, key=None, cbor=False, query=None, **headers):
        RawHttp.__init__(self, broker)
        self.cbor, self.ids, self.pushes = cbor, itertools.count(1), []
        if key is not None:
            headers["Authorization"] = bearer(key)
        if cbor:
            headers["Sec_WebSocket_Protocol"] = "crier.v1.cbor"
        parameters = [("channel", channel) for channel in channels] + list((query or {}).items())
        if token is not None:
            parameters.append(("token", token))
        self.send(upgrade_request(broker, "/message?" + urllib.parse.urlencode(parameters), **headers))
        self.upgrade = self.answer(body=False)
        if self.upgrade.status != 101:
            length = int(self.upgrade.headers.get("content-length", 0))
            self.upgrade.body = self.stream.read(length)
            self.socket.close()
            raise Refused(self.upgrade)
        self.welcome = self.hear()
        assert self.welcome["op"] == "welcome", self.welcome

    @property
    def id(self):
        return self.welcome["session"]

    def say(self, *commands):
        """One message: a command, or an array of them."""
        body = commands[0] if len(commands) == 1 else list(commands)
        text = cbor2.dumps(body) if self.cbor else json.dumps(body).encode()
        self.send(frame(FIN | (BINARY if self.cbor else TEXT), text))

    def hear(self):
        """The next reply or push; EOFError behind the last."""
        first, payload = self.read_frame()
        if first == FIN | CLOSE:
            self.closed = struct.unpack("!H", payload[:2])[0], payload[2:].decode()
            raise EOFError
        assert first == FIN | (BINARY if self.cbor else TEXT), hex(first)
        return cbor2.loads(payload) if self.cbor else json.loads(payload)

    def call(self, op, **fields):
        """The reply to the command."""
        number = next(self.ids)
        self.say({"op": op, "id": number, **fields})
        while (heard := self.hear()).get("id") != number:
            self.pushes.append(heard)
        return heard

    def push(self, op=None):
        """The next push."""
        heard = self.pushes.pop(0) if self.pushes else self.hear()
        assert op in (None, heard["op"]), heard
        return heard

    def subscribe(self, channel, **fields):
        reply = self.call("subscribe", channel=channel, **fields)
        assert reply["op"] == "subscribed", reply
        return reply

    def publish(self, channel, data, **fields):
        reply = self.call("publish", channel=channel, data=data, **fields)
        assert reply["op"] == "published", reply
        return reply

    def nothing_more(self):
        assert self.call("ping")["op"] == "pong"
        assert self.pushes == [], self.pushes

    def close_code(self):
        """Reads to the end; the code of the server's close frame."""
        with contextlib.suppress(EOFError):
            while True:
                self.pushes.append(self.hear())
        return self.closed[0]


def post(broker, body, key=None, token=None, cbor=False, headers=""):
    """(answer, its body) of a command, or an array of them."""
    encoded = cbor2.dumps(body) if cbor else json.dumps(body).encode()
    path = "/message" + (f"?token={urllib.parse.quote(token)}" if token is not None else "")
    if key is not None:
        headers += f"Authorization: {bearer(key)}\r\n"
    if cbor:
        headers += "Content-Type: application/cbor\r\n"
    with RawHttp(broker) as http:
        http.send(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{headers}"
                  f"Content-Length: {len(encoded)}\r\n\r\n".encode() + encoded)
        answer = http.answer()
    is_cbor = answer.headers.get("content-type") == "application/cbor"
    return answer, cbor2.loads(answer.body) if is_cbor else answer.json()


def done(broker, body, **options):
    """The body of an answer 200."""
    answer, reply = post(broker, body, **options)
    assert answer.status == 200, reply
    return reply


def stream(broker, *channels, key=None, headers="", **query):
    """A Stream, or Refused."""
    if key is not None:
        headers += f"Authorization: {bearer(key)}\r\n"
    try:
        return Stream(broker, *channels, headers=headers, **query)
    except NoStream as other:
        raise Refused(other.answer) from None


# --- one function for each way in: who the broker says that we are, or Refused

class NoReply(Refused):
    """An error that came as a reply, on a connection that goes on."""

    def __init__(self, reply):
        Exception.__init__(self, str(reply))
        self.status, self.body, self.code, self.message = None, reply, reply["code"], reply["message"]


def _by_auth(broker, credential, cbor):
    with Session(broker, cbor=cbor) as session:
        reply = session.call("auth", token=credential)
        session.nothing_more()
        if reply["op"] == "error":
            raise NoReply(reply)
        assert reply["op"] == "authenticated"
        return reply.get("user")


def _by_upgrade(broker, cbor, **credential):
    with Session(broker, cbor=cbor, **credential) as session:
        session.nothing_more()
        return session.welcome.get("user")


def _by_stream(broker, **credential):
    with stream(broker, "entrance", **credential) as events:
        return events.event("welcome").data.get("user")


def _by_post(broker, cbor, **credential):
    answer, body = post(broker, {"op": "ping", "id": 1}, cbor=cbor, **credential)
    if answer.status != 200:
        answer.body = json.dumps(body).encode()
        raise Refused(answer)
    assert body == {"op": "pong", "id": 1}
    return ...  # a request is told no name


HEADER_ENTRANCES = {
    "upgrade": lambda broker, credential: _by_upgrade(broker, False, key=credential),
    "upgrade, CBOR": lambda broker, credential: _by_upgrade(broker, True, key=credential),
    "stream": lambda broker, credential: _by_stream(broker, key=credential),
    "post": lambda broker, credential: _by_post(broker, False, key=credential),
    "post, CBOR": lambda broker, credential: _by_post(broker, True, key=credential),
}
URL_ENTRANCES = {
    "upgrade, URL": lambda broker, credential: _by_upgrade(broker, False, token=credential),
    "upgrade, URL, CBOR": lambda broker, credential: _by_upgrade(broker, True, token=credential),
    "stream, URL": lambda broker, credential: _by_stream(broker, token=credential),
    "post, URL": lambda broker, credential: _by_post(broker, False, token=credential),
}
COMMAND_ENTRANCES = {
    "auth": lambda broker, credential: _by_auth(broker, credential, False),
    "auth, CBOR": lambda broker, credential: _by_auth(broker, credential, True),
}
ENTRANCES = {**HEADER_ENTRANCES, **URL_ENTRANCES, **COMMAND_ENTRANCES}
