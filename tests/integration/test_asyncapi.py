"""protocol/asyncapi.yaml is valid, knows what the README's tables know, and refuses what is wrong."""

import re

import pytest

from readme_schema import DOCUMENT, Schemas, shared_schemas
from readme_transcript import tables

NOT_YET = re.compile(r"\*not yet\*")


@pytest.fixture(scope="module")
def schemas():
    return shared_schemas()


def names_of(table):
    return [name for names, _ in tables()[table] for name in names]


def test_the_document_is_valid(schemas):
    assert schemas.described["diagnostics"] == []


@pytest.mark.parametrize("good, bad", [
    ("payload: {op: pong, id: 7}", "payload: {op: pong, id: [7]}"),
    ("{$ref: '#/components/messages/pong'}", "{$ref: '#/components/messages/bong'}")])
def test_a_document_with_a_fault_is_not(tmp_path, good, bad):
    broken = tmp_path / "broken.yaml"
    text = DOCUMENT.read_text(encoding="utf-8")
    assert good in text
    broken.write_text(text.replace(good, bad), encoding="utf-8")
    with Schemas(broken) as schemas:
        assert schemas.described["diagnostics"]


def test_it_has_the_commands_of_the_readme(schemas):
    assert set(schemas.described["operations"]["websocket"]["command"]) == set(names_of("op"))


def test_it_has_the_replies_and_pushes_of_the_readme(schemas):
    replies = {match[1] for _, cells in tables()["op"] if (match := re.match(r"`([a-z]+)`", cells[1]))}
    pushes = {name for names, cells in tables()["push"] if not NOT_YET.search(cells[0]) for name in names}
    assert set(schemas.described["operations"]["websocket"]["reply"]) == replies | (pushes - {"id"})


def test_it_has_the_error_codes_of_the_readme(schemas):
    assert schemas.described["codes"] == names_of("code")


def test_its_version_is_the_brokers(schemas, broker):
    _, health = broker.admin("/metrics")
    assert f'version="{schemas.described["version"]}"' in health


GOOD = {"op": "message", "channel": "chat:a.b", "data": None, "position": "k3v9x0ab:42", "time": 1763800000000}


@pytest.mark.parametrize("message", [
    {**GOOD, "op": "massage"}, {**GOOD, "channel": "a b"}, {**GOOD, "channel": "a..b"}, {**GOOD, "position": "42"},
    {**GOOD, "time": "now"}, {**GOOD, "extra": 1}, {key: value for key, value in GOOD.items() if key != "data"}])
def test_it_refuses_a_message_that_is_wrong(schemas, message):
    assert schemas.faults_of([("reply", "json", GOOD)]) == []
    assert len(schemas.faults_of([("reply", "json", message)])) == 1


def test_it_tells_transports_apart(schemas):
    subscribe = {"op": "subscribe", "channel": "a"}
    assert schemas.faults_of([("command", "json", subscribe), ("command", "cbor", subscribe)]) == []
    assert len(schemas.faults_of([("command", "http", subscribe)])) == 1
    assert len(schemas.faults_of([("reply", "json", subscribe)])) == 1
