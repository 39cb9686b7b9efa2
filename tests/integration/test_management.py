"""What services may do to others: list channels, disconnect and kick; and that nobody else may."""

import time

import pytest

from broker_process import Broker, eventually
from entrances import Session, done, post, stream
from tokens import SECRET, Service, may, token

ADMIN = Service("admin", manage=True, subscribe=["chat:>", "room.*", ">"])
NARROW = Service("narrow", manage=True, subscribe=["chat:open.*"])
PLAIN = Service("plain", subscribe=["chat:>"], publish=["chat:>"])
CONFIG = f"""
[server]
origins = []
[auth.jwt]
secret = "{SECRET}"
{ADMIN.toml()}
{NARROW.toml()}
{PLAIN.toml()}
[namespace.default]
publish = "anyone"
pattern_access = "subscribers"
[namespace.chat]
subscribe = "granted"
[namespace.secret]
subscribe = "nobody"
publish = "granted"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start(config=CONFIG)
    yield process
    process.stop()


class Sessions:
    """Sessions of one user, or of nobody, which end with the test."""

    def __init__(self, broker, count, user=None, channels=()):
        credential = may(user, subscribe=["chat:>"]) if user else None
        self.all = [Session(broker, *channels, token=credential) for _ in range(count)]
        for session in self.all:
            for _ in channels:
                session.push("subscribed")

    def __enter__(self):
        return self.all

    def __exit__(self, *_):
        for session in self.all:
            session.stream.close()
            session.socket.close()


def manage(broker, command, key=ADMIN.key):
    return done(broker, {"id": 1, **command}, key=key)


def listed(broker, key=ADMIN.key, **options):
    """Every channel, page by page, as {channel: subscribers}; and the number of pages."""
    found, pages, cursor = [], 0, {}
    while True:
        reply = manage(broker, {"op": "channels", **options, **cursor}, key)
        assert ("cursor" in reply) == reply["more"]
        found += [(entry["channel"], entry["subscribers"]) for entry in reply["channels"]]
        pages += 1
        if not reply["more"]:
            assert len(dict(found)) == len(found), "a channel twice"
            return dict(found), pages
        cursor = {"cursor": reply["cursor"]}


# --- channels

def test_channels_lists_name_and_subscribers_over_all_threads(broker):
    with Sessions(broker, 4, "ann", ["list.a", "chat:open.list"]), Sessions(broker, 2, None, ["list.a"]), \
            stream(broker, "list.b", "list.a") as events:
        events.subscribed(2)
        found, pages = listed(broker)
        assert pages == 1
        assert (found["list.a"], found["list.b"], found["chat:open.list"]) == (7, 1, 4)
        done(broker, {"op": "publish", "channel": "list.kept", "data": 1})
        assert listed(broker)[0]["list.kept"] == 0  # only its history
        with Session(broker, key=ADMIN.key) as session:
            reply = session.call("channels")
            assert list(reply) == ["op", "id", "channels", "more"]
            assert {entry["channel"] for entry in reply["channels"]} >= {"list.a", "list.b"}
        with Session(broker, key=ADMIN.key, cbor=True) as session:
            assert session.call("channels", pattern="list.b")["channels"] == [{"channel": "list.b", "subscribers": 1}]


def test_channels_pages_by_limit_and_cursor_and_matches_a_pattern(broker):
    names = [f"paged.{number}.{'odd' if number % 2 else 'even'}" for number in range(60)]
    with Session(broker, *names) as session:
        for _ in names:
            session.push("subscribed")
        for limit in (1, 7, 59, 60, 61):
            found, pages = listed(broker, pattern="paged.>", limit=limit)
            assert sorted(found) == sorted(names) and set(found.values()) == {1}
            assert -(-60 // limit) <= pages <= -(-60 // limit) + 2
        assert len(listed(broker, pattern="paged.*.odd")[0]) == 30
        assert listed(broker, pattern="paged.*")[0] == {}
        assert listed(broker, pattern="paged.3.odd")[0] == {"paged.3.odd": 1}


def test_channels_are_found_however_they_come_and_go_between_two_pages(broker):
    kept = [f"moving.kept{number}" for number in range(50)]
    with Session(broker, *kept) as session:
        reply = manage(broker, {"op": "channels", "pattern": "moving.>", "limit": 10})
        found = [entry["channel"] for entry in reply["channels"]]
        round_trip = 0
        while reply["more"]:
            with Session(broker, *[f"moving.new{round_trip}.{number}" for number in range(20)]) as other:
                for _ in range(20):
                    other.push("subscribed")
                reply = manage(broker, {"op": "channels", "pattern": "moving.>", "limit": 10,
                                        "cursor": reply["cursor"]})
            found += [entry["channel"] for entry in reply["channels"]]
            round_trip += 1
            assert round_trip < 50
        assert len(found) == len(set(found))
        assert set(kept) <= set(found)
        assert session.call("ping")["op"] == "pong"


def test_channels_shows_a_key_only_what_it_may_subscribe_to(broker):
    with Sessions(broker, 1, "ann", ["chat:open.seen", "chat:closed.x", "chat:open.deep.y", "plain.seen"]):
        done(broker, {"op": "publish", "channel": "secret:a", "data": 1}, key=may("ann", publish=["secret:a"]))
        narrow, admin = listed(broker, NARROW.key)[0], listed(broker)[0]
        assert {"chat:open.seen", "plain.seen"} <= set(narrow)  # anyone may subscribe to `default`'s
        assert not {"chat:closed.x", "chat:open.deep.y", "secret:a"} & set(narrow)
        assert {"chat:open.seen", "chat:closed.x", "chat:open.deep.y", "plain.seen"} <= set(admin)
        assert "secret:a" not in admin  # nobody may subscribe, so nobody sees it
        assert listed(broker, NARROW.key, pattern="chat:>")[0] == {"chat:open.seen": 1}


def test_channels_limits_and_cursors_that_are_none_are_bad_requests(broker):
    for bad in ({"limit": 0}, {"limit": -1}, {"limit": "7"}, {"cursor": "x"}, {"cursor": "9:9:9:9"}, {"cursor": ""},
                {"pattern": "a b"}, {"pattern": "a.>.b"}, {"cursor": 7}):
        answer, reply = post(broker, {"op": "channels", **bad}, key=ADMIN.key)
        assert (answer.status, reply["code"]) == (400, "bad_request"), bad


def test_a_long_list_comes_in_pages_of_256_kib(broker):
    names = [f"long.{'x' * 200}.{number}" for number in range(3000)]
    done(broker, [{"op": "publish", "channels": names[at:at + 1000], "data": 1} for at in range(0, 3000, 1000)])
    found, pages = listed(broker, pattern="long.>")
    assert sorted(found) == sorted(names) and pages >= 3
    reply = post(broker, {"op": "channels", "pattern": "long.>"}, key=ADMIN.key)[0]
    assert len(reply.body) < 270 * 1024


# --- disconnect

@pytest.mark.parametrize("threads", [1, 2, 3])
def test_disconnect_by_user_ends_every_connection_of_it_with_4003(start_broker, threads):
    broker = start_broker(config=CONFIG, threads=threads)
    with Sessions(broker, 5, "ann", ["a"]) as ann, Sessions(broker, 3, "bob", ["a"]) as bob, \
            Sessions(broker, 2, None, ["a"]) as nobody, stream(broker, "a", token=token("ann")) as events:
        events.subscribed()
        reply = manage(broker, {"op": "disconnect", "user": "ann"})
        assert reply == {"op": "disconnected", "id": 1, "count": 6}
        assert [session.close_code() for session in ann] == [4003] * 5
        error = events.event("error").data
        assert error["code"] == "forbidden"
        with pytest.raises(EOFError):
            while True:
                events.block()
        for session in bob + nobody:
            session.nothing_more()
        assert manage(broker, {"op": "disconnect", "user": "ann"})["count"] == 0
        assert manage(broker, {"op": "disconnect", "user": "an"})["count"] == 0
        eventually(lambda: listed(broker)[0]["a"] == 5)
        with Session(broker, token=token("ann")) as again:  # it is no ban
            again.nothing_more()


def test_disconnect_by_session_ends_that_one_alone(broker):
    with Sessions(broker, 4, "cleo", ["d"]) as sessions, Sessions(broker, 1, None) as nobody:
        assert manage(broker, {"op": "disconnect", "session": sessions[2].id})["count"] == 1
        assert sessions[2].close_code() == 4003
        assert manage(broker, {"op": "disconnect", "session": sessions[2].id})["count"] == 0
        assert manage(broker, {"op": "disconnect", "session": nobody[0].id})["count"] == 1
        assert nobody[0].close_code() == 4003
        for at in (0, 1, 3):
            sessions[at].nothing_more()
        assert manage(broker, {"op": "disconnect", "session": "0" * 32})["count"] == 0


def test_a_message_published_before_the_disconnect_is_read_before_the_close(broker):
    with Sessions(broker, 1, "last", ["words"]) as sessions:
        replies = done(broker, [{"op": "publish", "channel": "words", "data": "goodbye"},
                                {"op": "disconnect", "user": "last"}], key=ADMIN.key)
        assert [reply["op"] for reply in replies] == ["published", "disconnected"]
        assert sessions[0].close_code() == 4003
        heard = [push["data"] for push in sessions[0].pushes if push["op"] == "message"]
        assert heard in (["goodbye"], [])  # of two channels of effects there is no order


def test_a_service_over_websocket_may_end_itself(broker):
    with Session(broker, key=ADMIN.key) as session:
        session.say({"op": "disconnect", "session": session.id, "id": 1})
        assert session.close_code() == 4003


def test_nobody_can_be_meant_by_an_empty_name(broker):
    with Sessions(broker, 2) as nobody:
        for command in ({"op": "disconnect", "user": ""}, {"op": "kick", "user": "", "channel": "a"},
                        {"op": "disconnect", "session": ""}, {"op": "disconnect"}, {"op": "kick", "user": "ann"},
                        {"op": "disconnect", "user": "a", "session": "0" * 32}, {"op": "disconnect", "user": 7},
                        {"op": "disconnect", "session": "xyz"}, {"op": "kick", "channel": "a"},
                        {"op": "kick", "user": "a", "channel": "a b"}):
            answer, reply = post(broker, command, key=ADMIN.key)
            assert answer.status == 400 and reply["code"] == "bad_request", (command, reply)
        for session in nobody:
            session.nothing_more()


# --- kick

def test_kick_by_user_ends_the_subscription_on_every_connection(broker):
    with Sessions(broker, 4, "kim", ["k.a", "k.b"]) as kim, Sessions(broker, 1, "bob", ["k.a"]) as bob:
        assert manage(broker, {"op": "kick", "user": "kim", "channel": "k.a"}) == {"op": "kicked", "id": 1, "count": 4}
        for session in kim:
            push = session.push("unsubscribed")
            assert (push["channel"], push["code"]) == ("k.a", "forbidden") and push["reason"]
        done(broker, [{"op": "publish", "channel": "k.a", "data": "a"}, {"op": "publish", "channel": "k.b",
                                                                        "data": "b"}])
        for session in kim:
            assert session.push("message")["data"] == "b"
            session.nothing_more()
        assert bob[0].push("message")["data"] == "a"
        assert manage(broker, {"op": "kick", "user": "kim", "channel": "k.a"})["count"] == 0
        assert kim[0].call("unsubscribe", channel="k.a")["code"] == "not_subscribed"
        kim[0].subscribe("k.a")  # it is no ban
        assert done(broker, {"op": "presence", "channel": "k.a"})["count"] == 2


def test_kick_by_session_and_from_a_pattern(broker):
    with Sessions(broker, 2, "pat", ["p.*", "p.x"]) as pat, stream(broker, "p.x") as events:
        sse = events.event("welcome").data["session"]
        events.event("subscribed")
        assert manage(broker, {"op": "kick", "session": pat[0].id, "channel": "p.*"})["count"] == 1
        assert pat[0].push("unsubscribed")["channel"] == "p.*"
        assert manage(broker, {"op": "kick", "session": sse, "channel": "p.x"})["count"] == 1
        assert events.event("unsubscribed").data["code"] == "forbidden"
        done(broker, {"op": "publish", "channel": "p.x", "data": 1})
        assert pat[0].push("message").get("pattern") is None
        pat[0].nothing_more()
        assert sorted(pat[1].push("message").get("pattern", "") for _ in range(2)) == ["", "p.*"]
        assert manage(broker, {"op": "kick", "user": "pat", "channel": "p.>"})["count"] == 0  # names it, matches not


def test_kick_races_with_subscribing_and_leaves_no_member_behind(broker):
    with Session(broker, token=token("race")) as session, Session(broker, key=ADMIN.key) as admin:
        for number in range(100):
            channel = f"race.{number}"
            session.say({"op": "subscribe", "channel": channel, "id": number})
            admin.say({"op": "kick", "user": "race", "channel": channel, "id": f"k{number}"})
            reply = session.hear()
            kicked = admin.hear()
            assert kicked["op"] == "kicked" and kicked["id"] == f"k{number}"
            if reply["op"] == "error":
                assert (reply["code"], reply["id"], kicked["count"]) == ("forbidden", number, 1)
            elif kicked["count"] == 1:
                assert session.hear()["op"] == "unsubscribed"
            else:
                assert session.call("unsubscribe", channel=channel)["op"] == "unsubscribed"
        session.nothing_more()
        eventually(lambda: not any(listed(broker, pattern="race.*")[0].values()))
        counts = [done(broker, {"op": "presence", "channel": f"race.{number}"})["count"] for number in range(100)]
        assert counts == [0] * 100


def test_kick_in_the_midst_of_a_replay_ends_it(broker):
    done(broker, [{"op": "publish", "channel": "replay.k", "data": "x" * 5000, "id": n} for n in range(100)])
    with Session(broker, token=token("deep")) as session:
        session.say({"op": "subscribe", "channel": "replay.k", "last": 100, "id": 1})
        assert manage(broker, {"op": "kick", "user": "deep", "channel": "replay.k"})["count"] in (0, 1)
        heard = [session.hear()]
        while heard[-1]["op"] == "message" or heard[-1]["op"] == "subscribed":
            heard.append(session.hear())
            if len(heard) == 101:
                manage(broker, {"op": "kick", "user": "deep", "channel": "replay.k"})
        assert heard[-1]["op"] in ("unsubscribed", "error")
        session.nothing_more()


# --- who may not

@pytest.mark.parametrize("command", [
    {"op": "channels"}, {"op": "disconnect", "user": "ann"}, {"op": "disconnect", "session": "0" * 32},
    {"op": "kick", "user": "ann", "channel": "a"}], ids=lambda command: " ".join(command.values()))
def test_only_services_with_manage_may(broker, command):
    with Sessions(broker, 1, "ann", ["a"]) as ann:
        for key, code, status in ((None, "unauthorized", 401), (PLAIN.key, "forbidden", 403),
                                  (may("root", subscribe=[">", "chat:>"], publish=[">"]), "forbidden", 403)):
            answer, reply = post(broker, command, key=key)
            assert (answer.status, reply["code"]) == (status, code)
            assert "manage = true" in reply["message"]
            with Session(broker, key=key) as session:
                assert session.call(**command)["code"] == code
        ann[0].nothing_more()


def test_in_protected_mode_posts_may_manage_and_websockets_may_not(start_broker):
    broker = start_broker()
    with Session(broker, "a") as session:
        session.push("subscribed")
        assert done(broker, {"op": "channels"})["channels"] == [{"channel": "a", "subscribers": 1}]
        for command in ({"op": "channels"}, {"op": "disconnect", "session": session.id},
                        {"op": "kick", "session": session.id, "channel": "a"}):
            assert session.call(**command)["code"] == "unauthorized"
        assert done(broker, {"op": "kick", "session": session.id, "channel": "a"})["count"] == 1
        session.push("unsubscribed")
        assert done(broker, {"op": "disconnect", "session": session.id})["count"] == 1
        assert session.close_code() == 4003


def test_many_directives_at_once_are_each_answered_once(broker):
    with Sessions(broker, 6, "many", ["m"]) as many:
        batch = [{"op": "kick", "user": "many", "channel": "m", "id": 0}]
        batch += [{"op": "disconnect", "user": f"stranger {number}", "id": number} for number in range(1, 900)]
        batch += [{"op": "disconnect", "user": "many", "id": 900}]
        replies = done(broker, batch, key=ADMIN.key)
        assert [reply["id"] for reply in replies] == list(range(901))
        assert [reply["count"] for reply in replies] == [6] + [0] * 899 + [6]
        for session in many:
            assert session.close_code() == 4003
            assert [push["op"] for push in session.pushes] == ["unsubscribed"]


def test_directives_stay_cheap_for_those_they_do_not_mean(broker):
    with Session(broker, key=ADMIN.key) as admin, Session(broker) as other:
        began = time.monotonic()
        admin.say(*[{"op": "disconnect", "user": f"u{number}", "id": number} for number in range(1000)])
        assert other.call("ping")["op"] == "pong"
        assert time.monotonic() - began < 5
        for _ in range(1000):
            assert admin.hear()["count"] == 0
