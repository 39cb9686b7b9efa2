"""Delivery over TLS: clients that nobody here wrote, and readers who stop."""

import asyncio
import json
import os
import pathlib
import queue
import subprocess
import threading

import pytest

from broker_process import SLOWNESS, eventually, scaled
from clients import connect
from recovery import post
from test_overflow import (MESSAGES, assert_alive, assert_holes_are_told, closed_as_slow, config, numbers, three)

FOLDER = pathlib.Path(__file__).parent
PATIENCE = 20 * SLOWNESS


def node(broker, script, timeout, **job):
    done = subprocess.run(["node", f"node/{script}", json.dumps(job)], cwd=FOLDER, capture_output=True, text=True,
                          timeout=timeout * SLOWNESS, stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, "NODE_EXTRA_CA_CERTS": str(broker.authority)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SIZES = [0, 1, 125, 126, 4000, 16_000, 16_384, 16_385, 60_000]


@pytest.mark.parametrize("deflate", [False, True])
def test_messages_of_all_sizes_come_back_to_node_as_they_were_sent(start_tls, deflate):
    broker = start_tls()
    result = node(broker, "client.js", 60, job="exchange", url=broker.websocket_url, channel="n", sizes=SIZES,
                  deflate=deflate)
    assert (result["same"], result["code"]) == (2 * len(SIZES), 1000)


@pytest.mark.deadline(110)
def test_chromium_speaks_wss_with_compression(start_tls):
    broker = start_tls()
    result = node(broker, "browser.js", 100, job="direct", url=broker.url + "/", port=broker.port, channel="c",
                  bytes=52_000)
    assert "permessage-deflate" in result["extensions"]
    assert (result["same"], result["code"], result["wasClean"]) == (True, 1000, True)


async def test_python_clients_exchange_messages(start_tls):
    broker = start_tls()
    async with connect(broker, "?channel=p") as one, connect(broker, "?channel=p") as other:
        for client in one, other:
            assert (await client.next())["op"] == "subscribed"
        for number in range(100):
            await one.send(op="publish", channel="p", data=[number, "x" * 10 * number])
        for client in one, other:
            assert [(await client.next())["data"][0] for _ in range(100)] == list(range(100))
        replies = await asyncio.gather(one.call("ping"), other.call("ping"))
        assert [reply["op"] for reply in replies] == ["pong", "pong"]


def test_curl_posts_and_listens(start_tls):
    broker = start_tls()
    curl = ["curl", "-sSN", "--max-time", str(40 * SLOWNESS), "--cacert", str(broker.authority)]
    with subprocess.Popen([*curl, "-H", "Accept: text/event-stream", f"{broker.url}/message?channel=s"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as stream:
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in stream.stdout], daemon=True).start()
        eventually(lambda: broker.metric("crier_subscriptions") == 1)
        posted = subprocess.run([*curl, f"{broker.url}/message", "-d", '{"op":"publish","channel":"s","data":"over"}'],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert json.loads(posted.stdout)["op"] == "published"
        while '"over"' not in lines.get(timeout=PATIENCE):
            pass
        stream.terminate()


# --- readers who stop: what TLS holds beside the outbox is neither lost nor doubled, nor ever changed


@pytest.mark.parametrize("overflow, messages", [
    ("disconnect", 100_000), ("drop_oldest", 0), ("drop_oldest", 10), ("conflate", 0)])
def test_a_stuck_reader_gets_what_its_policy_promises_and_nobody_else_notices(start_tls, overflow, messages):
    broker = start_tls(config=config(overflow, messages))
    with three(broker) as (stuck, _, publisher):
        publisher.publish(scaled(MESSAGES, 150), key_of=lambda number: str(number % 10))
        got = stuck.until(publisher.count - 1)
        assert stuck.close is None
        assert numbers(got)[-1] == publisher.count - 1
        assert_holes_are_told(got, conflated=overflow == "conflate")
        if messages > MESSAGES:
            assert numbers(got) == list(range(publisher.count))
        assert_alive(stuck, publisher)


def test_a_stuck_reader_is_disconnected_behind_whole_messages(start_tls):
    broker = start_tls(config=config("disconnect", 0))
    with three(broker) as (stuck, _, publisher):
        while broker.metric("crier_messages_dropped_total", reason="slow_consumer") == 0:
            assert publisher.count < MESSAGES
            publisher.publish(10)
        got = stuck.until(None)
        assert stuck.close == 4000
        assert numbers(got) == list(range(len(got))), "what came before the end has no hole"
        stuck.socket.close()
        stuck.stream.close()
        eventually(lambda: closed_as_slow(broker) == 1)


def test_a_post_of_a_mebibyte_is_read_whole(start_tls):
    broker = start_tls(config='[limits]\nincoming_bytes_max = "4MiB"\ninflight_bytes_max = "4MiB"\n'
                              'outbox_bytes_max = "4MiB"\n'
                              '[namespace.big]\nmessage_bytes_max = "2MiB"\n')
    data = "0123456789abcdef" * (64 * 1024)
    assert post(broker, {"op": "publish", "channel": "big:a", "data": data})[1]["op"] == "published"
    assert post(broker, {"op": "history", "channel": "big:a"})[1]["messages"][0]["data"] == data
