"""The administrative listener: what Prometheus, its tools and an operator see."""

import re
import subprocess

import pytest
import websockets

from broker_process import eventually
from clients import RawHttp, RawWebSocket, connect, text_frame, upgrade_request
from prometheus import Prometheus

FAMILIES = {
    "crier_connections": "gauge", "crier_websockets": "gauge", "crier_connections_accepted_total": "counter",
    "crier_connections_closed_total": "counter", "crier_handshakes_refused_total": "counter",
    "crier_heartbeats_total": "counter", "crier_reads_paused_total": "counter",
    "crier_subscriptions": "gauge", "crier_channels": "gauge", "crier_commands_total": "counter",
    "crier_messages_published_total": "counter", "crier_messages_delivered_total": "counter",
    "crier_messages_dropped_total": "counter", "crier_received_bytes_total": "counter",
    "crier_sent_bytes_total": "counter", "crier_outbox_bytes": "gauge", "crier_flush_bytes": "histogram",
    "crier_publish_to_write_seconds": "histogram", "crier_mailbox_depth": "gauge",
    "crier_event_streams": "gauge", "crier_history_bytes": "gauge", "crier_history_evicted_total": "counter",
    "crier_history_fetches_total": "counter", "crier_recoveries_total": "counter",
    "crier_lagging_subscriptions": "gauge", "crier_lags_total": "counter", "crier_backlog_bytes": "gauge",
    "crier_gaps_total": "counter", "crier_members": "gauge", "crier_idempotency_keys": "gauge",
    "crier_publishes_duplicate_total": "counter", "crier_publishes_refused_total": "counter",
    "crier_engine_pending_bytes": "gauge", "crier_engine_timeouts_total": "counter",
    "crier_loop_lag_seconds": "gauge", "crier_build_info": "gauge", "process_resident_memory_bytes": "gauge",
    "process_open_fds": "gauge", "process_max_fds": "gauge", "process_cpu_seconds_total": "counter",
    "process_start_time_seconds": "gauge", "crier_engine_ready": "gauge", "crier_self_probe_age_seconds": "gauge",
    "crier_log_lines_discarded_total": "counter", "crier_log_lines_suppressed_total": "counter",
}
PER_THREAD = {"crier_mailbox_depth", "crier_loop_lag_seconds", "crier_requests_waiting", "crier_engine_ready",
              "crier_self_probe_age_seconds"}


def test_promtool_has_nothing_to_say_against_the_metrics(broker):
    _, text = broker.admin("/metrics")
    judged = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                            timeout=20, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


def test_every_family_is_there_with_its_type_and_help_from_the_first_scrape(broker):
    _, text = broker.admin("/metrics")
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert {name: types.get(name) for name in FAMILIES} == FAMILIES
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    assert set(FAMILIES) <= helped


def test_totals_carry_no_thread_label(broker):
    _, text = broker.admin("/metrics")
    assert {line.partition("{")[0] for line in text.splitlines() if re.search(r'[{,]thread="', line)} <= PER_THREAD


async def test_known_traffic_is_counted_exactly(start_broker):
    broker = start_broker(threads=3)
    async with connect(broker) as a, connect(broker) as b, connect(broker) as publisher:
        await a.subscribe("one")
        await b.subscribe("one")
        await b.subscribe("two")
        for number in range(100):
            await publisher.send(op="publish", channel="one", data=number)
        assert (await publisher.call("publish", channel="two", data="x" * 1000))["op"] == "published"
        assert (await publisher.call("publish", channel="a b", data=1))["code"] == "bad_request"
        assert (await publisher.call("channels"))["code"] == "unauthorized"
        for _ in range(100):
            await a.next()
        for _ in range(101):
            await b.next()
        eventually(lambda: broker.metric("crier_messages_delivered_total") == 201)
        assert broker.metric("crier_messages_published_total") == 101
        assert broker.metric("crier_websockets") == 3
        assert broker.metric("crier_subscriptions") == 3
        assert broker.metric("crier_channels") == 2
        assert broker.metric("crier_connections_accepted_total") == 3
        assert broker.metric("crier_commands_total", op="subscribe", outcome="ok") == 3
        assert broker.metric("crier_commands_total", op="publish", outcome="ok") == 101
        assert broker.metric("crier_commands_total", outcome="bad_request") == 1
        assert broker.metric("crier_commands_total", op="channels", outcome="unauthorized") == 1
        assert broker.metric("crier_publish_to_write_seconds_count") > 0
        assert broker.metric("crier_sent_bytes_total") > broker.metric("crier_received_bytes_total") > 5000
    eventually(lambda: broker.metric("crier_websockets") == 0)
    eventually(lambda: broker.metric("crier_subscriptions") == 0)
    eventually(lambda: broker.metric("crier_channels") == 0)
    eventually(lambda: broker.metric("crier_connections") == 0)
    assert broker.metric("crier_connections_closed_total", code="normal") == 3
    assert broker.metric("crier_outbox_bytes") == 0
    assert broker.metric("crier_messages_dropped_total") == 0


async def test_history_presence_and_keys_are_counted_exactly(start_broker):
    broker = start_broker(threads=3, config='[namespace.small]\nhistory = { messages = 5 }\n')
    async with connect(broker) as client, connect(broker) as publisher:
        first = (await publisher.call("publish", channel="small:a", data=0, key="k"))["position"]
        assert (await publisher.call("publish", channel="small:a", data=0, key="k"))["position"] == first
        for number in range(1, 10):
            last = (await publisher.call("publish", channel="small:a", data=number))["position"]
        assert broker.metric("crier_publishes_duplicate_total") == broker.metric("crier_idempotency_keys") == 1
        assert broker.metric("crier_history_bytes") > 0
        for since in (first, last, "another:1"):
            await client.call("subscribe", channel="small:a", since=since)
            await client.call("unsubscribe", channel="small:a")
        assert broker.metric("crier_recoveries_total", recovered="true") == 1
        assert broker.metric("crier_recoveries_total", recovered="false") == 2
        await client.subscribe("small:a")
        await publisher.subscribe("small:a")
        await publisher.subscribe("small:b")
        await publisher.subscribe("small:*")
        assert broker.metric("crier_members") == 3
        assert (await client.call("history", channel="small:a", limit=2))["more"] is True
        assert broker.metric("crier_commands_total", op="history", outcome="ok") == 1
    eventually(lambda: broker.metric("crier_members") == 0)
    assert broker.metric("crier_lagging_subscriptions") == broker.metric("crier_backlog_bytes") == 0


def test_bytes_are_counted_as_they_go_over_the_wire(start_broker):
    broker = start_broker()
    with RawHttp(broker) as http:
        wire = "GET /message HTTP/1.1\r\nHost: localhost\r\n\r\n"
        http.send(wire)
        answer = http.stream.read()  # a 426 ends the connection
        eventually(lambda: broker.metric("crier_sent_bytes_total") == len(answer))
        assert broker.metric("crier_received_bytes_total") == len(wire)


async def test_refusals_are_counted_by_reason(start_broker):
    broker = start_broker()
    for wire in (upgrade_request(broker, Origin="http://evil.test"), upgrade_request(broker, host="evil.test"),
                 upgrade_request(broker, Sec_WebSocket_Key="x"), "BAD\r\n\r\n"):
        with RawHttp(broker) as http:
            http.send(wire)
            http.answer()
    with pytest.raises(websockets.InvalidStatusCode):
        await websockets.connect(broker.websocket_url, subprotocols=["soap"])
    for reason in ("origin", "host", "bad_key", "no_subprotocol"):
        eventually(lambda reason=reason: broker.metric("crier_handshakes_refused_total", reason=reason) == 1)
    assert broker.metric("crier_handshakes_refused_total") == 5


def test_closes_are_counted_by_code(start_broker):
    broker = start_broker()
    with RawWebSocket(broker) as raw:
        raw.send(b"\x81\x00")
        assert raw.read_close()[0] == 1002
    eventually(lambda: broker.metric("crier_connections_closed_total", code="protocol_error") == 1)


def test_scrapes_and_the_self_probe_are_not_counted_as_traffic(start_broker):
    broker = start_broker()

    def quiet():
        return {name: value for name, value in broker.metrics().items()
                if name.startswith("crier_") and name.partition("{")[0] not in PER_THREAD
                and "probe" not in name and "uptime" not in name}

    before = quiet()
    probes = [name for name in broker.metrics() if name.startswith("crier_") and "probe" in name and "total" in name]
    if probes:
        start = broker.metrics()[probes[0]]
        eventually(lambda: broker.metrics()[probes[0]] > start + 2, seconds=20)
    for _ in range(20):
        broker.admin("/healthz")
    assert quiet() == before


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_and_readiness_answer_200(broker, path):
    assert broker.admin(path)[0] == 200


def test_readiness_is_503_while_draining(start_broker):
    broker = start_broker()
    with RawWebSocket(broker):  # it never answers the close, so that the end takes a moment
        broker.signal()
        seen = []
        while broker.process.poll() is None:
            seen.append(broker.admin("/readyz")[0])
        assert 503 in seen, seen
        assert set(seen[seen.index(503):]) <= {503, 0}, "once not ready, never ready again"


def test_metrics_are_not_on_the_public_listener(broker):
    with RawHttp(broker) as http:
        http.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert http.answer().status == 404


@pytest.mark.deadline(90)
def test_a_real_prometheus_scrapes_the_broker(broker, tmp_path):
    configuration = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": "crier", "static_configs": [{"targets": [f"127.0.0.1:{broker.admin_port}"]}]}]}
    with Prometheus(tmp_path, configuration) as prometheus, RawWebSocket(broker) as raw:
        raw.send(text_frame({"op": "publish", "channel": "scraped", "data": 1}))
        eventually(lambda: prometheus.values('up{job="crier"}') == [1.0], seconds=40)
        eventually(lambda: prometheus.values("crier_messages_published_total") >= [1.0], seconds=20)
        eventually(lambda: prometheus.values("count(crier_publish_to_write_seconds_bucket)") >= [2.0], seconds=20)
