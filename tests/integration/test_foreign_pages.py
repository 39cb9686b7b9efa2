"""A real browser as the attacker's tool: pages of other origins, rebound names and frames without an origin; and pages
that may call."""

import functools
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest

from broker_process import SLOWNESS
from clients import connect

# Names, pages and wire are plain here. What TLS changes of the rules is in test_origins.py.
pytestmark = pytest.mark.skipif(bool(os.environ.get("CRIER_TEST_TLS")), reason="the pages come in the clear")

FOLDER = pathlib.Path(__file__).parent
PAGE = b"<!doctype html><title>a page</title>"

# What an attempt comes to: nothing opened, nothing to read, and nothing known of what was only sent.
SHUT_OUT = {"socket": "refused", "stream": "refused", "post": "unreadable", "refused": "unreadable"}
LET_IN = {"socket": "open", "stream": "open",
          "post": {"status": 200, "op": "published", "id": True},
          "refused": {"status": 400, "op": "error", "code": "bad_request", "id": True}}


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def page_port():
    """Somebody's web server on this machine; every name that ends in .test leads to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def browse(page, targets, channel, **fields):
    job = json.dumps({"page": page, "targets": targets, "channel": channel, **fields})
    done = subprocess.run(["node", "node/origins.js", job], cwd=FOLDER, capture_output=True, text=True,
                          timeout=100 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert all(result.pop("blind") == ["sent"] * 3 for result in results)
    return results


async def all_are(expected, broker, page, hosts, channel, **fields):
    """Every attempt comes to what is expected, and a subscriber heard just the messages that were let in."""
    targets = [f"http://{host}:{broker.port}" for host in hosts]
    async with connect(broker, f"?channel={channel}") as subscriber:
        assert (await subscriber.next())["op"] == "subscribed"
        assert browse(page, targets, channel, **fields) == [expected] * len(hosts)
        if expected is LET_IN:
            for _ in range(2 * len(hosts)):  # the second one has no Content-Type, so that no preflight asked about it
                assert (await subscriber.next())["op"] == "message"
        await subscriber.nothing_more()


@pytest.mark.deadline(110)
async def test_a_page_of_another_origin_gets_nothing_of_a_developers_broker(broker, channel, page_port):
    refused = functools.partial(broker.metric, "crier_handshakes_refused_total", reason="origin")
    before = refused()
    await all_are(SHUT_OUT, broker, f"http://evil.test:{page_port}/", ["127.0.0.1", "localhost"], channel)
    assert refused() >= before + 2 * 6, "the browser asked, and was refused"


@pytest.mark.deadline(110)
async def test_a_page_of_this_machine_may_use_a_developers_broker(broker, channel, page_port):
    await all_are(LET_IN, broker, f"http://localhost:{page_port}/", ["127.0.0.1", "localhost"], channel)


@pytest.mark.deadline(110)
async def test_a_frame_without_an_origin_gets_nothing_even_of_its_own_machine(broker, channel, page_port):
    await all_are(SHUT_OUT, broker, f"http://localhost:{page_port}/", ["127.0.0.1"], channel, frame="sandboxed")


@pytest.mark.deadline(110)
async def test_a_name_that_was_rebound_to_a_developers_broker_gets_421(broker, channel):
    """The page came from the very name and port that now lead to us, so that to the browser nothing here is foreign."""
    page = f"http://evil.test:{broker.port}/"
    read = {"status": 421, "code": "misdirected", "id": True}  # to the browser it is the page's own server
    before = broker.metric("crier_handshakes_refused_total", reason="host")
    await all_are({**SHUT_OUT, "post": read, "refused": read}, broker, page, ["evil.test"], channel,
                  content=PAGE.decode())
    assert broker.metric("crier_handshakes_refused_total", reason="host") >= before + 6


PUBLIC = """[server]
protected_mode = false
hosts = ["broker.test"]
"""


@pytest.mark.deadline(110)
async def test_on_a_public_broker_a_rebound_name_gets_421_and_the_brokers_own_name_all(start_broker, channel):
    broker = start_broker(config=PUBLIC)
    read = {"status": 421, "code": "misdirected", "id": True}
    rebound, own = f"http://evil.test:{broker.port}/", f"http://broker.test:{broker.port}/"
    await all_are({**SHUT_OUT, "post": read, "refused": read}, broker, rebound, ["evil.test"], channel,
                  content=PAGE.decode())
    await all_are(LET_IN, broker, own, ["broker.test"], channel, content=PAGE.decode())


@pytest.mark.deadline(110)
async def test_on_a_public_broker_a_page_that_is_listed_may_call_and_read_errors_and_no_other(
        start_broker, channel, page_port):
    broker = start_broker(config=PUBLIC + f'origins = ["http://*.app.test:{page_port}"]\n')
    await all_are(LET_IN, broker, f"http://one.app.test:{page_port}/", ["broker.test", "127.0.0.1"], channel)
    for page in (f"http://app.test.evil.test:{page_port}/", f"http://localhost:{page_port}/"):
        await all_are(SHUT_OUT, broker, page, ["broker.test", "127.0.0.1"], channel)
    await all_are(SHUT_OUT, broker, f"http://one.app.test:{page_port}/", ["broker.test"], channel, frame="sandboxed")
