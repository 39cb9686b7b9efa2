"""The examples of the wire contract's pages: where they stand, and what each of their lines says.

A fenced block without a language is an example. Its lines, NAME being a connection (none: the only one):

    # with namespace.chat.history = { messages = 5 }     the broker's configuration, as TOML
    # ALICE is a token with {"sub":"alice","exp":now+60} ALICE stands for it from here on; `now` is in seconds
    # MALLORY is a token of another secret with {…}      one that the broker does not accept
    # ORDERS is a service key with publish = ["o.>"]     likewise, and the configuration has its hash
    # anything else                                      for the reader
    NAME ws://localhost:8008/message?channel=a [SUBPROTOCOL], then headers
    NAME → {"op":"ping"}  [× 400]                        sent (as many times)
    NAME ← {"op":"pong"}                                 received; an indented line continues the one above
    NAME ← ⋮                                             any messages, until the next line fits
    NAME ← close 4000 slow_consumer                      the server's close frame
    POST → {"op":"ping"}                                 a request, then headers; GET and others: a path, then headers
    POST ← 200 {"op":"pong"}                             its answer
    CBOR → {"op":"ping"}                                 a POST in that form, as is its answer
    NAME $ curl …                                        a command, whose output are lines ←
    NAME stops reading | NAME reads on | NAME falls silent | 2 s later | the broker stops
    the broker reloads with TOML                         one more setting, or another value of one
    the broker reloads without ORDERS                    a service key is gone
"""

import dataclasses
import json
import pathlib
import re

from readme_credentials import CREDENTIAL

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "protocol"
PAGES = [FOLDER / name for name in ("README.md", "access.md", "transports.md")]
METHODS = ("GET", "POST", "CBOR")

LINE = re.compile(r"(?:(?P<name>[A-Z][A-Za-z]*) )?"
                  r"(?P<verb>→|←|\$|ws:|stops reading$|reads on$|falls silent$) ?(?P<text>.*)")
TIMES = re.compile(r"^(.*\S)\s+× ([0-9,]+)$", re.DOTALL)
LATER = re.compile(r"(\d+) s later")
RELOAD = re.compile(r"the broker reloads (with(?:out)? .+)")


@dataclasses.dataclass
class Step:
    verb: str
    name: str
    text: str
    line: str  # of which page
    times: int = 1

    def __str__(self):
        return f"{self.line}: {self.name} {self.verb} {self.text}"


@dataclasses.dataclass
class Example:
    heading: str
    line: str
    config: str
    steps: list
    credentials: list  # the lines that name them

    def __str__(self):
        return f"{self.heading} ({self.line})"


def read_block(heading, lines, page="", first_line=1):
    config, steps, credentials = [], [], []
    for number, line in enumerate(lines, first_line):
        place = f"{page}:{number}"
        if line.startswith("# with "):
            config.append(line.removeprefix("# with "))
        elif CREDENTIAL.fullmatch(line):
            credentials.append(line)
        elif not line.strip() or line.startswith("#"):
            continue
        elif line.startswith("  "):
            steps[-1].text += "\n" + line.strip()
        elif later := LATER.fullmatch(line):
            steps.append(Step("later", "", later[1], place))
        elif line == "the broker stops":
            steps.append(Step("stop", "", "", place))
        elif reload := RELOAD.fullmatch(line):
            steps.append(Step("reload", "", reload[1], place))
        else:
            match = LINE.fullmatch(line)
            assert match, f"{place}: {line!r} is no line of an example"
            text = ("ws:" if match["verb"] == "ws:" else "") + match["text"]
            steps.append(Step(match["verb"].rstrip(":"), match["name"] or "", text, place))
    for step in steps:
        if step.verb == "→" and (match := TIMES.match(step.text)):
            step.text, step.times = match[1], int(match[2].replace(",", ""))
    return Example(heading, f"{page}:{first_line}", "\n".join(config), steps, credentials)


def examples():
    return [example for page in PAGES for example in examples_of(page)]


def examples_of(page):
    found, heading, block, language = [], "", None, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if block is None:
                block, language, first = [], line[3:], number + 1
                continue
            if not language:
                found.append(read_block(heading, block, page.name, first))
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    assert block is None, f"{page} ends inside a block"
    return found


def text_of_pages():
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def tables():
    """{first cell of the head: rows}, a row being its cells; the first cell without its backticks, split into names."""
    found, rows = {}, None
    for line in text_of_pages().splitlines():
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
