"""Does what came fit what the README shows? Values that differ from run to run are names there: the first
one stands for whatever the broker says, and every later one of the same name must be the same again."""

import base64
import itertools
import re
import time

from broker_process import SLOWNESS
from readme_transcript import ANY, BYTES, MORE, REST

KINDS = {"position": "position", "since": "position", "session": "session", "exclude": "session", "cursor": "cursor",
         "token": "credential"}
UNIMPORTANT = {"time", "version", "request_id", "reconnect_in"}
LENGTH = re.compile(r"…(\d[\d,]*) bytes…")


class Mismatch(AssertionError):
    pass


def wild(text):
    """The pattern of a text in which `…` stands for anything."""
    return re.compile(".*".join(map(re.escape, text.split("…"))), re.DOTALL)


def written_out(text):
    """`…200 bytes…` as so many bytes."""
    length = LENGTH.fullmatch(text)
    return "x" * int(length[1].replace(",", "")) if length else text


def order_class(message):
    """Messages of the same class come in the order shown; the contract promises no order between others."""
    if message.get("op") == "published" or message.get("command") == "publish":
        return "publish", str(message.get("channel"))
    return "stream", str(message.get("pattern", message.get("channel")))


class Names:
    """What the example's positions, sessions, cursors, tokens and keys are in this run."""

    def __init__(self, bound=None):
        self.bound = dict(bound or {})

    def copy(self):
        return Names(self.bound)

    def bind(self, kind, scope, name, actual, path):
        if not isinstance(actual, str):
            raise Mismatch(f"{path}: a {kind} is a string, not {actual!r}")
        known = self.bound.setdefault((kind, scope, name), actual)
        if known != actual:
            raise Mismatch(f"{path}: {name} was {known} before, and is {actual} now")
        for (other_kind, other_scope, other), value in self.bound.items():
            if (other_kind, other_scope, value) == (kind, scope, actual) and other != name:
                raise Mismatch(f"{path}: {name} and {other} differ, but both are {actual}")

    def actual(self, kind, scope, name):
        return self.bound.get((kind, scope, name), name)

    def text(self, text):
        """A command line or a URL with every name in it replaced."""
        for (_, _, name), actual in self.bound.items():
            text = text.replace(name, actual)
        return text

    def check_positions(self):
        """Positions of a channel grow as those of the example do, and epochs are told apart."""
        positions = [(scope, name.split(":"), actual.split(":")) for (kind, scope, name), actual in self.bound.items()
                     if kind == "position"]
        for (scope, name, actual), (other_scope, other_name, other) in itertools.permutations(positions, 2):
            if (name[0] == other_name[0]) != (actual[0] == other[0]):
                raise Mismatch(f"the epochs {name[0]} and {other_name[0]} are {actual[0]} and {other[0]}")
            if scope == other_scope and name[0] == other_name[0] and int(name[1]) < int(other_name[1]):
                if int(actual[1]) >= int(other[1]):
                    raise Mismatch(f"{':'.join(name)} is before {':'.join(other_name)} in {scope}, but "
                                   f"{':'.join(actual)} is not before {':'.join(other)}")

    def fill(self, value, scope=""):
        """What is sent, with names replaced, long texts written out and bytes as bytes."""
        if isinstance(value, dict):
            scope = value.get("channel", scope)
            return {key: self.actual(KINDS[key], scope if KINDS[key] == "position" else "", item)
                    if key in KINDS and isinstance(item, str) else self.fill(item, scope)
                    for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, scope) for item in value]
        if isinstance(value, str) and value.startswith(BYTES):
            return bytes.fromhex(value[1:])
        return written_out(value) if isinstance(value, str) else value


def match(expected, actual, names, scope="", path=""):
    """Raises Mismatch, or returns with `names` enlarged."""
    if expected == ANY:
        return
    if isinstance(expected, dict):
        return match_object(expected, actual, names, scope, path)
    if isinstance(expected, list):
        return match_list(expected, actual, names, scope, path)
    if isinstance(expected, str):
        if expected.startswith(BYTES):
            fits = actual == bytes.fromhex(expected[1:])
        elif length := LENGTH.fullmatch(expected):
            fits = isinstance(actual, str) and len(actual) == int(length[1].replace(",", ""))
        else:
            fits = isinstance(actual, str) and wild(expected).fullmatch(actual)
    else:
        fits = type(actual) is type(expected) and actual == expected
    if not fits:
        raise Mismatch(f"{path}: {str(actual)[:200]!r} is not {expected!r}")
    return None


def match_object(expected, actual, names, scope, path):
    if not isinstance(actual, dict):
        raise Mismatch(f"{path}: no object, but {str(actual)[:200]!r}")
    wanted = [key for key in expected if key != MORE]
    there = [key for key in actual if MORE not in expected or key in wanted]
    if wanted != there:
        raise Mismatch(f"{path}: the members are {', '.join(actual)}, not {', '.join(wanted)}")
    scope = actual.get("channel", scope)
    for key in wanted:
        value, inner = actual[key], f"{path}.{key}"
        if key in UNIMPORTANT and expected[key] != ANY:
            if type(value) is not type(expected[key]):
                raise Mismatch(f"{inner}: {value!r} is not of the kind of {expected[key]!r}")
            if key == "time" and abs(value / 1000 - time.time()) > 3600:
                raise Mismatch(f"{inner}: {value} is not now in milliseconds")
        elif key == "expires_in" and expected[key] != ANY:
            # The broker's second may have begun before the token's.
            if type(value) is not int or not -1 <= expected[key] - value <= 5 * SLOWNESS:
                raise Mismatch(f"{inner}: {value} s is not what is left of {expected[key]} s")
        elif key in KINDS and isinstance(expected[key], str) and expected[key] not in (ANY, "…"):
            names.bind(KINDS[key], scope if KINDS[key] == "position" else "", expected[key], value, inner)
        elif key == "members":
            match_members(expected[key], value, names, inner)
        else:
            match(expected[key], value, names, scope, inner)


def match_list(expected, actual, names, scope, path):
    wanted = [item for item in expected if item != REST]
    if not isinstance(actual, list) or len(actual) < len(wanted):
        raise Mismatch(f"{path}: not {len(wanted)} elements, but {str(actual)[:200]!r}")
    if REST not in expected and len(actual) != len(wanted):
        raise Mismatch(f"{path}: {len(actual)} elements, not {len(wanted)}")
    for at, item in enumerate(wanted):
        match(item, actual[at], names, scope, f"{path}[{at}]")


def match_members(expected, actual, names, path):
    """Members are in the order of their sessions, which no example can know."""
    sessions = [member["session"] for member in actual]
    if sessions != sorted(sessions):
        raise Mismatch(f"{path}: not in the order of their sessions: {sessions}")
    for order in itertools.permutations(actual, len(actual)):
        attempt = names.copy()
        try:
            match_list(expected, list(order), attempt, "", path)
        except Mismatch as mismatch:
            last = mismatch
            continue
        names.bound = attempt.bound
        return
    raise last


def plain(value):
    """As JSON has it: bytes become base64."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
