"""Attacks on tokens and keys, over the wire: each is refused at every entrance, and harms nobody else."""

import base64
import json
import time

import pytest

from broker_process import Broker
from clients import request
from entrances import ENTRANCES, Refused, Session, done
from http_wire import get
from tokens import PARTIES, SECRET, KeyPair, Service, base64url, forge, key_set, may, token

ORDERS = Service("orders", publish=["orders.>"], subscribe=["orders.>"])
CONFIG = f"""
[server]
origins = []
[log]
level = "debug"
[auth.jwt]
secret = "{SECRET}"
issuer = "https://login.example"
audience = "crier"
{ORDERS.toml()}
[namespace.default]
publish = "anyone"
[namespace.closed]
subscribe = "granted"
"""
RSA = KeyPair("RS256")
STRANGER = KeyPair("ES256")
NOW = int(time.time())
SOUND = {"sub": "ann", "exp": NOW + 3600, **PARTIES}
HEAD = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start(config=CONFIG)
    yield process
    process.stop()


def without(name):
    return {key: value for key, value in SOUND.items() if key != name}


def bent(text, at):
    """One character changed."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def attacks():
    good = forge(HEAD, SOUND)
    head, payload, signature = good.split(".")
    deep = ("[" * 40 + "]" * 40).encode()
    yield "alg none", f"{base64url({'alg': 'none'})}.{payload}."
    yield "alg None with a signature", f"{base64url({'alg': 'None'})}.{payload}.{signature}"
    yield "no alg", forge({"typ": "JWT"}, SOUND)
    yield "alg is a list", forge({"alg": ["HS256"]}, SOUND)
    yield "an algorithm that is not listed", token(key=SECRET, algorithm="HS512", **SOUND)
    yield "HS256 with the public key as secret", forge(HEAD, SOUND, RSA.pem())
    yield "RS256 where only a secret is known", RSA.token(**SOUND)
    yield "ES256 by a stranger with its key in the header", token(
        key=STRANGER.private, algorithm="ES256", headers={"jwk": STRANGER.jwk()}, **SOUND)
    yield "a jku that leads elsewhere", forge({**HEAD, "jku": "http://127.0.0.1:9/keys"}, SOUND, "x" * 32)
    yield "another secret", forge(HEAD, SOUND, "x" * 64)
    yield "no signature", f"{head}.{payload}."
    yield "a signature of zeros", f"{head}.{payload}.{base64url(bytes(32))}"
    yield "a signature cut short", good[:-4]
    yield "a signature with more behind it", good + "AAAA"
    yield "a signature padded", good + "="
    yield "a bent signature", bent(good, len(good) - 5)
    yield "a bent payload", bent(good, len(head) + 12)
    yield "a bent header", bent(good, 6)
    yield "crit", forge({**HEAD, "crit": ["exp"]}, SOUND)
    yield "another typ", forge({**HEAD, "typ": "secret+jwt"}, SOUND)
    yield "not yet", forge(HEAD, {**SOUND, "nbf": NOW + 3600})
    yield "no exp", forge(HEAD, without("exp"))
    yield "exp is a text", forge(HEAD, {**SOUND, "exp": str(NOW + 3600)})
    yield "exp beyond all time", forge(HEAD, {**SOUND, "exp": 1e300})
    yield "exp below zero", forge(HEAD, {**SOUND, "exp": -1})
    yield "the wrong issuer", forge(HEAD, {**SOUND, "iss": "https://evil.example"})
    yield "no issuer", forge(HEAD, without("iss"))
    yield "the wrong audience", forge(HEAD, {**SOUND, "aud": ["shop", "crier2"]})
    yield "no audience", forge(HEAD, without("aud"))
    yield "a claim twice", forge(HEAD, json.dumps(SOUND)[:-1].encode() + b',"sub":"root"}')
    yield "alg twice", forge(b'{"alg":"none","alg":"HS256"}', SOUND)
    yield "deep JSON", forge(HEAD, json.dumps(SOUND)[:-1].encode() + b',"info":' + deep + b"}")
    yield "an array", forge(HEAD, b"[]")
    yield "no JSON", forge(HEAD, b"\xff\xfe")
    yield "a sub that is too long", forge(HEAD, {**SOUND, "sub": "x" * 257})
    yield "a sub that is a number", forge(HEAD, {**SOUND, "sub": 7})
    yield "a right that is none", forge(HEAD, {**SOUND, "can": {"everything": ["*"]}})
    yield "a channel that is none", forge(HEAD, {**SOUND, "channels": ["a b"]})
    yield "three empty parts", ".."
    yield "two parts", f"{head}.{payload}"
    yield "four parts", good + ".AAAA"
    yield "truncated", good[:30]
    yield "huge", forge(HEAD, {**SOUND, "info": "x" * 9000})
    yield "no key of ours", "crier_" + "A" * 43
    yield "a key cut short", ORDERS.key[:-1]


@pytest.mark.parametrize("attack,credential", list(attacks()), ids=[name for name, _ in attacks()])
def test_an_attack_is_refused_at_every_entrance_and_nobody_else_is_harmed(broker, attack, credential):
    with Session(broker, "bystander") as bystander:
        assert bystander.push("subscribed")["channel"] == "bystander"
        refused_before = broker.metric("crier_credentials_refused_total")
        tried = 0
        for name, entrance in ENTRANCES.items():
            with pytest.raises(Refused) as refused:
                entrance(broker, credential)
            tried += 1
            expected = "token_expired" if attack == "exp below zero" else "unauthorized"
            assert refused.value.code == expected, (name, refused.value.body)
            assert refused.value.status in (401, None), name
            assert credential not in str(refused.value.body)
        assert broker.metric("crier_credentials_refused_total") == refused_before + tried
        done(broker, {"op": "publish", "channel": "bystander", "data": attack})
        assert bystander.push("message")["data"] == attack


def test_a_bad_auth_leaves_a_session_what_it_was(broker):
    with Session(broker, token=may("ann", subscribe=["closed:c"], **PARTIES)) as session:
        session.subscribe("closed:c")
        for _, credential in list(attacks())[:4]:
            assert session.call("auth", token=credential)["op"] == "error"
        session.nothing_more()
        assert session.call("auth", token=token("bob", **PARTIES))["code"] == "forbidden"
        assert session.call("auth", token=ORDERS.key)["code"] == "forbidden"
        assert session.call("presence", channel="closed:c")["members"][0]["user"] == "ann"


def test_a_head_that_is_too_large_is_refused_before_the_credential(broker):
    answer = request(broker, get(broker, "/message?channel=a", "Accept: text/event-stream\r\n"
                                 f"Authorization: Bearer {'a.' * 10000}\r\n"))
    assert answer.status == 431


# --- public keys

@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_public_keys_verify_tokens_and_no_other_key_does(start_broker, tmp_path, algorithm, form):
    pair, stranger = KeyPair(algorithm, kid="one"), KeyPair(algorithm, kid="one")
    file = tmp_path / "keys"
    file.write_text(pair.pem() if form == "pem" else key_set(pair), encoding="ascii")
    setting = "public_key" if form == "pem" else "jwks"
    broker = start_broker(config=f'[server]\norigins = []\n[auth.jwt]\nalgorithms = ["{algorithm}"]\n'
                                 f'{setting} = "{file}"\n')
    for name, entrance in ENTRANCES.items():
        assert entrance(broker, pair.token("ann")) in ("ann", ...), name
        confused = forge(HEAD, SOUND, pair.pem())
        head, payload, signature = pair.token("ann").split(".")
        zero = f"{head}.{payload}.{base64url(bytes(len(base64.urlsafe_b64decode(signature + '==='))))}"
        none = f"{base64url({'alg': 'none', 'kid': 'one'})}.{payload}."
        for credential in (stranger.token("ann"), confused, zero, none):
            with pytest.raises(Refused) as refused:
                entrance(broker, credential)
            assert refused.value.code == "unauthorized", name


def test_kid_chooses_among_the_keys_of_a_set(start_broker, tmp_path):
    pairs = [KeyPair("ES256", kid="a"), KeyPair("ES256", kid="b"), KeyPair("EdDSA", kid="c"), KeyPair("RS256", kid="d")]
    file = tmp_path / "jwks.json"
    file.write_text(key_set(*pairs), encoding="ascii")
    broker = start_broker(config='[server]\norigins = []\n[auth.jwt]\n'
                                 f'algorithms = ["ES256", "EdDSA", "RS256"]\njwks = "{file}"\n')
    for pair in pairs:
        with Session(broker, token=pair.token(f"user of {pair.kid}")) as session:
            assert session.welcome["user"] == f"user of {pair.kid}"
    swapped = token("ann", key=pairs[0].private, algorithm="ES256", headers={"kid": "b"})
    crossed = token("ann", key=pairs[0].private, algorithm="ES256", headers={"kid": "c"})
    for credential in (swapped, crossed):
        with pytest.raises(Refused):
            Session(broker, token=credential)
    unnamed = token("ann", key=pairs[1].private, algorithm="ES256")
    unknown = token("ann", key=pairs[1].private, algorithm="ES256", headers={"kid": "nobody"})
    for credential in (unnamed, unknown):
        with Session(broker, token=credential) as session:
            assert session.welcome["user"] == "ann"


# --- what nobody may learn

def test_credentials_are_in_no_log_line_no_metric_and_no_answer(start_broker):
    broker = start_broker(config=CONFIG)
    good, bad = token("ann", **PARTIES, jti="needle-in-the-payload"), forge(HEAD, {**SOUND, "sub": "needle"}, "x" * 64)
    key = "crier_needle-of-a-key-that-nobody-knows"
    answers = []
    for credential in (good, bad, key, ORDERS.key):
        for entrance in ENTRANCES.values():
            try:
                entrance(broker, credential)
            except Refused as refused:
                answers.append(str(refused.body) + str(getattr(refused, "headers", "")))
        escaped = credential.replace(".", "%2e").replace("-", "%2D")
        for path in (f"/message?token={credential}", f"/nowhere?token={credential}", f"/message?token={escaped}"):
            answer = request(broker, get(broker, path))
            answers.append(answer.body.decode() + str(answer.headers))
        answer = request(broker, get(broker, f"/message?channel=a%20b&token={credential}",
                                     "Accept: text/event-stream\r\n"))
        answers.append(answer.body.decode())
        answer = request(broker, f"GET /message?token={credential} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n"
                         f"Authorization : Bearer {credential}\r\n\r\n")  # a head that is malformed
        answers.append(answer.body.decode())
    said = "".join(broker.lines) + broker.errors() + broker.admin("/metrics")[1] + "".join(answers)
    assert "request refused" in said  # the log is at debug level
    for credential in (good, bad, key, ORDERS.key, SECRET):
        for part in credential.split("."):
            assert part not in said or part == base64url(HEAD), part
    assert "needle" not in said
