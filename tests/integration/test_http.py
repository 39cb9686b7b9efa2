"""POST, refusals and the strict reading of requests: curl for what is right, raw sockets for what is wrong."""

import json
import subprocess

import pytest

from broker_process import SLOWNESS
from clients import RawHttp, RawWebSocket, connect, request, text_frame, upgrade_request

JSON_TYPE = "Content-Type: application/json\r\n"


def post(broker, body, headers=JSON_TYPE):
    body = body if isinstance(body, str) else json.dumps(body)
    return (f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{headers}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}")


def curl(*arguments):
    """(status, body) as curl sees them."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", str(20 * SLOWNESS), "--noproxy", "*",
         "--write-out", "\n%{http_code}", *arguments], capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def assert_problem(answer, status):
    """An RFC 9457 body on a connection that ends."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and problem["code"]


async def test_curl_publishes_with_its_default_content_type(broker, channel):
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        command = json.dumps({"op": "publish", "channel": channel, "data": [1]})
        status, body = curl(broker.url + "/message", "-d", command)
        assert status == 200
        assert (json.loads(body)["op"], json.loads(body)["channel"]) == ("published", channel)
        assert (await subscriber.next())["data"] == [1]


def test_an_array_gets_an_array_of_replies_in_command_order(broker, channel):
    commands = [{"op": "publish", "channel": channel, "data": i, "id": i} for i in range(20)]
    commands.append({"op": "ping", "id": "p"})
    status, body = curl(broker.url + "/message", "--json", json.dumps(commands))
    assert status == 200
    assert [reply["id"] for reply in json.loads(body)] == [*range(20), "p"]


def test_an_array_in_which_one_command_fails_is_207_with_each_result(broker, channel):
    commands = [{"op": "publish", "channel": channel, "data": 1, "id": 1},
                {"op": "subscribe", "channel": channel, "id": 2}, {"op": "ping", "id": 3}]
    status, body = curl(broker.url + "/message", "--json", json.dumps(commands))
    assert status == 207
    assert [(reply["op"], reply["id"]) for reply in json.loads(body)] == [("published", 1), ("error", 2), ("pong", 3)]
    assert json.loads(body)[1]["code"] == "bad_request"


@pytest.mark.parametrize("command, status, code", [
    ('{"op":"publish","channel":"a b","data":1,"id":7}', 400, "bad_request"),
    ('{"op":"publish"', 400, "bad_request"),
    ("", 400, "bad_request"),
    ('{"op":"subscribe","channel":"a"}', 400, "bad_request"),
    ('{"op":"unsubscribe","channel":"a"}', 400, "bad_request"),
    ('{"op":"auth","token":"a.b.c"}', 400, "bad_request"),
    ('{"op":"channels","limit":0}', 400, "bad_request"),
])
def test_a_single_command_that_fails_answers_with_its_own_status_and_a_problem(broker, command, status, code):
    answer = request(broker, post(broker, command))
    assert answer.status == status
    body = answer.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["detail"] or body["message"]


def test_a_message_over_the_namespaces_limit_is_413(start_broker):
    broker = start_broker(config='[namespace.default]\nmessage_bytes_max = "100"\n')
    answer = request(broker, post(broker, {"op": "publish", "channel": "a", "data": "x" * 100}))
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


def test_a_body_that_is_no_utf8_is_a_bad_request(broker):
    wire = post(broker, '{"op":"ping","id":"??"}').encode().replace(b"??", b"\xff\xfe")
    assert_problem(request(broker, wire), 400)


def test_a_chunked_body_is_read_with_extensions_and_trailers(broker):
    wire = (f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
            '5;name="v"\r\n{"op"\r\nA\r\n:"ping","i\r\n5\r\nd":1}\r\n0\r\nX-Trailer: t\r\n\r\n')
    answer = request(broker, wire)
    assert (answer.status, answer.json()) == (200, {"op": "pong", "id": 1})


def test_curl_streams_a_chunked_body(broker, channel):
    status, body = curl(broker.url + "/message", "-H", "Transfer-Encoding: chunked", "--json",
                        json.dumps({"op": "publish", "channel": channel, "data": "x" * 50_000}))
    assert (status, json.loads(body)["op"]) == (200, "published")


def test_a_connection_is_kept_for_the_next_request_unless_the_client_says_close(broker):
    with RawHttp(broker) as http:
        for number in range(3):
            http.send(post(broker, {"op": "ping", "id": number}))
            assert http.answer().json()["id"] == number
        http.send(post(broker, {"op": "ping"}, "Connection: close\r\n"))
        answer = http.answer()
        assert (answer.status, answer.headers["connection"].lower()) == (200, "close")
        assert http.ended()


def test_fifty_requests_in_one_write_are_answered_in_order(broker, channel):
    with RawHttp(broker) as http:
        http.send("".join(post(broker, {"op": "publish", "channel": f"{channel}.{i % 7}", "data": i, "id": i})
                          for i in range(50)))
        assert [http.answer().json()["id"] for _ in range(50)] == list(range(50))


def test_an_error_in_a_pipeline_does_not_take_the_answers_before_it(broker):
    with RawHttp(broker) as http:
        http.send(post(broker, {"op": "ping", "id": 1}) + post(broker, {"op": "ping", "id": 2}) + "BAD\r\n\r\n")
        assert [http.answer().json()["id"] for _ in range(2)] == [1, 2]
        assert http.answer().status == 400
        assert http.ended()


def test_expect_100_continue_is_answered_before_the_body_is_sent(broker):
    body = '{"op":"ping"}'
    with RawHttp(broker) as http:
        http.send(post(broker, body, "Expect: 100-continue\r\n").removesuffix(body))
        assert http.answer(body=False).status == 100
        http.send(body)
        assert http.answer().json() == {"op": "pong"}


def test_a_request_that_is_refused_by_its_head_gets_no_100_continue(broker):
    with RawHttp(broker) as http:
        http.send(f"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nContent-Length: 10\r\n"
                  "Expect: 100-continue\r\n\r\n")
        assert http.answer().status == 404


def test_a_plain_get_is_told_how_to_connect(broker):
    status, body = curl(broker.url + "/message", "--include")
    assert status == 426
    assert "sec-websocket-version: 13" in body.lower()
    assert "WebSocket" in body


def test_an_unknown_path_is_404_with_a_problem_body(broker):
    answer = request(broker, f"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n\r\n")
    assert_problem(answer, 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_405_with_allow(broker, method):
    answer = request(broker, f"{method} /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n\r\n")
    assert_problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["allow"].replace(" ", "").split(","))


def test_the_demo_page_is_served_and_takes_no_post(broker):
    status, body = curl(broker.url + "/")
    assert status == 200 and "<!doctype html>" in body.lower()
    for script in ("demo", "pane", "counters", "absence", "cable", "chart", "rows", "crier", "fallback"):
        assert curl(f"{broker.url}/{script}.js")[0] == 200, script
    answer = request(broker, post(broker, "{}").replace("/message", "/"))
    assert answer.status == 405 and "GET" in answer.headers["allow"]


def test_every_answer_carries_a_request_id_of_its_own(broker):
    with RawHttp(broker) as http:
        seen = set()
        for path in ("/message", "/", "/nowhere"):
            with RawHttp(broker) as one:
                one.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n\r\n")
                seen.add(one.answer().headers["x-request-id"])
        http.send(post(broker, {"op": "ping"}) * 2)
        seen |= {http.answer().headers["x-request-id"] for _ in range(2)}
        assert len(seen) == 5


def test_a_post_without_a_length_is_411(broker):
    answer = request(broker, f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{JSON_TYPE}\r\n")
    assert_problem(answer, 411)


def test_a_body_over_the_limit_is_413_from_its_announcement(broker):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nContent-Length: 1048577\r\n\r\n")
        assert_problem(http.answer(), 413)
        assert http.ended()


def test_a_chunked_body_over_the_limit_is_413_and_the_answer_arrives_while_we_still_send(broker):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        for _ in range(20):
            try:
                http.send(chunk)
            except (BrokenPipeError, ConnectionResetError):
                break
        assert_problem(http.answer(), 413)


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
def test_a_foreign_content_type_is_415(broker, content_type):
    assert_problem(request(broker, post(broker, {"op": "ping"}, f"Content-Type: {content_type}\r\n")), 415)


def test_a_pages_form_post_is_415_even_from_a_local_origin(broker):
    headers = "Origin: http://localhost:3000\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    assert request(broker, post(broker, {"op": "ping"}, headers)).status == 415


def test_no_content_type_and_json_with_parameters_are_taken(broker):
    assert request(broker, post(broker, {"op": "ping"}, "")).status == 200
    with_charset = "Content-Type: application/json; charset=utf-8\r\n"
    assert request(broker, post(broker, {"op": "ping"}, with_charset)).status == 200


@pytest.mark.parametrize("wire, status", [
    ("GET /{p} HTTP/1.1\r\nHost: H\r\n\r\n".replace("{p}", "x" * 20_000), 414),
    ("GET /message HTTP/1.1\r\nHost: H\r\nX: " + "y" * 20_000 + "\r\n\r\n", 431),
    ("GET /message HTTP/1.1\r\nHost: H\r\n" + "X: y\r\n" * 150 + "\r\n", 431),
    ("POST /message HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST /message HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: identity\r\n\r\n", 501),
], ids=["long_target", "long_header", "many_headers", "gzip", "identity"])
def test_what_is_over_a_limit_or_not_spoken_has_its_own_status(broker, wire, status):
    with RawHttp(broker) as http:
        http.send(wire.replace("H\r\n", f"127.0.0.1:{broker.port}\r\n", 1))
        assert_problem(http.answer(), status)
        assert http.ended()


SMUGGLING = {
    "two_lengths": "Content-Length: 13\r\nContent-Length: 13\r\n\r\n",
    "two_different_lengths": "Content-Length: 13\r\nContent-Length: 14\r\n\r\n",
    "length_list": "Content-Length: 13, 13\r\n\r\n",
    "length_and_chunked": "Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked_twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "negative_length": "Content-Length: -1\r\n\r\n",
    "plus_length": "Content-Length: +13\r\n\r\n",
    "hex_length": "Content-Length: 0xd\r\n\r\n",
    "empty_length": "Content-Length:\r\n\r\n",
    "huge_length": "Content-Length: 99999999999999999999999\r\n\r\n",
    "obs_fold": "X-A: b\r\n c\r\nContent-Length: 13\r\n\r\n",
    "space_before_colon": "Content-Length : 13\r\n\r\n",
    "tab_before_colon": "Transfer-Encoding\t: chunked\r\n\r\n",
    "bare_lf": "X-A: b\nContent-Length: 13\r\n\r\n",
    "bare_cr": "X-A: b\rContent-Length: 13\r\n\r\n",
    "nul_in_value": "X-A: b\0c\r\nContent-Length: 13\r\n\r\n",
    "empty_name": ": b\r\nContent-Length: 13\r\n\r\n",
    "no_colon": "X-A\r\nContent-Length: 13\r\n\r\n",
    "bad_name": "X(A): b\r\nContent-Length: 13\r\n\r\n",
    "chunk_size_minus": "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "chunk_size_empty": "Transfer-Encoding: chunked\r\n\r\n\r\n",
    "chunk_size_huge": "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk_bare_lf": "Transfer-Encoding: chunked\r\n\r\n1\n",
    "chunk_without_end": "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n",
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_a_request_that_two_parsers_could_read_differently_is_400(broker, shape):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{SMUGGLING[shape]}")
        answer = http.answer()
        other = {"huge_length": 413, "chunk_size_huge": 413, "chunked_twice": 501}.get(shape)
        assert answer.status in (400, other), answer.body
        assert http.ended()


@pytest.mark.parametrize("line", [
    "GET", "GET /message", "GET  /message HTTP/1.1", "GET /message HTTP/1.1 ", "GET /message http/1.1",
    "GE(T /message HTTP/1.1", " GET /message HTTP/1.1", "GET /mess\x01age HTTP/1.1", "GET message HTTP/1.1"])
def test_a_bad_request_line_is_400(broker, line):
    assert_problem(request(broker, f"{line}\r\nHost: 127.0.0.1:{broker.port}\r\n\r\n"), 400)


@pytest.mark.parametrize("hosts", ["", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", "Host: a b\r\n"])
def test_exactly_one_wellformed_host_is_wanted(broker, hosts):
    assert_problem(request(broker, f"GET /message HTTP/1.1\r\n{hosts}\r\n"), 400)


@pytest.mark.parametrize("host", [
    "evil.test", "evil.test:8008", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1", "localhost.",
    "127.0.0.1:x"])
@pytest.mark.parametrize("upgrade", [False, True])
def test_in_protected_mode_a_host_that_is_not_loopback_is_421(broker, host, upgrade):
    wire = upgrade_request(broker, host=host) if upgrade else f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"
    assert_problem(request(broker, wire), 421)


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:8008", "127.0.0.1", "127.9.9.9:1", "[::1]:8008", "0.0.0.0:8008"])
def test_in_protected_mode_loopback_names_are_taken(broker, host):
    with RawWebSocket(broker, host=host):
        pass


@pytest.mark.parametrize("origin", [
    "http://evil.test", "null", "http://localhost.evil.test", "https://127.0.0.1.evil.test"])
@pytest.mark.parametrize("how", ["upgrade", "post"])
def test_a_foreign_origin_is_403(broker, origin, how):
    wire = (upgrade_request(broker, Origin=origin) if how == "upgrade"
            else post(broker, {"op": "ping"}, JSON_TYPE + f"Origin: {origin}\r\n"))
    answer = request(broker, wire)
    assert_problem(answer, 403)
    assert "rigin" in answer.json()["detail"]


@pytest.mark.parametrize("origin", [
    "http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173", "https://localhost"])
def test_a_local_origin_is_taken_in_protected_mode(broker, origin):
    with RawWebSocket(broker, Origin=origin):
        pass
    assert request(broker, post(broker, {"op": "ping"}, JSON_TYPE + f"Origin: {origin}\r\n")).status == 200


def test_an_origin_list_of_the_configuration_wins(start_broker):
    broker = start_broker(config='[server]\norigins = ["https://app.example.com"]\n')
    with RawWebSocket(broker, Origin="https://app.example.com"):
        pass
    assert request(broker, upgrade_request(broker, Origin="http://localhost:3000")).status == 403


@pytest.mark.parametrize("headers, status", [
    ({"Sec_WebSocket_Key": None}, 400), ({"Sec_WebSocket_Key": "short"}, 400), ({"Sec_WebSocket_Key": "A" * 24}, 400),
    ({"Sec_WebSocket_Version": "8"}, 426), ({"Sec_WebSocket_Version": None}, 426),
    ({"Connection": "keep-alive"}, 400), ({"Content-Length": "5"}, 400),
    ({"Sec_WebSocket_Protocol": "soap"}, 400),
], ids=["no_key", "short_key", "key_of_18_bytes", "version_8", "no_version", "no_connection", "body", "subprotocol"])
def test_a_bad_upgrade_is_refused_with_its_own_status(broker, headers, status):
    wire = upgrade_request(broker, **headers) + ("hello" if "Content-Length" in headers else "")
    with RawHttp(broker) as http:
        http.send(wire)
        answer = http.answer()
        assert_problem(answer, status)
        assert http.ended()
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"
    if "Sec_WebSocket_Protocol" in headers:
        assert "crier.v1.json" in answer.json()["detail"]


def test_an_upgrade_on_an_unknown_path_is_404(broker):
    assert_problem(request(broker, upgrade_request(broker, "/nowhere")), 404)


def test_chromes_request_gets_the_accept_value_of_rfc_6455(broker):
    wire = ("GET /message HTTP/1.1\r\nHost: 0.0.0.0:8008\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
            "Cache-Control: no-cache\r\nUpgrade: websocket\r\nOrigin: http://localhost:63342\r\n"
            "Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\n"
            "Sec-WebSocket-Key: WbKb8XZ0K2mh7EHC3An36Q==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
    with RawHttp(broker) as http:
        http.send(wire)
        answer = http.answer(body=False)
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == "i2zQggMN643x/p5VFvBCRypYCfY="
        assert answer.headers["upgrade"].lower() == "websocket"
        assert "websocket-location" not in answer.headers


def test_paths_can_be_configured(start_broker):
    broker = start_broker(config='[server]\npaths = ["/live", "/message/v1"]\n')
    for path in ("/live", "/message/v1"):
        with RawWebSocket(broker, path) as raw:
            raw.send(text_frame({"op": "ping"}))
            assert raw.read_json() == {"op": "pong"}
    assert request(broker, upgrade_request(broker, "/message")).status == 404
