"""Which names the broker is called by, which pages may call it, and what a page may read: from raw sockets."""

import pytest

from broker_process import Broker
from clients import RawHttp, request

EVERYWHERE = ["socket", "stream", "post", "preflight"]
PUBLIC = """[server]
protected_mode = false
hosts = ["broker.test", "10.0.0.7", "[2001:db8::7]"]
"""
APP = "https://app.test"
LISTED = f"""[server]
origins = ["{APP}", "https://*.wild.test:8443"]
"""
CONTENT_TYPE = "Content-Type: application/json\r\n"


def wire(how, host, headers="", body='{"op":"ping"}', path="/message?channel=a"):
    """One request of a kind of transport, headers as they are given."""
    host = "" if host is None else f"Host: {host}\r\n"
    if how == "post":
        return f"POST {path} HTTP/1.1\r\n{host}{CONTENT_TYPE}{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    if how == "preflight":
        return (f"OPTIONS {path} HTTP/1.1\r\n{host}{headers}Access-Control-Request-Method: POST\r\n"
                "Access-Control-Request-Headers: authorization,content-type\r\n\r\n")
    if how == "stream":
        return f"GET {path} HTTP/1.1\r\n{host}{headers}Accept: text/event-stream\r\n\r\n"
    return (f"GET {path} HTTP/1.1\r\n{host}{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def head_of(broker, *arguments, **options):
    """The answer's status and headers, without waiting for the end of a stream."""
    with RawHttp(broker) as http:
        http.send(wire(*arguments, **options))
        return http.answer(body=False)


LET_IN = {"socket": 101, "stream": 200, "post": 200, "preflight": 204}


def origin(text):
    return f"Origin: {text}\r\n"


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("public"))
    process.start(config=PUBLIC)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("listed"))
    process.start(config=LISTED)
    yield process
    process.stop()


# --- hosts

@pytest.mark.parametrize("how", EVERYWHERE)
@pytest.mark.parametrize("host", ["broker.test", "BROKER.test:8443", "10.0.0.7", "[2001:DB8:0::7]:80", "localhost",
                                  "127.0.0.1:1", "[::1]"])
def test_a_listed_host_and_loopback_are_served_on_any_port(public, how, host):
    assert head_of(public, how, host).status == LET_IN[how]


@pytest.mark.parametrize("how", EVERYWHERE)
@pytest.mark.parametrize("host", ["evil.test", "x.broker.test", "broker.test.", "broker.test.evil.test", "0.0.0.0",
                                  "10.0.0.8", "broker.test:0", "broker.test:", "localhost.evil.test"])
def test_every_other_host_is_421_with_what_to_do(public, how, host):
    answer = request(public, wire(how, host))
    assert answer.status == 421
    assert answer.json()["code"] == "misdirected"
    assert host not in answer.body.decode() or host == "broker.test:"
    if host == "evil.test":
        assert "server.hosts" in answer.json()["detail"]


def test_no_host_is_421_where_hosts_are_listed_and_none_two_and_one_with_a_user_are_400_by_the_protocol(public):
    old = "GET /message HTTP/1.0\r\n\r\n"
    assert request(public, old).status == 421
    assert request(public, wire("post", None)).status == 400
    assert request(public, wire("post", "broker.test", "Host: broker.test\r\n")).status == 400
    assert request(public, wire("post", "user@broker.test")).status == 400


def test_the_demo_page_is_served_in_protected_mode_and_where_it_is_asked_for(public, broker, start_broker):
    assert head_of(public, "stream", "broker.test", path="/").status == 404
    assert request(broker, f"GET / HTTP/1.1\r\nHost: localhost:{broker.port}\r\n\r\n").status == 200
    asked_for = start_broker(config='server = { protected_mode = false, hosts = ["broker.test"], demo_page = true }')
    assert head_of(asked_for, "stream", "broker.test", path="/").status == 200
    assert head_of(asked_for, "stream", "evil.test", path="/").status == 421


# --- origins

@pytest.mark.parametrize("how", EVERYWHERE)
@pytest.mark.parametrize("page, host, allowed", [
    ("http://broker.test:8008", "broker.test:8008", True),
    ("https://broker.test", "broker.test", True),
    ("http://broker.test", "broker.test:8008", False),
    ("http://localhost:3000", "broker.test:8008", False),
    ("http://localhost:3000", "localhost:3000", True),
    ("app://broker.test:8008", "broker.test:8008", False),
    ("null", "broker.test", False),
    ("", "broker.test", False),
    ("http://evil.test", "broker.test", False)])
def test_outside_of_protected_mode_only_pages_of_the_same_host_and_port_may_call(public, how, page, host, allowed):
    if public.secure and page.startswith("http:"):
        allowed = False
    answer = head_of(public, how, host, origin(page))
    assert answer.status == (LET_IN[how] if allowed else 403)


@pytest.mark.parametrize("how", EVERYWHERE)
def test_where_tls_ends_here_a_page_that_came_in_the_clear_is_not_the_same(start_tls, how):
    broker = start_tls(config='[server]\norigins = ["same"]\n')
    host = f"localhost:{broker.port}"
    assert head_of(broker, how, host, origin(f"https://{host}")).status == LET_IN[how]
    assert head_of(broker, how, host, origin(f"http://{host}")).status == 403
    assert head_of(broker, how, "localhost", origin("https://localhost")).status == LET_IN[how]
    assert head_of(broker, how, "localhost", origin("http://localhost")).status == 403


@pytest.mark.parametrize("how", EVERYWHERE)
@pytest.mark.parametrize("page, allowed", [
    (APP, True), ("https://APP.test:443", True), ("http://app.test", False), ("https://app.test:8443", False),
    ("https://a.wild.test:8443", True), ("https://wild.test:8443", False), ("https://a.wild.test", False),
    ("http://localhost:3000", False), ("null", False)])
def test_an_explicit_list_is_the_whole_rule(listed, how, page, allowed):
    assert head_of(listed, how, f"localhost:{listed.port}", origin(page)).status == (LET_IN[how] if allowed else 403)


@pytest.mark.parametrize("how", EVERYWHERE)
def test_a_second_origin_is_refused_even_where_all_are_allowed(start_broker, how):
    broker = start_broker(config='[server]\norigins = ["*"]\n')
    assert head_of(broker, how, "localhost", origin("null")).status == LET_IN[how]
    answer = request(broker, wire(how, "localhost", origin(APP) + origin(APP)))
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_without_an_origin_of_its_own_is_told_why(broker):
    answer = request(broker, wire("post", "localhost", origin("null")))
    assert answer.status == 403
    assert "null" in answer.json()["detail"] and "sandbox" in answer.json()["detail"]


@pytest.mark.parametrize("site, status", [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)])
def test_a_stream_that_a_page_asks_for_as_for_a_picture_is_refused(broker, site, status):
    assert head_of(broker, "stream", "localhost", f"Sec-Fetch-Site: {site}\r\n").status == status


# --- what a page may read

@pytest.mark.parametrize("how", ["stream", "post", "preflight"])
def test_an_answer_to_an_allowed_page_names_it_and_no_credentials(listed, how):
    answer = head_of(listed, how, "localhost", origin(APP))
    assert answer.headers["access-control-allow-origin"] == APP
    assert "origin" in answer.headers["vary"].lower()
    assert answer.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("what, status", [
    ({"body": '{"op":"publish"}'}, 400),
    ({"body": "not json"}, 400),
    ({"path": "/nowhere"}, 404),
    ({"headers": "Content-Type: text/plain\r\n"}, 415),
    ({"body": "x" * 1_100_000}, 413)])
def test_a_page_that_may_call_can_read_why_a_request_was_refused(listed, what, status):
    body = what.get("body", '{"op":"ping"}')
    kind = what.get("headers", CONTENT_TYPE)
    answer = request(listed, f"POST {what.get('path', '/message')} HTTP/1.1\r\nHost: localhost\r\n{origin(APP)}{kind}"
                             f"Content-Length: {len(body)}\r\n\r\n{body if len(body) < 1000 else ''}")
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.json()["detail"]


def test_a_page_that_may_not_call_can_read_nothing(listed):
    for how in ("stream", "post", "preflight"):
        answer = request(listed, wire(how, "localhost", origin("https://evil.test")))
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_allows_what_the_contract_needs_and_a_private_network_where_it_is_asked_for(listed):
    answer = head_of(listed, "preflight", "localhost", origin(APP))
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")} == {
        "authorization", "content-type", "last-event-id"}
    assert "access-control-allow-private-network" not in answer.headers
    private = "Access-Control-Request-Private-Network: true\r\n"
    assert head_of(listed, "preflight", "localhost",
                   origin(APP) + private).headers["access-control-allow-private-network"] == "true"
    refused = request(listed, wire("preflight", "localhost", origin("https://evil.test") + private))
    assert "access-control-allow-private-network" not in refused.headers


@pytest.mark.parametrize("how, host, path", [
    ("post", "localhost", "/message"), ("stream", "localhost", "/message?channel=a"),
    ("stream", "localhost", "/message"), ("post", "evil.test", "/message"),
    ("post", "localhost", "/nowhere"), ("preflight", "localhost", "/message")])
def test_no_cache_keeps_an_answer_and_no_browser_guesses_its_type(broker, how, host, path):
    answer = head_of(broker, how, host, path=path)
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/demo.js", "/crier.js", "/demo.css", "/message", "/nowhere"])
def test_what_a_browser_shows_in_a_window_runs_nothing_foreign_and_is_in_no_frame(broker, path):
    answer = request(broker, f"GET {path} HTTP/1.1\r\nHost: localhost:{broker.port}\r\n\r\n")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_rules_of_a_connection_hold_for_every_request_on_it(listed):
    with RawHttp(listed) as http:
        http.send(wire("post", "localhost", origin(APP)) + wire("post", "localhost", origin("https://evil.test"))
                  + wire("post", "localhost"))
        first, second = http.answer(), http.answer()
        assert (first.status, first.headers["access-control-allow-origin"]) == (200, APP)
        assert (second.status, second.headers.get("access-control-allow-origin")) == (403, None)
        assert http.ended()
