"""What a reload changes at once, on every thread and for those who are there already; and what it leaves alone."""

import json
import os
import threading
import time

import pytest

from broker_process import eventually
from clients import RawHttp
from entrances import Refused, Session, bearer, done, post, stream
from reloads import DONE, REFUSED, Awaited, config, hang_up, hang_up_unheard, refused
from tokens import SECRET, Service, may, token

ADMIN = Service("admin", manage=True, subscribe=[">", "chat:>"])
ORDERS = Service("orders", subscribe=["orders.>"], publish=["orders.>"])


def heartbeat(broker):
    with Session(broker) as session:
        return session.welcome["heartbeat"]


def codes(channel, session):
    push = session.push("unsubscribed")
    assert push["channel"] == channel, push
    return push["code"]


# --- rules

def test_a_rule_that_gets_stricter_ends_subscriptions_at_once_on_all_threads(start_broker):
    broker = start_broker(config=config(), threads=3)
    granted = may("ann", subscribe=["room.>"])
    sessions = [Session(broker, "room.a", "chat:a", token=credential)
                for credential in (None, token("bob"), granted) * 3]
    for session in sessions:
        session.push("subscribed"), session.push("subscribed")
    with stream(broker, "room.a", "chat:a") as events:
        events.subscribed(2)
        hang_up(broker, config(rest='subscribe = "granted"\n[namespace.chat]\nsubscribe = "anyone"'))
        for at, session in enumerate(sessions):
            if at % 3 != 2:
                assert codes("room.a", session) == ("unauthorized" if at % 3 == 0 else "forbidden")
            session.nothing_more()
        assert events.event("unsubscribed").data["channel"] == "room.a"
        done(broker, [{"op": "publish", "channel": channel, "data": 1} for channel in ("chat:a", "room.a")])
        for at, session in enumerate(sessions):
            heard = {session.push("message")["channel"] for _ in range(2 if at % 3 == 2 else 1)}
            assert heard == ({"chat:a", "room.a"} if at % 3 == 2 else {"chat:a"})
            session.nothing_more()
        hang_up(broker, config())
        sessions[0].subscribe("room.a")


def test_pattern_and_presence_and_history_rules_change_with_a_reload(start_broker):
    broker = start_broker(config=config(rest='pattern_access = "subscribers"\n[namespace.b]'))
    with Session(broker, "a.*", "a.b") as session, Session(broker) as watcher:
        session.push("subscribed"), session.push("subscribed")
        watcher.subscribe("a.b", presence=True)
        hang_up(broker, config(rest='pattern_access = "nobody"\npresence_access = "nobody"\nhistory_access = "nobody"\n'
                                    '[namespace.b]\npublish = "nobody"'))
        assert codes("a.*", session) == "forbidden"
        session.nothing_more()
        assert codes("a.b", watcher) == "forbidden"  # it watched
        for op in ("presence", "history"):
            reply = session.call(op, channel="a.b")
            assert reply["code"] == "forbidden" and f'{op}_access = "nobody"' in reply["message"]
        assert session.call("publish", channel="b:c", data=1)["code"] == "forbidden"
        assert session.call("publish", channel="a.b", data=1)["op"] == "published"


def test_the_size_of_histories_and_messages_changes_with_a_reload(start_broker):
    broker = start_broker(config=config(rest='message_bytes_max = "1KiB"'))
    done(broker, [{"op": "publish", "channel": "h", "data": n, "id": n} for n in range(50)])
    assert post(broker, {"op": "publish", "channel": "h", "data": "x" * 2000})[0].status == 413
    with Session(broker, "h") as session:
        start = session.push("subscribed")["position"]
        hang_up(broker, config(rest='history = { messages = 10, age = "2m" }'))
        done(broker, {"op": "publish", "channel": "h", "data": "x" * 2000})
        assert len(done(broker, {"op": "history", "channel": "h"})["messages"]) == 10
        message = session.push("message")
        assert message["data"] == "x" * 2000 and message["position"].partition(":")[0] == start.partition(":")[0]
        hang_up(broker, config(rest='history = { messages = 0 }'))
        done(broker, {"op": "publish", "channel": "h", "data": "unkept"})
        assert session.push("message")["data"] == "unkept"
        assert done(broker, {"op": "history", "channel": "h"})["messages"] == []
        session.nothing_more()
    hang_up(broker, config(rest='history = { messages = 5 }'))
    done(broker, {"op": "publish", "channel": "h", "data": "kept again"})
    assert done(broker, {"op": "history", "channel": "h"})["messages"][-1]["data"] == "kept again"


def test_limits_change_with_a_reload(start_broker):
    broker = start_broker(config=config())
    with Session(broker) as old:
        for number in range(5):
            old.subscribe(f"l.{number}")
        hang_up(broker, config(rest='[limits]\nchannels_per_connection_max = 3\nincoming_bytes_max = "96KiB"'))
        assert old.call("subscribe", channel="l.x")["code"] == "limit_exceeded"
        assert old.call("unsubscribe", channel="l.0")["op"] == "unsubscribed"
        assert old.call("subscribe", channel="l.x")["code"] == "limit_exceeded"
        with Session(broker) as fresh:
            assert fresh.welcome["limits"]["channels_per_connection_max"] == 3
            assert fresh.welcome["limits"]["incoming_bytes_max"] == 96 * 1024
            fresh.say({"op": "ping", "padding": "x" * 100_000})
            assert fresh.close_code() == 1009
        assert post(broker, {"op": "ping", "padding": "x" * 100_000})[0].status == 413


def test_origins_change_with_a_reload(start_broker):
    broker = start_broker(config=config())
    page = "https://app.example"
    with pytest.raises(Refused) as refusal:
        Session(broker, Origin=page)
    assert refusal.value.status == 403
    hang_up(broker, config().replace("origins = []", f'origins = ["{page}"]'))
    with Session(broker, Origin=page) as session:
        hang_up(broker, config())
        session.nothing_more()  # it is in
    with pytest.raises(Refused):
        Session(broker, Origin=page)


def test_the_log_level_changes_with_a_reload(start_broker):
    broker = start_broker(config=config(rest='[log]\nlevel = "warn"'))

    def refuse_one():
        with pytest.raises(Refused):
            Session(broker, token="no")

    refuse_one()
    assert "request refused" not in broker.errors()
    hang_up(broker, config(rest='[log]\nlevel = "debug"'))
    with Awaited(broker, "request refused"):
        refuse_one()
    hang_up_unheard(broker, config(rest='[log]\nlevel = "error"\n[limits]\nheartbeat = "20s"'))
    eventually(lambda: heartbeat(broker) == 20)
    before = broker.errors().count("request refused")
    refuse_one()
    assert broker.errors().count("request refused") == before


# --- keys and tokens

def test_a_service_key_that_is_removed_closes_what_it_opened(start_broker):
    broker = start_broker(config=config(ADMIN, ORDERS), threads=2)
    with Session(broker, key=ORDERS.key) as one, Session(broker, key=ORDERS.key) as two, \
            Session(broker, key=ADMIN.key) as other, Session(broker, token=token("orders")) as user, \
            stream(broker, "orders.x", key=ORDERS.key) as events:
        events.subscribed()
        hang_up(broker, config(ADMIN))
        assert (one.close_code(), two.close_code()) == (4001, 4001)
        assert events.event("error").data["code"] == "unauthorized"
        with pytest.raises(EOFError):
            events.block()
        other.nothing_more()
        user.nothing_more()
    assert post(broker, {"op": "ping"}, key=ORDERS.key)[0].status == 401
    hang_up(broker, config(ADMIN, ORDERS))
    assert post(broker, {"op": "ping"}, key=ORDERS.key)[0].status == 200


def test_a_service_key_that_is_rotated_closes_what_the_old_one_opened(start_broker):
    broker = start_broker(config=config(ORDERS))
    rotated = Service("orders", key="crier_" + "n" * 43, **ORDERS.grants)
    with Session(broker, key=ORDERS.key) as old:
        hang_up(broker, config(rotated))
        assert old.close_code() == 4001
    with Session(broker, key=rotated.key) as fresh:
        fresh.nothing_more()
        hang_up(broker, config(rotated, ADMIN))
        fresh.nothing_more()
    assert post(broker, {"op": "ping"}, key=ORDERS.key)[0].status == 401


def test_grants_of_a_service_change_for_those_who_are_connected(start_broker):
    rules = 'subscribe = "granted"'
    broker = start_broker(config=config(ORDERS, rest=rules))
    with Session(broker, "orders.a", key=ORDERS.key) as session:
        session.push("subscribed")
        assert session.call("channels")["code"] == "forbidden"
        less = Service("orders", subscribe=["orders.b"], manage=True)
        hang_up(broker, config(less, rest=rules))
        assert codes("orders.a", session) == "forbidden"
        session.subscribe("orders.b")
        assert session.call("channels")["op"] == "channels"


def test_a_key_withdrawn_while_its_request_arrives_is_not_obeyed(start_broker):
    broker = start_broker(config=config(ADMIN, ORDERS))
    body = json.dumps({"op": "channels"})
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nAuthorization: {bearer(ADMIN.key)}\r\n"
                  f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        assert http.stream.readline().startswith(b"HTTP/1.1 100")
        http.stream.readline()
        hang_up(broker, config(ORDERS))
        http.send(body)
        assert http.answer().status == 401


def test_another_secret_refuses_old_tokens_and_lets_their_sessions_send_new_ones(start_broker):
    broker = start_broker(config=config())
    with Session(broker, token=token("ann")) as session:
        hang_up(broker, config(secret="another-" + SECRET))
        session.nothing_more()
        assert session.call("auth", token=token("ann"))["code"] == "unauthorized"
        assert session.call("auth", token=token("ann", key="another-" + SECRET))["op"] == "authenticated"
    with pytest.raises(Refused):
        Session(broker, token=token("ann"))


def test_anonymous_clients_that_are_no_longer_wanted_have_auth_timeout_to_tell(start_broker):
    broker = start_broker(config=config(ORDERS), threads=2)
    with Session(broker, "a") as busy, Session(broker) as quiet, Session(broker, "a") as saved, \
            Session(broker, "a", token=token("ann")) as ann, Session(broker, key=ORDERS.key) as service, \
            stream(broker, "a") as events:
        for session in (busy, saved, ann):
            session.push("subscribed")
        events.subscribed()
        hang_up(broker, config(ORDERS, auth='anonymous = false\nauth_timeout = "2s"'))
        began = time.monotonic()
        assert codes("a", busy) == codes("a", saved) == "unauthorized"
        assert saved.call("subscribe", channel="b")["code"] == "unauthorized"
        assert saved.call("auth", token=token("bob"))["op"] == "authenticated"
        saved.subscribe("b")
        assert events.event("unsubscribed").data["code"] == "unauthorized"
        assert (busy.close_code(), quiet.close_code()) == (4001, 4001)
        assert 1 < time.monotonic() - began < 8
        assert events.event("error").data["code"] == "unauthorized"
        for session in (ann, service, saved):
            session.nothing_more()


def test_anonymous_clients_that_wait_are_let_in_by_a_reload(start_broker):
    waiting = 'anonymous = false\nauth_timeout = "3s"'
    broker = start_broker(config=config(auth=waiting))
    with Session(broker) as session:
        assert session.call("subscribe", channel="a")["code"] == "unauthorized"
        hang_up(broker, config())
        session.subscribe("a")
        over = time.monotonic() + 4
        while time.monotonic() < over:  # beyond the timeout
            session.nothing_more()


def test_the_first_key_ends_protected_mode_and_closes_publishing(start_broker):
    broker = start_broker(config='[limits]\nheartbeat = "20s"\n')
    with Session(broker, "a") as session:
        session.push("subscribed")
        session.publish("a", 1)
        session.push("message")
        hang_up(broker, f'[server]\norigins = []\n{ADMIN.toml()}')
        reply = session.call("publish", channel="a", data=1)
        assert reply["code"] == "unauthorized" and 'publish = "granted"' in reply["message"]
        assert post(broker, {"op": "channels"})[0].status == 401
        assert done(broker, {"op": "channels"}, key=ADMIN.key)["channels"]
        session.nothing_more()


# --- reloads that are refused, and what needs a restart

def test_a_bad_reload_changes_nothing_and_says_where_the_faults_are(start_broker):
    broker = start_broker(config=config(ORDERS))
    bad = config(rest='subscribe = "nobdy"\n[limits]\nheartbeat = "soon"\nhearbeat = "1s"\n[log]\nlevel = "debug"')
    lines = bad.splitlines()
    expected = [f"crier.toml:{lines.index(text) + 1}:" for text in
                ('subscribe = "nobdy"', 'heartbeat = "soon"', 'hearbeat = "1s"')]
    failed = broker.metric("crier_config_reloads_total", result="failure")
    with Session(broker, "a", key=ORDERS.key) as session:
        session.push("subscribed")
        said = refused(broker, bad)
        for place in expected:
            assert any("cannot reload" in line and place in line for line in said), place
        assert any(REFUSED in line and 'faults="3"' in line for line in said)
        session.nothing_more()
        session.subscribe("b")
    with Session(broker, key=ORDERS.key) as session:
        session.nothing_more()
    assert broker.metric("crier_config_reloads_total", result="failure") == failed + 1
    for broken in ("[server", config(secret="short"), 'x = 1', config(rest="[limits]\nheartbeat = 7")):
        refused(broker, broken)
    assert broker.metric("crier_config_reloads_total", result="failure") == failed + 5
    assert SECRET not in broker.errors() and '"short"' not in broker.errors()
    hang_up(broker, config(ORDERS))
    assert broker.metric("crier_config_reloads_total", result="failure") == failed + 5


def test_what_needs_a_restart_is_named_and_the_rest_is_done(start_broker):
    broker = start_broker(config=config())
    said = hang_up(broker, config(server='listen = ["127.0.0.1:1"]\nadmin = "127.0.0.1:2"\nthreads = 7\n'
                                         'state_dir = "/nowhere"',
                                  rest='subscribe = "nobody"\n[engine]\ntimeout = "7s"\n[log]\nformat = "json"'))
    eventually(lambda: "need a restart" in broker.errors())
    line = next(line for line in broker.errors().splitlines() if "need a restart" in line)
    # --listen, --admin and --threads of the command line win over the file: nothing changes there.
    assert all(name in line for name in ("server.state_dir", "engine.timeout", "log.format")), line
    assert "server.listen" not in line and "namespace" not in line
    assert any("namespace.default.subscribe" in one for one in said)
    with Session(broker) as session:
        assert session.call("subscribe", channel="a")["code"] == "forbidden"
    assert len(os.listdir(f"/proc/{broker.pid}/task")) < 7


def test_a_flag_still_wins_after_a_reload(start_broker):
    broker = start_broker("--log-level", "warn", config=config())
    hang_up_unheard(broker, config(rest='[log]\nlevel = "debug"\n[limits]\nheartbeat = "20s"'))
    eventually(lambda: heartbeat(broker) == 20)
    with pytest.raises(Refused):
        Session(broker, token="no")
    assert "request refused" not in broker.errors() and DONE not in broker.errors()


# --- under traffic

@pytest.mark.deadline(120)
def test_twenty_reloads_lose_no_message_of_a_busy_channel(start_broker):
    broker = start_broker(config=config(), threads=2)
    over, sent, faults = threading.Event(), [], []

    def publish():
        with Session(broker) as session:
            while not over.is_set():
                numbers = list(range(len(sent), len(sent) + 20))
                session.say(*[{"op": "publish", "channel": "busy", "data": number, "id": number}
                              for number in numbers])
                for _ in numbers:
                    reply = session.hear()
                    if reply["op"] != "published":
                        faults.append(reply)
                sent.extend(numbers)

    def listen(session):
        expected = 0
        while True:
            data = session.push("message")["data"]
            if data == "end":
                return
            if data != expected:
                faults.append((expected, data))
            expected = data + 1

    sessions = [Session(broker, "busy", cbor=at % 2 == 1) for at in range(6)]
    for session in sessions:
        session.push("subscribed")
    listeners = [threading.Thread(target=listen, args=(session,)) for session in sessions]
    publisher = threading.Thread(target=publish)
    for thread in [*listeners, publisher]:
        thread.start()
    for number in range(20):
        hang_up(broker, config(ORDERS, rest=f'history = {{ messages = {50 + number} }}\n[limits]\n'
                                            f'heartbeat = "{20 + number % 2}s"'))
    over.set()
    publisher.join(30)
    done(broker, {"op": "publish", "channel": "busy", "data": "end"})
    for thread in listeners:
        thread.join(30)
        assert not thread.is_alive()
    assert faults == []
    assert len(sent) > 100
