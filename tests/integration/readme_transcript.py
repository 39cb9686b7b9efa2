"""The examples of protocol/README.md: where they stand, and what each of their lines says.

A fenced block without a language is an example. Its lines, NAME being a connection (none: the only one):

    # with namespace.chat.history = { messages = 5 }     the broker's configuration, as TOML
    # anything else                                      for the reader
    NAME ws://localhost:8008/message?channel=a [SUBPROTOCOL]
    NAME → {"op":"ping"}  [× 400]                        sent (as many times)
    NAME ← {"op":"pong"}                                 received; an indented line continues the one above
    NAME ← ⋮                                             any messages, until the next line fits
    NAME ← close 4000 slow_consumer                      the server's close frame
    POST → {"op":"ping"}                                 a request; GET and others: a path, then headers
    POST ← 200 {"op":"pong"}                             its answer
    CBOR → {"op":"ping"}                                 a POST in that form, as is its answer
    NAME $ curl …                                        a command, whose output are lines ←
    NAME stops reading | NAME reads on | NAME falls silent | 2 s later | the broker stops
"""

import dataclasses
import json
import pathlib
import re

README = pathlib.Path(__file__).resolve().parents[2] / "protocol" / "README.md"
METHODS = ("GET", "POST", "CBOR")

LINE = re.compile(r"(?:(?P<name>[A-Z][A-Za-z]*) )?"
                  r"(?P<verb>→|←|\$|ws:|stops reading$|reads on$|falls silent$) ?(?P<text>.*)")
TIMES = re.compile(r"^(.*\S)\s+× ([0-9,]+)$", re.DOTALL)
LATER = re.compile(r"(\d+) s later")


@dataclasses.dataclass
class Step:
    verb: str
    name: str
    text: str
    line: int
    times: int = 1

    def __str__(self):
        return f"README.md:{self.line}: {self.name} {self.verb} {self.text}"


@dataclasses.dataclass
class Example:
    heading: str
    line: int
    config: str
    steps: list

    def __str__(self):
        return f"{self.heading} (line {self.line})"


def read_block(heading, first_line, lines):
    config, steps = [], []
    for number, line in enumerate(lines, first_line):
        if line.startswith("# with "):
            config.append(line.removeprefix("# with "))
        elif not line.strip() or line.startswith("#"):
            continue
        elif line.startswith("  "):
            steps[-1].text += "\n" + line.strip()
        elif later := LATER.fullmatch(line):
            steps.append(Step("later", "", later[1], number))
        elif line == "the broker stops":
            steps.append(Step("stop", "", "", number))
        else:
            match = LINE.fullmatch(line)
            assert match, f"README.md:{number}: {line!r} is no line of an example"
            text = ("ws:" if match["verb"] == "ws:" else "") + match["text"]
            steps.append(Step(match["verb"].rstrip(":"), match["name"] or "", text, number))
    for step in steps:
        if step.verb == "→" and (match := TIMES.match(step.text)):
            step.text, step.times = match[1], int(match[2].replace(",", ""))
    return Example(heading, first_line, "\n".join(config), steps)


def examples():
    found, heading, block, language = [], "", None, ""
    for number, line in enumerate(README.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if block is None:
                block, language, first = [], line[3:], number + 1
                continue
            if not language:
                found.append(read_block(heading, first, block))
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    assert block is None, "README.md ends inside a block"
    return found


def tables():
    """{first cell of the head: rows}, a row being its cells; the first cell without its backticks, split into names."""
    found, rows = {}, None
    for line in README.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if rows is None:
            rows = found.setdefault(cells[0], [])
        elif not set(cells[0]) <= set("-: "):
            rows.append(([*re.findall(r"`([^`]*)`", cells[0])] or [cells[0]], cells[1:]))
    return found


# --- what stands between the arrows and the end of a line

ANY, REST, MORE = "\ue000", "\ue001", "\ue002"  # any value; any further elements; any further members
BYTES = "\ue003"                                 # a CBOR byte string, in hexadecimal

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|h\'(?P<hex>[0-9A-Fa-f]*)\'|[\[\]{}:,]|…|\s+|[^\s"\[\]{}:,…]+')


def is_json(text):
    return text[:1] in "{[\"" or text[:2] == "h'"


def read_json(text):
    """A JSON value in which `…` stands for what may differ, and h'C0FFEE' for bytes."""
    out, open_brackets, before = [], [], ""
    for match in TOKEN.finditer(text):
        token = match[0]
        if token.isspace():
            continue
        if token in "[{":
            open_brackets.append(token)
        elif token in "]}":
            open_brackets.pop()
        if token == "…":
            if before == ":":
                out.append(json.dumps(ANY))
            else:
                out.append(json.dumps(REST) if open_brackets[-1] == "[" else f"{json.dumps(MORE)}:0")
        elif match["hex"] is not None:
            out.append(json.dumps(BYTES + match["hex"]))
        else:
            out.append(token)
        before = token
    return json.loads("".join(out))
