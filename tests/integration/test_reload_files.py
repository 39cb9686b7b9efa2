"""Files that change: the broker looks at them itself, and takes up what they say as a whole or not at all."""

import os
import signal

import pytest

from broker_process import eventually, scaled
from certificates import Authority
from entrances import Refused, Session
from reloads import DONE, REFUSED, Awaited, config, config_file, refused, replace, whole, write
from tokens import KeyPair, key_set, token


def ended_by(channel, session):
    push = session.push("unsubscribed")
    assert push["channel"] == channel, push
    return push["code"]


# --- keys and configurations

def jwks_config(file):
    return f'[server]\norigins = []\n[auth.jwt]\nalgorithms = ["ES256"]\njwks = "{file}"\n'


def takes(broker, pair):
    try:
        with Session(broker, token=pair.token("ann")):
            return True
    except Refused:
        return False


def test_a_key_set_that_changes_is_read_without_a_signal(start_broker, tmp_path):
    old, new, newest = (KeyPair("ES256", kid=kid) for kid in ("old", "new", "newest"))
    file = tmp_path / "jwks.json"
    write(file, key_set(old))
    broker = start_broker(config=jwks_config(file))
    with Session(broker, token=old.token("ann")) as session:
        with Awaited(broker, DONE):
            write(file, key_set(old, new))
        assert takes(broker, old) and takes(broker, new)
        with Awaited(broker, DONE):
            replace(file, key_set(new))
        assert not takes(broker, old) and takes(broker, new)
        session.nothing_more()
        for broken in ("", "{", '{"keys":[]}', key_set(newest)[:-5]):
            with Awaited(broker, REFUSED) as log:
                replace(file, broken)
            assert any("auth.jwt.jwks" in line and str(file) in line for line in log.lines)
            assert takes(broker, new) and not takes(broker, newest)
        with Awaited(broker, REFUSED):
            os.remove(file)
        assert takes(broker, new)
        with Awaited(broker, DONE):
            write(file, key_set(newest))
        assert takes(broker, newest) and not takes(broker, new)


def test_a_configuration_is_found_however_it_is_put_there(start_broker):
    broker = start_broker(config=config())
    path = config_file(broker)

    def rules(word):
        return whole(config(rest=f'subscribe = "{word}"'))

    with Session(broker) as session:
        with Awaited(broker, DONE) as log:
            write(path, rules("nobody"))
        assert any("namespace.default.subscribe" in line for line in log.lines)
        assert session.call("subscribe", channel="a")["code"] == "forbidden"
        with Awaited(broker, DONE):
            replace(path, rules("anyone"))
        session.subscribe("a")
        with Awaited(broker, REFUSED):
            os.remove(path)
        session.nothing_more()
        with Awaited(broker, DONE):
            write(path, rules("granted"))
        assert ended_by("a", session) == "unauthorized"
        with Awaited(broker, DONE):
            os.utime(path)
        assert session.call("subscribe", channel="a")["code"] == "unauthorized"


def test_a_symbolic_link_that_is_turned_as_kubernetes_does_is_a_change(start_broker, tmp_path):
    for generation, word in (("1", "anyone"), ("2", "nobody"), ("3", "anyone")):
        (tmp_path / generation).mkdir()
        write(tmp_path / generation / "crier.toml", whole(config(rest=f'subscribe = "{word}"')))
    os.symlink("1", tmp_path / "data")
    os.symlink("data/crier.toml", tmp_path / "crier.toml")
    broker = start_broker("--config", str(tmp_path / "crier.toml"))
    with Session(broker) as session:
        session.subscribe("a")
        for generation in ("2", "3"):
            with Awaited(broker, DONE):
                os.symlink(generation, tmp_path / "fresh")
                os.replace(tmp_path / "fresh", tmp_path / "data")
            if generation == "2":
                assert ended_by("a", session) == "forbidden"
            else:
                session.subscribe("a")


def test_a_change_in_the_midst_of_a_reload_is_not_overlooked(start_broker):
    broker = start_broker(config=config())
    path = config_file(broker)
    for number in range(scaled(40, at_least=5)):
        broker.process.send_signal(signal.SIGHUP)
        replace(path, whole(config(rest=f"[limits]\nchannels_per_connection_max = {100 + number}")))
        last = 100 + number

    def limit():
        with Session(broker) as session:
            return session.welcome["limits"]["channels_per_connection_max"]

    eventually(lambda: limit() == last)


def test_a_file_that_a_new_configuration_wants_may_come_after_it(start_broker, tmp_path):
    pair, file = KeyPair("ES256"), tmp_path / "late.json"
    broker = start_broker(config=config())
    said = refused(broker, jwks_config(file))
    assert any("auth.jwt.jwks" in line and str(file) in line for line in said)
    with Session(broker, token=token("ann")):
        with Awaited(broker, DONE):
            write(file, key_set(pair))
    assert takes(broker, pair)


# --- certificates

@pytest.fixture
def secure_broker(start_broker, tmp_path):
    """A broker with TLS, and the authority that signed its certificate."""
    authority = Authority(tmp_path / "authority")
    authority.issue("server")
    broker = start_broker(config=config() + authority.config())
    broker.authority = str(authority.certificate)
    return broker, authority


def serial(broker):
    """Of the certificate that a new connection is shown."""
    with Session(broker) as session:
        return session.socket.getpeercert()["serialNumber"]


def test_a_certificate_that_changes_is_shown_to_new_connections_and_drops_no_old_one(secure_broker):
    broker, authority = secure_broker
    first = serial(broker)
    with Session(broker, "a") as session:
        session.push("subscribed")
        with Awaited(broker, DONE):
            authority.issue("server")
        assert serial(broker) != first
        session.publish("a", "still here")
        assert session.push("message")["data"] == "still here"


def test_a_certificate_without_its_key_keeps_the_old_one(secure_broker):
    broker, authority = secure_broker
    first = serial(broker)
    certificate, key = authority.folder / "server.pem", authority.folder / "server.key"
    kept = certificate.read_text(encoding="ascii")
    other = authority.issue("other")[0].read_text(encoding="ascii")
    for broken in (other, "", "no certificate"):
        with Awaited(broker, REFUSED) as log:
            replace(certificate, broken)
        assert any("tls." in line and str(authority.folder) in line for line in log.lines)
        assert serial(broker) == first
    with Awaited(broker, REFUSED):
        os.remove(key)
    assert serial(broker) == first
    with Awaited(broker, DONE):
        write(certificate, other)
        write(key, (authority.folder / "other.key").read_text(encoding="ascii"))
    assert serial(broker) != first and kept != other


def test_a_reload_without_certificates_leaves_old_connections_what_they_are(secure_broker):
    broker, authority = secure_broker
    with Session(broker, "a") as session:
        session.push("subscribed")
        with Awaited(broker, "reload"):
            replace(config_file(broker), config())
        session.nothing_more()
