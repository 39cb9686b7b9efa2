"""Who a client is: every way in, for tokens and service keys; what is refused, and how; expiry and refreshing."""

import time

import pytest

from broker_process import Broker, eventually
from clients import RawHttp, request
from entrances import (COMMAND_ENTRANCES, ENTRANCES, HEADER_ENTRANCES, URL_ENTRANCES, Refused, Session, bearer, done,
                       post, stream)
from http_wire import get
from tokens import PARTIES, SECRET, Service, may, token

ORDERS = Service("orders", publish=["orders.>"], subscribe=["orders.>"])
OPEN = f"""
[server]
origins = ["https://app.example"]
[log]
level = "debug"
[auth]
expiry_grace = "1s"
leeway = "1s"
[auth.jwt]
secret = "{SECRET}"
issuer = "https://login.example"
audience = "crier"
{ORDERS.toml()}
[namespace.default]
publish = "anyone"
[namespace.closed]
subscribe = "granted"
publish = "granted"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start(config=OPEN)
    yield process
    process.stop()


def user_token(user="ann", **options):
    return token(user, **{**PARTIES, **options})


# --- every way in

@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_token_is_taken_at_every_entrance(broker, entrance):
    assert ENTRANCES[entrance](broker, user_token("ann")) in ("ann", ...)


@pytest.mark.parametrize("entrance", {**HEADER_ENTRANCES, **COMMAND_ENTRANCES})
def test_a_service_key_is_taken_in_headers_and_in_auth_and_makes_nobody_a_user(broker, entrance):
    assert ENTRANCES[entrance](broker, ORDERS.key) in (None, ...)


@pytest.mark.parametrize("entrance", URL_ENTRANCES)
def test_a_service_key_in_a_url_is_refused_though_it_is_right(broker, entrance):
    with pytest.raises(Refused) as refused:
        ENTRANCES[entrance](broker, ORDERS.key)
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    assert "URL" in refused.value.message
    assert ORDERS.key not in str(refused.value.body)


def test_welcome_and_authenticated_say_who_and_for_how_long(broker):
    with Session(broker, token=user_token("ann", expires_in=100)) as session:
        assert session.welcome["user"] == "ann"
        assert 95 <= session.welcome["expires_in"] <= 101
        reply = session.call("auth", token=user_token("ann", expires_in=500))
        assert list(reply) == ["op", "id", "user", "expires_in"]
        assert reply["user"] == "ann" and 495 <= reply["expires_in"] <= 501
    with Session(broker) as session:
        assert not {"user", "expires_in"} & set(session.welcome)
    with Session(broker, key=ORDERS.key) as session:
        assert not {"user", "expires_in"} & set(session.welcome)
        reply = session.call("auth", token=ORDERS.key)
        assert reply == {"op": "authenticated", "id": 1}


def test_a_token_without_sub_is_nobody_but_carries_its_grants(broker):
    with Session(broker, token=may(None, subscribe=["closed:a"], **PARTIES)) as session:
        assert "user" not in session.welcome and session.welcome["expires_in"] > 0
        session.subscribe("closed:a")


def test_auth_is_in_effect_for_the_next_command_of_the_same_message(broker):
    with Session(broker) as session:
        session.say({"op": "subscribe", "id": 1, "channel": "closed:b"},
                    {"op": "auth", "id": 2, "token": may("ann", subscribe=["closed:b"], **PARTIES)},
                    {"op": "subscribe", "id": 3, "channel": "closed:b"})
        replies = [session.hear() for _ in range(3)]
    assert [reply["op"] for reply in replies] == ["error", "authenticated", "subscribed"]
    assert replies[0]["code"] == "unauthorized" and replies[0]["channel"] == "closed:b"


def test_the_scheme_is_bearer_in_any_case(broker):
    for scheme in ("bearer", "BEARER", "Bearer  "):
        answer, _ = post(broker, {"op": "ping"}, headers=f"Authorization: {scheme} {user_token()}\r\n")
        assert answer.status == 200


# --- what is refused, and how

@pytest.mark.parametrize("header", ["Basic YW5uOnNlY3JldA==", "Digest x", "Bearer", "Bearer ", "token", "Bearerx y"])
def test_other_schemes_and_empty_credentials_are_refused_everywhere(broker, header):
    line = f"Authorization: {header}\r\n"
    for wire in (get(broker, "/message?channel=a", "Accept: text/event-stream\r\n" + line),
                 f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{line}Content-Length: 2\r\n\r\n[]"):
        answer = request(broker, wire)
        assert answer.status == 401, header
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    with pytest.raises(Refused) as refused:
        Session(broker, Authorization=header)
    assert refused.value.status == 401


def test_an_empty_token_in_the_url_is_no_anonymous_client(broker):
    with pytest.raises(Refused) as refused:
        Session(broker, token="")
    assert refused.value.status == 401
    with Session(broker) as session:
        assert session.call("auth", token="")["code"] in ("bad_request", "unauthorized")


def test_two_credentials_are_one_too_many(broker):
    good = user_token()
    tries = [lambda: Session(broker, token=good, key=good),
             lambda: Session(broker, query={"token": good}, token=good),
             lambda: stream(broker, "a", key=good, token=good)]
    for attempt in tries:
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.status == 400 and good not in str(refused.value.body)
    twice = f"Authorization: {bearer(good)}\r\n" * 2
    assert post(broker, {"op": "ping"}, headers=twice)[0].status == 400


def test_a_refusal_is_a_problem_with_a_challenge_a_request_id_and_an_end(broker):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nAuthorization: Bearer no\r\n"
                  "Content-Length: 13\r\n\r\n")
        answer = http.answer()  # before the body
        assert http.ended()
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="crier"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"status": 401, "code": "unauthorized", "title": "Unauthorized"}.items() <= answer.json().items()
    assert answer.headers["x-request-id"] in answer.body.decode()


def test_an_expired_token_is_told_apart_from_a_bad_one(broker):
    old = user_token(expires_in=-60)
    for entrance in ENTRANCES:
        with pytest.raises(Refused) as refused:
            ENTRANCES[entrance](broker, old)
        assert refused.value.code == "token_expired", entrance
        if refused.value.status is not None:
            assert refused.value.status == 401
            assert 'error="invalid_token"' in refused.value.headers["www-authenticate"]


def test_auth_belongs_on_a_connection_that_stays(broker):
    answer, body = post(broker, {"op": "auth", "token": user_token(), "id": 7})
    assert (answer.status, body["code"], body["id"]) == (400, "bad_request", 7)
    assert "Authorization" in body["message"]


# --- auth.anonymous = false

CLOSED = f"""
[auth]
anonymous = false
auth_timeout = "1s"
expiry_grace = "1s"
[auth.jwt]
secret = "{SECRET}"
{ORDERS.toml()}
"""


def test_without_anonymous_clients_only_auth_and_ping_work_until_4001(start_broker):
    broker = start_broker(config=CLOSED)
    with Session(broker) as session:
        started = time.monotonic()
        commands = [{"op": "subscribe", "channel": "a"}, {"op": "publish", "channel": "a", "data": 1},
                    {"op": "publish", "channels": ["a", "b"], "data": 1}, {"op": "history", "channel": "a"},
                    {"op": "presence", "channel": "a"}, {"op": "channels"}, {"op": "disconnect", "user": "u"},
                    {"op": "kick", "user": "u", "channel": "a"}, {"op": "unsubscribe", "channel": "a"}]
        for command in commands:
            assert session.call(**command)["code"] == "unauthorized", command
        assert session.call("ping")["op"] == "pong"
        assert session.call("auth", token="a.b.c")["code"] == "unauthorized"
        assert session.close_code() == 4001
        assert 0.8 <= time.monotonic() - started < 5
    with Session(broker) as session:
        assert session.call("auth", token=token("ann"))["user"] == "ann"
        session.subscribe("a")
        time_over = time.monotonic() + 1.5
        while time.monotonic() < time_over:  # beyond auth_timeout
            session.nothing_more()
    assert broker.metric("crier_anonymous_waiting") == 0


def test_without_anonymous_clients_urls_streams_and_posts_need_a_credential(start_broker):
    broker = start_broker(config=CLOSED)
    with pytest.raises(Refused) as refused:
        Session(broker, "a")
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    assert refused.value.headers["www-authenticate"].startswith("Bearer")
    with pytest.raises(Refused) as refused:
        stream(broker, "a")
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    for body in ({"op": "ping"}, [], [{"op": "ping"}]):
        answer, problem = post(broker, body)
        assert (answer.status, problem["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for name, entrance in ENTRANCES.items():
        assert entrance(broker, token("ann")) in ("ann", ...), name
    with Session(broker, "a", key=ORDERS.key) as session:
        assert session.push()["op"] == "subscribed"


# --- expiry

def test_an_expired_session_may_only_refresh_and_ends_with_4002(broker):
    with Session(broker, token=user_token(expires_in=1)) as session:
        session.subscribe("expiry.a")
        eventually(lambda: session.call("publish", channel="expiry.b", data=1).get("code") == "token_expired")
        for op in ("subscribe", "history", "presence"):
            assert session.call(op, channel="expiry.c")["code"] == "token_expired"
        assert session.call("ping")["op"] == "pong"
        assert session.close_code() == 4002


def test_auth_within_the_grace_saves_a_session_and_its_subscriptions(broker):
    with Session(broker, token=user_token(expires_in=1)) as session:
        session.subscribe("expiry.saved")
        eventually(lambda: session.call("history", channel="expiry.saved").get("code") == "token_expired")
        reply = session.call("auth", token=user_token(expires_in=3600))
        assert reply["op"] == "authenticated" and reply["expires_in"] > 3500
        over = time.monotonic() + 2.5
        while time.monotonic() < over:  # beyond the grace
            session.nothing_more()
        session.publish("expiry.saved", "still here")
        assert session.push("message")["data"] == "still here"


def test_auth_before_the_end_moves_it(broker):
    with Session(broker, token=user_token(expires_in=1)) as session:
        assert session.call("auth", token=user_token(expires_in=3600))["op"] == "authenticated"
        over = time.monotonic() + 3.5
        while time.monotonic() < over:
            session.nothing_more()
    with Session(broker, token=user_token(expires_in=3600)) as session:
        assert session.call("auth", token=user_token(expires_in=1))["expires_in"] <= 1
        assert session.close_code() == 4002  # a shorter one counts as well


def test_an_expired_stream_ends_with_an_error_event(broker):
    with stream(broker, "expiry.sse", token=user_token(expires_in=1)) as events:
        welcome = events.event("welcome").data
        assert welcome["user"] == "ann" and welcome["expires_in"] <= 1
        events.event("subscribed")
        error = events.event("error").data
        assert error["code"] == "token_expired"
        with pytest.raises(EOFError):
            while True:
                events.block()


# --- refreshing

def test_a_refresh_that_takes_rights_away_ends_what_they_carried(broker):
    wide = may("ann", subscribe=["closed:>"], **PARTIES)
    narrow = may("ann", subscribe=["closed:kept", "closed:deep.>"], **PARTIES)
    with Session(broker, token=wide) as session:
        for channel in ("closed:kept", "closed:gone", "closed:>", "closed:deep.*", "closed:deep.x", "open"):
            session.subscribe(channel)
        reply = session.call("auth", token=narrow)
        assert reply["op"] == "authenticated"
        ended = [session.push("unsubscribed") for _ in range(2)]
        assert {push["channel"] for push in ended} == {"closed:gone", "closed:>"}
        assert {push["code"] for push in ended} == {"forbidden"}
        assert all("id" not in push and "subscribe" in push["reason"] for push in ended)
        session.nothing_more()
        session.subscribe("expiry.other")
        assert session.call("subscribe", channel="closed:gone")["code"] == "forbidden"
        assert session.call("unsubscribe", channel="closed:gone")["code"] == "not_subscribed"


def test_a_refresh_ends_pending_subscriptions_too_with_one_answer_each(broker):
    wide = may("ann", subscribe=["closed:>"], **PARTIES)
    narrow = may("ann", subscribe=["closed:kept"], **PARTIES)
    with Session(broker, token=wide) as session:
        count = 40
        session.say(*[{"op": "subscribe", "id": number, "channel": f"closed:p{number}"} for number in range(count)],
                    {"op": "auth", "id": "auth", "token": narrow}, {"op": "ping", "id": "last"})
        heard = []
        while not heard or heard[-1].get("id") != "last":
            heard.append(session.hear())
        answers = {reply["id"]: reply for reply in heard if "id" in reply}
        pushes = {push["channel"] for push in heard if push["op"] == "unsubscribed"}
        assert answers["auth"]["op"] == "authenticated"
        for number in range(count):
            answer = answers[number]
            live = answer["op"] == "subscribed"
            assert live or answer["code"] == "forbidden", answer
            assert live == (f"closed:p{number}" in pushes), answer
        assert len(heard) == count + 2 + len(pushes)
        def members():
            return [reply["count"] for reply in
                    done(broker, [{"op": "presence", "channel": f"closed:p{n}"} for n in range(count)],
                         key=may("eve", presence=["closed:>"], **PARTIES))]
        # The homes of the channels hear of it a moment later, while the session is still there.
        eventually(lambda: members() == [0] * count)


def test_another_user_is_forbidden_and_changes_nothing(broker):
    with Session(broker, token=user_token("ann")) as session:
        assert session.call("auth", token=user_token("bob"))["code"] == "forbidden"
        assert session.call("auth", token=token(None, **PARTIES))["code"] == "forbidden"
        assert session.call("auth", token=user_token("ann"))["user"] == "ann"


# --- claims

def test_the_channels_of_a_token_are_subscribed_at_connect_and_merged_with_the_urls(broker):
    credential = user_token("ann", channels=["closed:mine", "shared", "closed:mine.*"])
    with Session(broker, "shared", "extra", token=credential) as session:
        names = [session.push("subscribed")["channel"] for _ in range(4)]
        assert sorted(names) == ["closed:mine", "closed:mine.*", "extra", "shared"]
        session.nothing_more()
    with Session(broker) as session:
        assert session.call("auth", token=credential)["op"] == "authenticated"
        names = [session.push("subscribed")["channel"] for _ in range(3)]
        assert sorted(names) == ["closed:mine", "closed:mine.*", "shared"]
        assert session.call("auth", token=credential)["op"] == "authenticated"
        session.nothing_more()
    with stream(broker, "shared", "extra", token=credential) as events:
        events.event("welcome")
        names = [events.event("subscribed").data["channel"] for _ in range(4)]
        assert sorted(names) == ["closed:mine", "closed:mine.*", "extra", "shared"]


def test_presence_shows_user_and_info_and_one_user_as_often_as_it_is_there(broker):
    info = {"name": "Ann \u00e4\u2603", "n": 12345678901234567890}
    credential = user_token("ann", info=info)
    with Session(broker, "who", token=credential) as one, Session(broker, "who", key=credential, cbor=True) as two, \
            stream(broker, "who", token=credential) as three, Session(broker, "who") as anonymous, \
            Session(broker, "who", key=ORDERS.key) as service:
        for session in (one, two, anonymous, service):
            session.push("subscribed")
        sse = three.event("welcome").data["session"]
        three.event("subscribed")
        reply = anonymous.call("presence", channel="who")
        assert reply["count"] == 5
        by_session = {member["session"]: member for member in reply["members"]}
        for session in (one.id, two.id, sse):
            assert by_session[session] == {"session": session, "user": "ann", "info": info}
        for session in (anonymous.id, service.id):
            assert by_session[session] == {"session": session}


def test_idempotency_keys_of_two_users_a_service_and_nobody_are_apart(broker):
    ann, bob, orders = user_token("ann"), user_token("bob"), user_token("orders")
    command = {"op": "publish", "channel": "keys", "data": 1, "key": "k1"}
    positions = [done(broker, command, key=key)["position"] for key in (ann, bob, orders, None)]
    assert len(set(positions)) == 4
    assert [done(broker, command, key=key)["position"] for key in (ann, bob, orders, None)] == positions
    service = {**command, "channel": "orders.keys"}
    assert (done(broker, service, key=ORDERS.key)["position"]
            != done(broker, service, key=user_token("orders"))["position"])
    with Session(broker, token=ann) as session:
        assert session.publish("keys", 1, key="k1")["position"] == positions[0]
