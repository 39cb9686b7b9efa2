"""The npm package ws as a client: its own framing, its own compression."""

import json
import pathlib
import subprocess

import pytest

from broker_process import SLOWNESS

FOLDER = pathlib.Path(__file__).parent


def run(broker, job, **fields):
    command = {"job": job, "url": broker.websocket_url, **fields}
    done = subprocess.run(["node", "node/client.js", json.dumps(command)], cwd=FOLDER, capture_output=True, text=True,
                          timeout=40 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SIZES = [0, 1, 100, 125, 126, 255, 256, 1000, 4000, 30_000, 60_000]


def test_messages_of_all_sizes_come_back_as_they_were_sent(broker, channel):
    assert run(broker, "exchange", channel=channel, sizes=SIZES) == {"offer": "", "same": 2 * len(SIZES), "code": 1000}


@pytest.mark.parametrize("offer, agreed", [
    (True, ["permessage-deflate"]),
    ({"serverMaxWindowBits": 15}, ["permessage-deflate"]),
    ({"serverMaxWindowBits": 10}, ["server_max_window_bits=10", "server_max_window_bits=9"]),
    ({"serverMaxWindowBits": 9}, ["server_max_window_bits=9"]),
    ({"clientMaxWindowBits": 10}, ["permessage-deflate"]),
    ({"serverNoContextTakeover": True}, ["server_no_context_takeover"]),
    ({"clientNoContextTakeover": True}, ["permessage-deflate"]),
    ({"serverNoContextTakeover": True, "clientNoContextTakeover": True, "serverMaxWindowBits": 12, "threshold": 0},
     ["server_no_context_takeover"]),
], ids=str)
def test_compressed_messages_survive_every_way_to_negotiate(broker, channel, offer, agreed):
    result = run(broker, "exchange", channel=channel, sizes=SIZES, deflate=offer)
    assert (result["same"], result["code"]) == (2 * len(SIZES), 1000)
    assert any(parameter in result["offer"].replace(" ", "") for parameter in agreed), result["offer"]


def test_a_window_that_zlib_cannot_do_is_declined_and_the_connection_works_without(broker, channel):
    result = run(broker, "exchange", channel=channel, sizes=[1000], deflate={"serverMaxWindowBits": 8})
    assert result == {"offer": "", "same": 2, "code": 1000}


def test_compression_can_be_switched_off(start_broker, channel):
    broker = start_broker(config="[compression]\nenabled = false\n")
    result = run(broker, "exchange", channel=channel, sizes=[1000], deflate=True)
    assert result == {"offer": "", "same": 2, "code": 1000}


def test_a_crowd_that_compresses_in_different_ways_sees_one_order(broker, channel):
    assert run(broker, "crowd", channel=channel, clients=12, messages=200) == {"orders": 1, "distinct": 200}


def test_a_message_in_fragments_is_put_together(broker):
    assert run(broker, "fragments") == {"id": 60}


def test_a_compressed_message_in_fragments_is_put_together(broker):
    assert run(broker, "fragments", deflate={"threshold": 0}) == {"id": 60}


def test_a_ping_comes_back_with_its_payload(broker):
    assert run(broker, "ping") == {"payload": "payload"}


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_close_handshake_returns_the_code(broker, code):
    assert run(broker, "close", code=code) == {"code": code}


def test_binary_on_the_json_protocol_is_1003(broker):
    assert run(broker, "refused")["code"] == 1003


@pytest.mark.parametrize("deflate", [False, True])
def test_a_message_over_the_limit_is_1009(broker, deflate):
    assert run(broker, "refused", text=True, bytes=1024 * 1024 + 1, deflate=deflate)["code"] == 1009


def test_the_subprotocol_is_confirmed(broker):
    assert run(broker, "protocol", protocols=["crier.v1.json"]) == {"protocol": "crier.v1.json"}
