"""Requests as bytes, to be pipelined, split or damaged; and what comes back, read to the end."""

import contextlib
import json


def get(broker, path="/", headers=""):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{headers}\r\n"


def post(broker, body, headers=""):
    body = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
    return (f"POST /message HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{headers}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}")


def broadcasts(count, channels, data):
    """An array of broadcasts to the same channels; their ids count from 0."""
    return [{"op": "publish", "channels": channels, "data": data, "id": number} for number in range(count)]


# Every second channel refuses data over 100 bytes and says so at length: a long answer to little work.
LONG_ANSWERS = '[namespace.refusing]\nmessage_bytes_max = "100"\n'
LONG_ANSWER_CHANNELS = [f"refusing:c{number}" if number % 2 else f"c{number}" for number in range(1000)]


def assert_long_answer(answer, count):
    """The whole answer to `count` broadcasts of over 100 bytes to LONG_ANSWER_CHANNELS."""
    assert answer.status == 207
    assert len(answer.body) == int(answer.headers["content-length"])
    replies = answer.json()
    assert [reply["id"] for reply in replies] == list(range(count))
    for reply in replies:
        assert [result["channel"] for result in reply["results"]] == LONG_ANSWER_CHANNELS
        assert [result.get("code") for result in reply["results"]] == [None, "too_large"] * 500
        assert all("position" in result for result in reply["results"][::2])


def answers_to_the_end(http):
    """Every answer until the server closes; a reset behind the last one is an end too."""
    answers = []
    with contextlib.suppress(ConnectionError):
        while http.stream.peek(1):
            answers.append(http.answer())
    return answers
