"""What the log tells of clients: who it was, and never a way to forge a line, a token, a key or a message."""

import base64
import json
import re

import pytest

from broker_process import eventually
from clients import FIN, RawHttp, RawWebSocket, connect, frame, request, upgrade_request
from recovery import publish
from tokens import Service, base64url

# Words that stand nowhere else: whatever of them turns up has leaked.
JWT_SECRET = "kumquat-configured-secret-of-32-bytes-and-more"
ORDERS = Service("orders", key="quokka-service-key-3f9c2a7d", publish=[">"], subscribe=[">"])
PAYLOAD = "axolotl-payload"
SECRETS = ["kumquat", "quokka", "axolotl", "wombat", "narwhal"]

CONFIG = f"""[server]
origins = ["https://app.test"]
trusted_proxies = ["127.0.0.0/8"]
[auth.jwt]
secret = "{JWT_SECRET}"
{ORDERS.toml()}
[log]
level = "debug"
format = "%s"
"""


def bad_token():
    """A JWT whose every part holds a secret word; its signature is none."""
    header, claims = {"alg": "HS256", "kid": "wombat"}, {"sub": "wombat", "exp": 4_000_000_000}
    return f"{base64url(header)}.{base64url(claims)}.{base64url(b'wombat')}"


@pytest.fixture(params=["text", "json"])
def logging(request, start_broker):
    broker = start_broker(config=CONFIG % request.param)
    broker.format = request.param
    return broker


def refusals(broker):
    return lines_of(broker, "request refused")


def lines_of(broker, event):
    """The fields of every line of that event, in order."""
    found = []
    for line in broker.errors().splitlines():
        if not re.search(rf'"{event}"' if broker.format == "json" else rf" {event} ", line):
            continue
        found.append(json.loads(line) if broker.format == "json" else
                     {name: json.loads(value) for name, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*")', line)})
    return found


def get(broker, path="/nowhere", headers=""):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{headers}\r\n"


def test_a_refusal_stands_in_the_log_with_the_client_and_the_request_id_of_the_answer(logging):
    answer = request(logging, get(logging))
    assert answer.status == 404
    (line,) = eventually(lambda: refusals(logging))
    assert line["request_id"] == answer.headers["x-request-id"] == answer.json()["request_id"]
    assert (line["client"], line["status"], line["reason"]) == ("127.0.0.1", "404", "path")


@pytest.mark.parametrize("header, client", [
    ("X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7"),
    ("X-Forwarded-For: 6.6.6.6, 198.51.100.7:4711\r\n", "198.51.100.7"),
    ("X-Forwarded-For: 6.6.6.6\r\nAccept: */*\r\nx-forwarded-for: 198.51.100.7, 127.0.0.9\r\n", "198.51.100.7"),
    ("X-Forwarded-For: [2001:db8::7]:80\r\n", "2001:db8::7"),
    ("X-Forwarded-For: 6.6.6.6, \" client=\\\"9.9.9.9\r\n", "127.0.0.1")])
def test_the_client_behind_a_trusted_proxy_is_the_rightmost_address_that_is_none(start_broker, header, client):
    broker = start_broker(config=CONFIG % "json")
    broker.format = "json"
    request(broker, get(broker, headers=header))
    assert eventually(lambda: refusals(broker))[0]["client"] == client


def test_whom_no_trusted_proxy_speaks_for_cannot_say_who_it_is(start_broker):
    broker = start_broker(config=(CONFIG % "json").replace("127.0.0.0/8", "10.0.0.0/8"))
    broker.format = "json"
    request(broker, get(broker, headers="X-Forwarded-For: 198.51.100.7\r\n"))
    assert eventually(lambda: refusals(broker))[0]["client"] == "127.0.0.1"


@pytest.mark.parametrize("nasty", [b"\xe2\x80\xa8level=\"error\"", b"\xc2\x9b31m\xff\xfe", b"\"} {\"level\":\"error\"",
                                   b"a\tb", b"x" * 4000])
def test_nothing_that_a_client_sends_breaks_or_forges_a_line(logging, nasty):
    head = get(logging, headers="X-Forwarded-For: NASTY\r\nUser-Agent: NASTY\r\nOrigin: NASTY\r\n").encode()
    assert request(logging, head.replace(b"NASTY", nasty)).status == 403
    (line,) = eventually(lambda: refusals(logging))
    assert line["client"] == "127.0.0.1"
    for text in logging.errors().splitlines():
        assert text.isascii() and text.isprintable() and len(text) < 6000
        assert "error" not in text.split("request refused")[0]


async def test_no_secret_and_no_message_reaches_a_log_a_metric_or_an_error(logging):
    """Every way in which a credential can come, good, bad and misplaced; and messages that fail."""
    wrong_key, token = "narwhal-wrong-key", bad_token()
    command = json.dumps({"op": "publish", "channel": "a", "data": PAYLOAD, "key": "wombat-key"})
    answers = []

    def post(headers="", path="/message", body=command):
        answers.append(request(logging, f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{logging.port}\r\n{headers}"
                                        f"Content-Length: {len(body)}\r\n\r\n{body}"))

    for credential in (wrong_key, token, "wombat..", "a.wombat.b", "wombat" * 2000, ORDERS.key + "x", JWT_SECRET):
        bearer = f"Authorization: Bearer {credential}\r\n"
        for headers, path in ((bearer, "/message"),
                              (bearer + bearer, "/message"),
                              (bearer.replace("Bearer", "Basic"), "/message"),
                              (bearer.replace("Bearer ", ""), "/message"),
                              (bearer, f"/message?token={credential}"),
                              ("", f"/message?token={credential}"),
                              ("", f"/message?token={credential}&token={credential}"),
                              ("", f"/nowhere/{credential}?token={credential}")):
            post(headers, path)
            stream = f"Accept: text/event-stream\r\n{headers}"
            answers.append(request(logging, get(logging, f"{path}{'&' if '?' in path else '?'}channel=a", stream)))
            answers.append(request(logging, upgrade_request(logging, path, **(
                {"Authorization": headers.split(": ", 1)[1].split("\r\n")[0]} if headers else {}))))
    post(f"Authorization: Bearer {ORDERS.key}\r\n", f"/message?token={ORDERS.key}")
    post("", f"/message?token={ORDERS.key}")
    assert all(400 <= answer.status < 500 for answer in answers), [answer.status for answer in answers]

    post(f"Authorization: Bearer {ORDERS.key}\r\n")
    assert answers[-1].status == 200
    broken = [command[:-1], command.replace('"a"', '"a b"'), json.dumps({"op": "publish", "channel": "a",
              "data": PAYLOAD, "ttl": -1}), json.dumps({"op": "auth", "token": token})]
    for body in broken:
        post(f"Authorization: Bearer {ORDERS.key}\r\n", body=body)
        assert answers[-1].status == 400
    texts = []
    async with connect(logging) as client:
        for credential in (wrong_key, token, ORDERS.key[:-1], 17, "wombat" * 20_000):
            await client.send(op="auth", token=credential, id=1)
            texts.append(await client.text())
        await client.send(op="publish", channel="a", data=PAYLOAD, id=2)
        texts.append(await client.text())
    for text in texts:
        assert json.loads(text)["op"] == "error"
    texts += [json.dumps(answer.headers) + answer.body.decode() for answer in answers]
    texts += [logging.errors(), "".join(logging.lines)]
    texts += [logging.admin(path)[1] for path in ("/metrics", "/nowhere?wombat")]
    for text in texts:
        for secret in SECRETS:
            assert secret not in text and base64.b64encode(secret.encode()).decode().rstrip("=") not in text


def test_a_pipeline_of_refusals_ends_with_the_first_line(logging):
    with RawHttp(logging) as http:
        http.send(get(logging) * 3)
        assert http.answer().status == 404
        assert http.ended()
    assert len(eventually(lambda: refusals(logging))) == 1


# --- the ends of connections

def closes(broker, event="connection closed for cause"):
    """(reason, client, session, detail) of the lines of that event."""
    return [(line["reason"], line["client"], line["session"], line["detail"]) for line in lines_of(broker, event)]


async def test_a_connection_that_is_closed_for_cause_is_told_once_with_its_session(logging):
    with RawWebSocket(logging) as client:
        client.send(frame(FIN | 0x3))
        assert client.read_close()[0] == 1002
    async with connect(logging) as other:
        await other.connection.close(code=4000)  # ours means something else
    ((reason, address, session, detail),) = eventually(lambda: closes(logging))
    assert (reason, address) == ("protocol_error", "127.0.0.1") and detail
    def sessions():
        return {line["session"]: line for line in lines_of(logging, "session opened")}
    eventually(lambda: {session, other.welcome["session"]} <= set(sessions()))
    opened = sessions()
    assert opened[session]["kind"] == "websocket"
    assert client.upgrade.headers.get("x-request-id") in (None, opened[session]["request_id"])
    eventually(lambda: ("other", other.welcome["session"]) in [
        (line[0], line[2]) for line in closes(logging, "connection closed")])
    words = {line[0] for event in ("connection closed", "connection closed for cause")
             for line in closes(logging, event)}
    assert {"other", "protocol_error"} <= words
    for word in words:
        eventually(lambda word=word: logging.metric("crier_connections_closed_total", code=word) > 0)
    assert logging.metric("crier_connections_closed_total", code="slow_consumer") == 0


async def test_the_client_behind_a_proxy_is_known_to_the_end(logging):
    with RawWebSocket(logging, X_Forwarded_For="198.51.100.7") as client:
        client.send(frame(FIN | 0x3))
        assert client.read_close()[0] == 1002
    assert eventually(lambda: closes(logging))[0][1] == "198.51.100.7"


def test_whom_the_broker_cuts_is_told_at_warn(start_broker):
    broker = start_broker(config="""[limits]
outbox_bytes_max = "128KiB"
[namespace.default]
history = { messages = 0 }
[log]
format = "json"
""")
    broker.format = "json"
    with RawWebSocket(broker, "/message?channel=loud", receive_bytes=4096):
        eventually(lambda: [publish(broker, "loud", *["x" * 60_000] * 15), closes(broker, "connection cut")][1])
    ((reason, address, session, _),) = closes(broker, "connection cut")
    assert (reason, address, len(session)) == ("slow_consumer", "127.0.0.1", 32)
    assert '"level":"warning"' in next(line for line in broker.errors().splitlines() if "connection cut" in line)


async def test_a_token_that_is_refused_later_is_told_with_session_and_reason(logging):
    async with connect(logging) as client:
        assert (await client.call("auth", token=bad_token()))["op"] == "error"
        (line,) = eventually(lambda: lines_of(logging, "credential refused"))
        assert line["session"] == client.welcome["session"]
        assert logging.metric("crier_credentials_refused_total", reason=line["reason"]) == 1
    answer = request(logging, get(logging, f"/message?token={bad_token()}", "Accept: text/event-stream\r\n"))
    assert answer.status == 401
    assert eventually(lambda: refusals(logging))[0]["credential_fault"] == line["reason"]


def test_a_stranger_cannot_fill_the_log(logging):
    count = 300
    for _ in range(count):
        assert request(logging, get(logging)).status == 404
    kept_back = logging.metric("crier_log_lines_suppressed_total", site="request_refused")
    assert kept_back > 0
    assert len(refusals(logging)) == count - kept_back
    told = eventually(lambda: [line for line in lines_of(logging, "more of these were not logged")
                               if line["of"] == "request refused"])
    assert sum(int(line["lines"]) for line in told) == kept_back
