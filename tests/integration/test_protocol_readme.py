"""The wire contract's examples (protocol/*.md), played against a broker each; and that nothing lacks one."""

import re

import pytest

import readme_peers
from broker_process import SLOWNESS
from readme_credentials import Credentials
from readme_player import Player
from readme_schema import shared_schemas
from readme_transcript import examples, is_json, read_block, read_json, tables, text_of_pages

EXAMPLES = examples()
# A row that says so has no example.
EXEMPT = re.compile(r"\*not yet\*|\*No example", re.IGNORECASE)


@pytest.fixture(scope="module")
def schemas():
    return shared_schemas()


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_the_broker_does_what_the_readme_shows(example, start_broker, schemas):
    credentials = Credentials(example)
    traffic = await Player(start_broker(config=credentials.config()), example, credentials).play()
    refused = any(direction == "reply" and message.get("code") == "bad_request" for direction, _, message in traffic)
    faults = schemas.faults_of(traffic)
    if refused:  # commands that the broker calls wrong may be wrong for the schemas
        faults = [fault for fault in faults if fault["direction"] != "command"]
    assert not faults, f"asyncapi.yaml does not know this traffic: {faults[:3]}"


WRONG = {
    "a line is missing": """
→ [{"op":"ping","id":1},{"op":"ping","id":2}]
← {"op":"pong","id":1}""",
    "a line is missing at another connection": """
A → {"op":"subscribe","id":1,"channel":"wrong.a"}
A ← {"op":"subscribed","id":1,"channel":"wrong.a","position":"e:1","replayed":0}
B → {"op":"publish","id":1,"channel":"wrong.a","data":1}
B ← {"op":"published","id":1,"channel":"wrong.a","position":"e:2"}""",
    "a line comes from nowhere": """
→ {"op":"ping","id":1}
← {"op":"pong","id":1}
← {"op":"pong","id":2}""",
    "another value": """
→ {"op":"ping","id":1}
← {"op":"pong","id":2}""",
    "a member too few": """
→ {"op":"publish","id":1,"channel":"wrong.b","data":1}
← {"op":"published","id":1,"channel":"wrong.b"}""",
    "members in another order": """
→ {"op":"publish","id":1,"channel":"wrong.b","data":1}
← {"op":"published","channel":"wrong.b","id":1,"position":"e:1"}""",
    "positions that do not grow": """
→ [{"op":"publish","id":1,"channel":"wrong.b","data":1},{"op":"publish","id":2,"channel":"wrong.b","data":1}]
← {"op":"published","id":1,"channel":"wrong.b","position":"e:2"}
← {"op":"published","id":2,"channel":"wrong.b","position":"e:1"}""",
    "two positions that are the same": """
→ [{"op":"publish","id":1,"channel":"wrong.b","data":1},{"op":"publish","id":2,"channel":"wrong.b","data":1}]
← {"op":"published","id":1,"channel":"wrong.b","position":"e:1"}
← {"op":"published","id":2,"channel":"wrong.b","position":"e:1"}""",
    "epochs that differ": """
→ [{"op":"publish","id":1,"channel":"wrong.b","data":1},{"op":"publish","id":2,"channel":"wrong.b","data":1}]
← {"op":"published","id":1,"channel":"wrong.b","position":"e:1"}
← {"op":"published","id":2,"channel":"wrong.b","position":"f:2"}""",
    "messages of a channel the wrong way round": """
ws://localhost:8008/message?channel=wrong.c
← {"op":"subscribed","channel":"wrong.c","position":"e:1","replayed":0}
→ [{"op":"publish","channel":"wrong.c","data":1},{"op":"publish","channel":"wrong.c","data":2}]
← {"op":"message","channel":"wrong.c","data":2,"position":"e:3","time":0}
← {"op":"message","channel":"wrong.c","data":1,"position":"e:2","time":0}""",
    "an end that does not come": """
→ {"op":"ping","id":1}
← close 4000 …""",
    "another end": """
→ h'00'
← close 1002 …""",
    "another status": """
POST → [{"op":"ping"}]
POST ← 207 [{"op":"pong"}]""",
    "an answer too many": """
POST → [{"op":"ping"}]""",
    "an event without its id": """
S $ curl -N 'localhost:8008/message?channel=wrong.d' -H 'Accept: text/event-stream'
S ← event: subscribed
  data: {"op":"subscribed","channel":"wrong.d","position":"e:1","replayed":0}""",
    "another event": """
S $ curl -N 'localhost:8008/message?channel=wrong.d' -H 'Accept: text/event-stream'
S ← id: A…
  event: subscribed
  data: {"op":"subscribed","channel":"wrong.d","position":"e:1","replayed":1}""",
}


@pytest.mark.parametrize("lines", WRONG.values(), ids=WRONG)
async def test_a_wrong_example_is_found(lines, broker, monkeypatch):
    monkeypatch.setattr(readme_peers, "PATIENCE", SLOWNESS)
    with pytest.raises(AssertionError):
        await Player(broker, read_block("wrong", lines.split("\n"))).play()


def shown(verb):
    """Commands, or replies and pushes, of every line with this arrow, also those in arrays."""
    for example in EXAMPLES:
        for step in example.steps:
            text = step.text
            if step.verb != verb:
                continue
            if step.name == "POST" and verb == "←":
                text = text.partition(" ")[2]
            for line in text.split("\n"):
                line = line.removeprefix("data: ")
                if is_json(line) and line.endswith(("}", "]")):
                    value = read_json(line)
                    yield from (message for message in (value if isinstance(value, list) else [value])
                                if "op" in message)


def rows_to_show(table):
    return {name for names, cells in tables()[table] if not EXEMPT.search(" ".join(cells)) for name in names}


def test_every_command_and_its_reply_has_an_example():
    assert rows_to_show("op") <= {command["op"] for command in shown("→")}
    replies = set()
    for _, cells in tables()["op"]:
        replies.update(re.findall(r"^`([a-z]+)`", cells[1]))
    assert len(replies) == 10
    assert replies <= {reply["op"] for reply in shown("←")}


def test_every_field_of_a_command_has_an_example():
    fields = {}
    for command in shown("→"):
        fields.setdefault(command["op"], set()).update(command)
    for names, cells in tables()["op"]:
        if not EXEMPT.search(" ".join(cells)):
            described = re.sub(r"\([^)]*\)", "", cells[0])
            assert set(re.findall(r"`([a-z]+)`", described)) <= fields[names[0]], names[0]


def test_every_push_has_an_example():
    pushed = {message["op"] for message in shown("←") if "id" not in message}
    assert rows_to_show("push") <= pushed
    gaps = [message for message in shown("←") if message["op"] == "gap"]
    assert {gap["conflated"] for gap in gaps} == {True, False}


def test_every_error_code_has_an_example():
    codes = {message["code"] for message in shown("←") if message["op"] == "error"}
    assert rows_to_show("code") == codes


def test_every_close_code_has_an_example():
    closes = {step.text.split()[1] for example in EXAMPLES for step in example.steps
              if step.verb == "←" and step.text.startswith("close ")}
    assert {name for name in rows_to_show("close code") if name.isdigit()} == closes


def test_every_overflow_policy_has_an_example():
    configs = "".join(example.config for example in EXAMPLES)
    policies = rows_to_show("overflow") - {"disconnect"}  # the default
    assert policies and all(f'overflow = "{policy}"' in configs for policy in policies)


def test_every_promise_is_stated():
    numbered = re.findall(r"^(\d)\. \*\*", text_of_pages(), re.MULTILINE)
    assert numbered == ["1", "2", "3", "4", "5"]


def test_op_comes_first_in_every_example():
    for message in [*shown("→"), *shown("←")]:
        assert next(iter(message)) == "op", message
