"""The C++ client library when the link is cut, stalls or is slow: at every byte, by restarts, by drains."""

import contextlib
import os
import random
import shutil
import signal
import socket

import pytest

from broker_process import SANITIZED, SLOWNESS, TLS_FOLDER, eventually, scaled
from cpp_client_process import KEEP, CppClient, CuttingProxy
from recovery import pages, publish

WITHOUT_TLS = pytest.mark.skipif(bool(TLS_FOLDER), reason="the proxy looks into the stream")


@WITHOUT_TLS
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_stream_cut_at_every_byte_is_whole(start_broker, tmp_path, reset):
    """Each connection is cut one byte further on, from within the handshake to within a replay."""
    broker = start_broker(config=KEEP)
    step = 1 if not SANITIZED else 17
    cuts = list(range(1 + 3 * reset, 1100, step * (5 if reset else 3)))
    plan = [None, *cuts]
    with CuttingProxy(broker.port, lambda number: plan[number] if number < len(plan) else None, reset) as proxy, \
            CppClient(proxy.url, tmp_path, backoff_initial_ms=1, backoff_max_ms=2) as client:
        client.subscribe("counter")
        proxy.cut_all()
        sent = 0
        while proxy.count < len(plan):
            publish(broker, "counter", *range(sent, sent + 5))
            sent += 5
        publish(broker, "counter", *range(sent, sent + 5))
        sent += 5
        assert client.messages(sent) == list(range(sent))
        again = [line for line in client.seen if line["event"] == "subscribed"][1:]
        assert all(line["recovered"] for line in again) and len(again) > 20 // step
        assert not [line for line in client.seen if line["event"] in ("gap", "ended", "closed")]
        client.close()


@WITHOUT_TLS
def test_publishes_that_were_cut_are_stored_once_with_retry(start_broker, tmp_path):
    broker = start_broker(config=KEEP)
    rng = random.Random(7)
    count = scaled(2000, 500)
    with CuttingProxy(broker.port, lambda number: None) as proxy, \
            CppClient(proxy.url, tmp_path, backoff_initial_ms=1, backoff_max_ms=5, outbox_bytes_max=8192) as client:
        proxy.plan = lambda number: rng.randrange(600, 6000) if proxy.count < 40 else None
        client.do("many", channel="orders", to=count, retry=True)
        assert client.next("many", seconds=40 * SLOWNESS)["failed"] == 0
        assert proxy.count > 4
        client.close()
    stored = [data for _, data in pages(broker, "orders")[0]]
    assert sorted(stored) == list(range(1, count + 1)), "each once"
    assert stored == sorted(stored), "in the order of the calls"


@WITHOUT_TLS
def test_a_publish_without_retry_fails_as_lost_when_its_answer_was_cut_off(broker, tmp_path):
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path) as client:
        client.next("connected")
        client.subscribe("lost")
        # The broker stands still, so that both are surely on their way.
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            before = proxy.up_bytes
            client.do("batch", publications=[{"channel": "lost", "data": 1},
                                             {"channel": "lost", "data": 2, "retry": True}])
            eventually(lambda: proxy.up_bytes > before)
            proxy.cut_all()
            client.next("waiting")
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        lost, stored = client.next("done")["value"]
        assert lost["code"] == "connection_lost" and "`retry`" in lost["message"]
        assert stored["position"]


@WITHOUT_TLS
def test_a_link_that_stays_silent_is_found_by_heartbeat(start_broker, tmp_path):
    broker = start_broker(config='[limits]\nheartbeat = "1s"\n' + KEEP)
    with CuttingProxy(broker.port, lambda number: "stall" if number == 0 else None, stall_after=700) as proxy, \
            CppClient(proxy.url, tmp_path, heartbeat_timeout_ms=500) as client:
        client.next("connected")
        client.do("subscribe", channel="quiet", last=100)
        publish(broker, "quiet", *range(50))
        waiting = client.next("waiting")
        assert waiting["error"]["code"] == "connection_lost" and "ping" in waiting["error"]["message"]
        client.next("connected")
        data = client.messages(1)
        while data[-1] != 49:
            data += client.messages(1)
        assert data == list(range(50))


def test_an_address_that_swallows_packets_is_given_up_in_time(tmp_path):
    """A listener with a full queue answers no SYN."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        while True:
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.5)
            try:
                waiting.connect(full.getsockname())
            except TimeoutError:
                break
        with CppClient(f"ws://127.0.0.1:{full.getsockname()[1]}/", tmp_path, connect_timeout_ms=500) as client:
            error = client.next("waiting")["error"]
            assert error["code"] == "unreachable" and "connect_timeout" in error["message"], error


def test_a_restart_with_its_state_is_recovered_and_one_without_is_told(start_broker, tmp_path):
    state = str(tmp_path / "state")
    broker = start_broker("--state-dir", state, config=KEEP)
    with CppClient(broker.websocket_url, tmp_path) as client:
        client.subscribe("room")
        publish(broker, "room", 1, 2)
        assert client.messages(2) == [1, 2]
        address = f"127.0.0.1:{broker.port}"
        broker.signal()
        broker.process.wait(timeout=20 * SLOWNESS)
        assert client.next("waiting")["error"]["code"] in ("refused", "connection_lost", "unreachable")
        broker = start_broker("--state-dir", state, "--listen", address, config=KEEP)
        again = client.next("subscribed")
        assert again["again"] and again["recovered"]
        publish(broker, "room", 3)
        assert client.messages(1) == [3]
        broker.signal()
        broker.process.wait(timeout=20 * SLOWNESS)
        shutil.rmtree(state)
        broker = start_broker("--state-dir", state, "--listen", address, config=KEEP)
        again = client.next("subscribed")
        assert again["again"] and again["recovered"] is False
        publish(broker, "room", 4)
        assert client.messages(1) == [4]


def test_a_drain_is_followed_at_once_and_nothing_is_missed(start_broker, tmp_path):
    state = str(tmp_path / "state")
    broker = start_broker("--state-dir", state, config=KEEP + '[server]\ndrain_timeout = "1s"\n')
    with CppClient(broker.websocket_url, tmp_path, backoff_initial_ms=300, backoff_max_ms=300) as client:
        client.subscribe("room")
        publish(broker, "room", 1)
        broker.signal()
        waiting = client.next("waiting")
        assert waiting["error"]["close_code"] == 1012 and waiting["retry_in"] == 0
        broker.process.wait(timeout=20 * SLOWNESS)
        broker = start_broker("--state-dir", state, "--listen", f"127.0.0.1:{broker.port}", config=KEEP)
        publish(broker, "room", 2)
        assert client.next("subscribed")["recovered"]
        assert client.messages(2) == [1, 2]


def test_a_slow_reader_is_told_what_it_lost_and_goes_on(start_broker, tmp_path):
    broker = start_broker(config='[limits]\noutbox_bytes_max = "128KiB"\n[namespace.feed]\noverflow = "drop_oldest"\n'
                                 'history = { messages = 10 }\n')
    with CppClient(broker.websocket_url, tmp_path) as client:
        client.subscribe("feed:all")
        client.do("pause")
        big = "x" * 60_000
        for _ in range(30):
            publish(broker, "feed:all", *[big] * 15)
        publish(broker, "feed:all", "last")
        client.do("resume")
        lost, received = 0, 0
        while True:
            line = client.next("gap", "message")
            if line["event"] == "gap":
                lost += line["lost"]
                continue
            received += 1
            if line["data"] == "last":
                break
        assert lost > 0 and lost + received == 30 * 15 + 1
