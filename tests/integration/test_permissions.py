"""Who may do what: every word of a namespace's rules, for everybody, and what the refusal says."""

import itertools

import pytest

from broker_process import Broker
from entrances import Refused, Session, done, post, stream
from tokens import SECRET, Service, may, token

WHO = ("anyone", "authenticated", "granted", "nobody")
ACCESS = ("subscribers", "granted", "nobody")
GRANTED = Service("granted", subscribe=[f"{word}:yes" for word in WHO], publish=[f"{word}:yes" for word in WHO])
BARE = Service("bare")


def namespace(name, **settings):
    return f"[namespace.{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in settings.items())


def access_namespaces(key):
    """One for each word, named subscribe-word_access-word, `-` being none of TOML's business."""
    return "".join(namespace(f"{key}_{who}_{access}", subscribe=who, **{key: access})
                   for who, access in itertools.product(("anyone", "granted"), ACCESS))


CONFIG = f"""
[server]
origins = []
[auth.jwt]
secret = "{SECRET}"
{GRANTED.toml()}
{BARE.toml()}
{Service("reader", subscribe=["granted:>"], history=["history_access_granted_granted:>"]).toml()}
[namespace.default]
publish = "anyone"
""" + "".join(namespace(word, subscribe=word, publish=word) for word in WHO) + \
    "".join(access_namespaces(key) for key in ("history_access", "presence_access", "pattern_access"))
READER = Service("reader")

# Who, and what it has to show.
CLIENTS = {
    "anonymous": None,
    "a user without grants": token("ann"),
    "a user with grants": may("ann", subscribe=[f"{word}:yes" for word in WHO], publish=[f"{word}:y*" for word in ()]
                              + [f"{word}:yes" for word in WHO]),
    "a user with other grants": may("ann", subscribe=["granted:no", "granted:yes.>", "yes", "other:>"],
                                    publish=["granted:no", "granted:yes.>", "yes", "other:>"]),
    "a token without sub": token(),
    "a service without grants": BARE.key,
    "a service with grants": GRANTED.key,
}
MAY = {
    "anyone": set(CLIENTS),
    "authenticated": set(CLIENTS) - {"anonymous"},
    "granted": {"a user with grants", "a service with grants"},
    "nobody": set(),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start(config=CONFIG)
    yield process
    process.stop()


def assert_refused(reply, rule, word, client):
    """The error names the rule and its word; a credential that could help makes it `unauthorized`."""
    assert reply["op"] == "error", reply
    could_help = client == "anonymous" and word != "nobody"
    assert reply["code"] == ("unauthorized" if could_help else "forbidden"), reply
    assert f'{rule} = "{word}"' in reply["message"], reply


# --- subscribe and publish

@pytest.mark.parametrize("word", WHO)
@pytest.mark.parametrize("client", CLIENTS)
def test_subscribe_and_publish_follow_their_words(broker, word, client):
    channel, key = f"{word}:yes", CLIENTS[client]
    with Session(broker, key=key) as session:
        subscribed = session.call("subscribe", channel=channel)
        published = session.call("publish", channel=channel, data=1)
    answer, posted = post(broker, {"op": "publish", "channel": channel, "data": 1}, key=key)
    if client in MAY[word]:
        assert (subscribed["op"], published["op"], answer.status) == ("subscribed", "published", 200)
        with stream(broker, channel, key=key) as events:
            events.event("welcome")
            events.event("subscribed")
        return
    assert_refused(subscribed, "subscribe", word, client)
    assert_refused(published, "publish", word, client)
    assert_refused(posted, "publish", word, client)
    assert answer.status == (401 if posted["code"] == "unauthorized" else 403) == posted["status"]
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    with Session(broker, channel, key=key) as session:
        assert_refused(session.push(), "subscribe", word, client)
    with pytest.raises(Refused) as refused:
        stream(broker, channel, key=key)
    assert refused.value.status == answer.status
    assert f'subscribe = "{word}"' in refused.value.message


def test_a_publish_without_id_that_is_refused_is_told_and_delivered_to_nobody(broker):
    with Session(broker, key=GRANTED.key) as listener, Session(broker) as session:
        listener.subscribe("granted:yes")
        session.say({"op": "publish", "channel": "granted:yes", "data": "never"})
        assert_refused(session.push(), "publish", "granted", "anonymous")
        listener.publish("granted:yes", "after")
        assert listener.push("message")["data"] == "after"


def test_a_stream_with_one_channel_that_may_be_goes_on_and_tells_of_the_others(broker):
    with stream(broker, "nobody:a", "anyone:a", "granted:a") as events:
        events.event("welcome")
        heard = [events.event().data for _ in range(3)]
    assert {push["channel"]: push.get("code", push["op"]) for push in heard} == {
        "nobody:a": "forbidden", "anyone:a": "subscribed", "granted:a": "unauthorized"}


def test_a_grant_is_for_its_namespace_and_its_depth_alone(broker):
    with Session(broker, token=may("ann", subscribe=["granted:a.*.c", "granted:b.>", "*"])) as session:
        for channel, allowed in {"granted:a.b.c": True, "granted:a.b": False, "granted:a.b.c.d": False,
                                 "granted:b": False, "granted:b.c.d": True, "granted:a.b.d": False,
                                 "granted:x": False, "granted:b.>": True}.items():
            assert (session.call("subscribe", channel=channel)["op"] == "subscribed") == allowed, channel


# --- broadcasts

def test_a_broadcast_says_of_each_channel_whether_it_was_refused(broker):
    channels = ["anyone:b", "granted:yes", "granted:no", "nobody:b", "authenticated:b", "plain"]
    command = {"op": "publish", "channels": channels, "data": 1, "id": 1}
    expected = {
        None: [None, "unauthorized", "unauthorized", "forbidden", "unauthorized", None],
        CLIENTS["a user with grants"]: [None, None, "forbidden", "forbidden", None, None],
        GRANTED.key: [None, None, "forbidden", "forbidden", None, None],
    }
    for key, codes in expected.items():
        answer, reply = post(broker, command, key=key)
        assert answer.status == 207
        assert [result["channel"] for result in reply["results"]] == channels
        assert [result.get("code") for result in reply["results"]] == codes
        assert all(("position" in result) == ("code" not in result) for result in reply["results"])
        assert 'publish = "nobody"' in reply["results"][3]["message"]
    with Session(broker) as session:
        session.subscribe("anyone:b")
        session.say({**command, "id": "with"})
        heard = [session.hear(), session.hear()]
        assert {push["op"] for push in heard} == {"message", "published"}
        session.say({key: value for key, value in command.items() if key != "id"})
        heard = sorted((session.hear(), session.hear()), key=lambda push: push["op"])
        assert heard[0]["op"] == "error" and heard[0]["channel"] == "granted:yes"
        assert "3 more channels" in heard[0]["message"]
        session.nothing_more()


# --- history

def who_reads(rule, subscribe, access):
    """By containment of what each was granted."""
    channel = f"{rule}_{subscribe}_{access}:yes"
    right = rule.partition("_")[0]
    clients = {
        "anonymous": (None, subscribe == "anyone"),
        "nobody in particular": (token("ann"), subscribe == "anyone"),
        "a subscriber": (may("ann", subscribe=[channel]), True),
        "a reader": (may("ann", **{right: [channel]}), None),
        "a reader of all": (may("ann", **{right: [channel.partition(":")[0] + ":>"]}), None),
        "a reader of others": (may("ann", **{right: [channel + ".>", "yes"]}), subscribe == "anyone"),
    }
    for client, (key, by_subscription) in clients.items():
        allowed = {"subscribers": by_subscription is None or by_subscription, "granted": by_subscription is None,
                   "nobody": False}[access]
        yield client, key, channel, allowed


def expected_rule(rule, subscribe, access):
    return ("subscribe", subscribe) if access == "subscribers" else (rule, access)


COMBINATIONS = list(itertools.product(("anyone", "granted"), ACCESS))


@pytest.mark.parametrize("subscribe,access", COMBINATIONS)
def test_history_and_since_and_last_follow_history_access(broker, subscribe, access):
    rule = "history_access"
    for client, key, channel, allowed in who_reads(rule, subscribe, access):
        with Session(broker, key=key) as session:
            reply = session.call("history", channel=channel)
            again = {"since": "abc:1"}, {"last": 1}
            subscribed = [session.call("subscribe", channel=channel, **more) for more in again]
        answer, posted = post(broker, {"op": "history", "channel": channel}, key=key)
        if allowed:
            assert (reply["op"], answer.status) == ("history", 200), (client, reply)
        else:
            assert_refused(reply, *expected_rule(rule, subscribe, access), client)
            assert_refused(posted, *expected_rule(rule, subscribe, access), client)
        may_subscribe = subscribe == "anyone" or client == "a subscriber"
        if may_subscribe and allowed:
            assert subscribed[0]["op"] == "subscribed", (client, subscribed)
            assert subscribed[1]["code"] == "already_subscribed"
        elif may_subscribe:
            for refused in subscribed:
                assert_refused(refused, *expected_rule(rule, subscribe, access), client)
        else:
            for refused in subscribed:
                assert_refused(refused, "subscribe", subscribe, client)


@pytest.mark.parametrize("subscribe,access", COMBINATIONS)
def test_presence_and_watching_follow_presence_access(broker, subscribe, access):
    rule = "presence_access"
    for client, key, channel, allowed in who_reads(rule, subscribe, access):
        with Session(broker, key=key) as session:
            reply = session.call("presence", channel=channel)
            watched = session.call("subscribe", channel=channel, presence=True)
        if allowed:
            assert reply["op"] == "presence", (client, reply)
        else:
            assert_refused(reply, *expected_rule(rule, subscribe, access), client)
        if subscribe == "granted" and client != "a subscriber":
            assert_refused(watched, "subscribe", subscribe, client)
        elif allowed:
            assert "members" in watched, (client, watched)
        else:
            assert_refused(watched, *expected_rule(rule, subscribe, access), client)


def test_a_service_reads_what_it_was_granted_without_subscribing(broker):
    channel = "history_access_granted_granted:a"
    assert done(broker, {"op": "history", "channel": channel}, key=READER.key)["messages"] == []
    with Session(broker, key=READER.key) as session:
        assert_refused(session.call("subscribe", channel=channel), "subscribe", "granted", "")
        session.subscribe("granted:x", last=1)


def test_a_stream_does_not_resume_what_its_client_may_not_look_back_into(broker):
    channel = "history_access_anyone_nobody:resume"
    with stream(broker, channel, "plain.resume") as events:
        subscribed = events.subscribed(2)
        assert "recovered" not in subscribed[channel]
        done(broker, [{"op": "publish", "channel": "plain.resume", "data": 1},
                      {"op": "publish", "channel": channel, "data": "secret", "id": 2}],
             key=may("ann", publish=[channel]))
        events.messages(2)
        last = events.last_event_id
    done(broker, {"op": "publish", "channel": channel, "data": "missed"}, key=may("ann", publish=[channel]))
    done(broker, {"op": "publish", "channel": "plain.resume", "data": 2})
    with stream(broker, channel, "plain.resume", headers=f"Last-Event-ID: {last}\r\n") as events:
        subscribed = events.subscribed(2)
        assert "recovered" not in subscribed[channel] and subscribed["plain.resume"]["recovered"]
        assert events.messages(1) == [("plain.resume", 2)]


# --- patterns

@pytest.mark.parametrize("subscribe,access", COMBINATIONS)
def test_patterns_follow_pattern_access_and_containment(broker, subscribe, access):
    space = f"pattern_access_{subscribe}_{access}"
    grants = [f"{space}:a.*", f"{space}:b.>"]
    contained = {"a.*": True, "b.>": True, "b.*": True, "b.*.c.>": True, "a.>": False, "*": False, ">": False,
                 "*.x": False, "a.*.*": False, "b.x.*": True}
    for pattern, inside in contained.items():
        for client, key in {"anonymous": None, "without": token("ann"), "with": may("ann", subscribe=grants)}.items():
            granted = client == "with" and inside
            with Session(broker, key=key) as session:
                reply = session.call("subscribe", channel=f"{space}:{pattern}")
            may_subscribe = subscribe == "anyone" or granted
            if may_subscribe and (access == "subscribers" or (access == "granted" and granted)):
                assert reply["op"] == "subscribed", (client, pattern, reply)
            elif may_subscribe:
                assert_refused(reply, "pattern_access", access, client)
            else:
                assert_refused(reply, "subscribe", subscribe, client)


def test_a_pattern_of_the_default_namespace_reaches_no_other(broker):
    with Session(broker, token=may("ann", subscribe=[">"], publish=[">"])) as session:
        session.subscribe(">")
        assert_refused(session.call("subscribe", channel="granted:a"), "subscribe", "granted", "")
        assert_refused(session.call("subscribe", channel="pattern_access_anyone_granted:>"), "pattern_access",
                       "granted", "")


def test_the_defaults_are_closed_once_somebody_can_prove_who_it_is(start_broker):
    broker = start_broker(config=f'[server]\norigins = []\n[auth.jwt]\nsecret = "{SECRET}"\n')
    with Session(broker) as session:
        session.subscribe("a")
        assert_refused(session.call("publish", channel="a", data=1), "publish", "granted", "anonymous")
        assert_refused(session.call("subscribe", channel="a.*"), "pattern_access", "granted", "anonymous")
    with Session(broker, token=token("ann")) as session:
        reply = session.call("publish", channel="a", data=1)
        assert_refused(reply, "publish", "granted", "ann")
        assert "can.publish" in reply["message"]
