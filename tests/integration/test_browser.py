"""A real browser: two pages exchange messages, compression works, foreign pages are refused."""

import json
import pathlib
import subprocess

import pytest

from broker_process import SLOWNESS
from clients import connect

FOLDER = pathlib.Path(__file__).parent


def browse(broker, job, **fields):
    command = {"job": job, "url": broker.url + "/", "port": broker.port, **fields}
    done = subprocess.run(["node", "node/browser.js", json.dumps(command)], cwd=FOLDER, capture_output=True, text=True,
                          timeout=100 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.deadline(110)
def test_two_pages_of_the_demo_exchange_messages(broker):
    result = browse(broker, "demo")
    assert result["faults"] == []
    assert any(character.isdigit() for character in result["latency"])
    assert result["stayed"] == 0, "an unsubscribed pane still got a message"
    assert not result["wide"], "the page scrolls sideways on a phone"


@pytest.mark.deadline(110)
def test_the_browsers_own_websocket_gets_a_large_message_compressed(broker, channel):
    result = browse(broker, "direct", channel=channel, bytes=52_000)
    assert "permessage-deflate" in result["extensions"]
    assert (result["same"], result["code"], result["wasClean"]) == (True, 1000, True)


@pytest.mark.deadline(110)
async def test_a_foreign_page_can_neither_connect_nor_publish(broker, channel):
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        result = browse(broker, "evil", channel=channel)
        assert (result["foreign_origin"], result["rebound_name"]) == ("refused", "refused")
        assert result["posted"] == ["sent", "sent"]
        await subscriber.nothing_more()
