"""What the tests of history, restart and slow readers share: commands over POST, and streams read to a mark."""

import http.client
import json

from broker_process import SLOWNESS
from clients import trust


def http_connection(broker):
    """Not open yet."""
    if broker.secure:
        return http.client.HTTPSConnection("127.0.0.1", broker.port, timeout=20 * SLOWNESS, context=trust(broker))
    return http.client.HTTPConnection("127.0.0.1", broker.port, timeout=20 * SLOWNESS)


def post(broker, command):
    """(status, answer) of one command, or an array of them, over POST."""
    connection = http_connection(broker)
    try:
        connection.request("POST", "/message", json.dumps(command), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def publish(broker, channel, *data, **fields):
    """Publishes over POST, all in one request; the positions (None where there is no history)."""
    status, replies = post(broker, [{"op": "publish", "channel": channel, "data": one, **fields} for one in data])
    assert status == 200, replies
    return [reply.get("position") for reply in replies]


def history(broker, channel, **fields):
    """The reply to `history` over POST."""
    status, reply = post(broker, {"op": "history", "channel": channel, **fields})
    assert status == 200, reply
    return reply


def pages(broker, channel, **fields):
    """Every message of a history, page by page, as (position, data); and the number of pages."""
    found, count, more = [], 0, {}
    while True:
        reply = history(broker, channel, **fields, **more)
        count += 1
        found += [(message["position"], message["data"]) for message in reply["messages"]]
        assert ("cursor" in reply) == reply["more"], reply
        if not reply["more"]:
            return found, count
        more = {"cursor": reply["cursor"]}


async def replayed(client, reply):
    """The messages that a `subscribed` has announced."""
    assert reply["op"] == "subscribed", reply
    messages = [await client.next() for _ in range(reply["replayed"])]
    assert all(message["op"] == "message" for message in messages), messages
    return messages


def data_of(messages):
    return [message["data"] for message in messages]


def offset(position):
    return int(position.partition(":")[2])


def moved(position, by):
    """A position of the same epoch, so much later."""
    epoch, _, number = position.partition(":")
    return f"{epoch}:{int(number) + by}"
