"""The administrative listener's own rules: names, pages, keys, and that nothing changes by asking."""

import http.client
import json
import os
import signal
import subprocess

import pytest

from broker_process import BINARY, SLOWNESS, Broker, eventually
from entrances import Session, post
from tokens import Service

SERVICES = [Service("manager", manage=True), Service("other")]
MANAGER, OTHER = (service.key for service in SERVICES)
OPEN = """[server]
hosts = ["broker.test"]
admin_hosts = ["admin.test"]
""" + "".join(service.toml() for service in SERVICES)
PATHS = ["/metrics", "/healthz", "/readyz", "/channels", "/nowhere"]


def ask(broker, path="/metrics", method="GET", host=None, **headers):
    """(status, headers, body); a header's underscores stand for hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", broker.admin_port, timeout=10 * SLOWNESS)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{broker.admin_port}")
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


class OnEveryAddress(Broker):
    def command(self, *flags, **options):
        command = super().command(*flags, **options)
        command[command.index("--admin") + 1] = "0.0.0.0:0"
        return command


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory):
    """A broker whose administrative listener is on every address: everybody brings a key."""
    process = OnEveryAddress(tmp_path_factory.mktemp("admin"))
    process.start(config=OPEN)
    yield process
    process.stop()


@pytest.mark.parametrize("path", PATHS)
def test_a_host_that_is_neither_loopback_nor_listed_is_421(broker, path):
    for host in ("evil.test", "localhost.evil.test", "localhost.", "127.0.0.1.evil.test", "localhost:0"):
        assert ask(broker, path, host=host)[0] == 421
    assert ask(broker, path, host="LOCALHOST:1")[0] in (200, 404)
    assert ask(broker, path, host="0.0.0.0:9008")[0] == (200 if path in ("/healthz", "/readyz") else 421)


@pytest.mark.parametrize("path", PATHS)
def test_other_pages_are_refused_also_those_of_another_port_of_this_machine(broker, path):
    own = f"http://127.0.0.1:{broker.admin_port}"
    for origin in ("http://evil.test", "null", f"http://127.0.0.1:{broker.port}",
                   f"http://localhost:{broker.admin_port}"):
        status, headers, _ = ask(broker, path, Origin=origin)
        assert status == 403
        assert not [name for name in headers if name.lower().startswith("access-control-")]
    for site in ("cross-site", "same-site"):
        assert ask(broker, path, Sec_Fetch_Site=site)[0] == 403
    assert ask(broker, path, Origin=own, Sec_Fetch_Site="same-origin")[0] in (200, 404)
    assert ask(broker, path, Sec_Fetch_Site="none")[0] in (200, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_served_and_there_is_no_cors(broker, method):
    status, headers, _ = ask(broker, method=method, Content_Length="0")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", [None, "evil.test"])
def test_every_answer_is_kept_from_caches_frames_and_guesses(broker, path, host):
    _, headers, _ = ask(broker, path, host=host)
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert headers["referrer-policy"] == "no-referrer"


def test_asking_changes_no_gauge_and_no_subscription(broker):
    def settled():
        return {name: value for name, value in broker.metrics().items()
                if name in ("crier_subscriptions", "crier_channels", "crier_websockets", "crier_connections")}
    before = settled()
    for path in ("/", "/disconnect?user=a", "/reload", "/quit", "/metrics?reset=1", "/-/quit"):
        ask(broker, path)
    assert settled() == before


def test_crier_health_wants_no_key_off_loopback_either(open_to_all):
    url = f"http://127.0.0.1:{open_to_all.admin_port}/readyz"
    done = subprocess.run([BINARY, "health", "--url", url], capture_output=True, text=True, timeout=30 * SLOWNESS,
                          check=False)
    assert (done.returncode, done.stdout) == (0, f"{url}: ready\n")


def test_off_loopback_every_answer_but_a_probe_wants_the_key_of_a_manager(open_to_all):
    for path in ("/metrics", "/nowhere"):
        for host in ("localhost", "admin.test"):
            status, headers, body = ask(open_to_all, path, host=host)
            assert status == 401
            assert headers["www-authenticate"].startswith("Bearer")
            assert "manage = true" in body
            for credential in ("Bearer wrong-key", "Basic bWFuYWdlcg==", "Bearer", MANAGER, "Bearer a.b.c"):
                status, headers, body = ask(open_to_all, path, host=host, Authorization=credential)
                assert status == 401 and "www-authenticate" in headers
                assert "wrong-key" not in body and MANAGER not in body
            assert ask(open_to_all, path, host=host, Authorization=f"Bearer {OTHER}")[0] == 403
    assert ask(open_to_all, f"/metrics?token={MANAGER}")[0] == 401
    status, _, body = ask(open_to_all, host="admin.test", Authorization=f"Bearer {MANAGER}")
    assert status == 200 and "crier_build_info" in body
    assert ask(open_to_all, "/nowhere", Authorization=f"bearer {MANAGER}")[0] == 404
    assert ask(open_to_all, host="evil.test", Authorization=f"Bearer {MANAGER}")[0] == 421


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_off_loopback_an_orchestrator_probes_by_address_without_a_key(open_to_all, path):
    for host in ("localhost", "admin.test", "10.42.0.7:9008", "[2001:db8::7]:9008"):
        assert ask(open_to_all, path, host=host)[0] == 200
    assert ask(open_to_all, path, host="evil.test")[0] == 421
    assert ask(open_to_all, path, Origin="http://evil.test")[0] == 403
    assert ask(open_to_all, "/metrics", host="10.42.0.7:9008")[0] == 421


def test_a_reload_changes_who_may_read(start_broker):
    broker = start_broker(config='[server]\nadmin_hosts = ["old.test"]\n')
    assert (ask(broker, host="old.test")[0], ask(broker, host="new.test")[0]) == (200, 421)
    assert broker.metric("crier_config_last_reload_successful") == 1
    (broker.folder / "crier.toml").write_text('[server]\nadmin_hosts = ["new.test"]\n', encoding="utf-8")
    os.kill(broker.pid, signal.SIGHUP)
    eventually(lambda: ask(broker, host="new.test")[0] == 200)
    assert ask(broker, host="old.test")[0] == 421
    assert broker.metric("crier_config_reloads_total", result="success") >= 1
    assert broker.metric("crier_config_last_reload_success_timestamp_seconds") > 1_700_000_000
    (broker.folder / "crier.toml").write_text("[server]\nadmin_hosts = 7\n", encoding="utf-8")
    os.kill(broker.pid, signal.SIGHUP)
    eventually(lambda: broker.metric("crier_config_last_reload_successful") == 0)
    assert broker.metric("crier_config_reloads_total", result="failure") >= 1
    assert ask(broker, host="new.test")[0] == 200


# --- the busiest channels


def busiest(broker, query="", **headers):
    status, got, body = ask(broker, "/channels" + query, **headers)
    assert status == 200 and got["Content-Type"] == "application/json", body
    return json.loads(body)


def test_the_busiest_channels_come_first_whoever_is_their_home(start_broker):
    broker = start_broker(threads=3)
    with Session(broker) as subscriber:
        subscriber.subscribe("quiet")
        for number in range(1, 11):
            post(broker, [{"op": "publish", "channel": f"c{number}", "data": 1}] * number)
        found = busiest(broker)
        assert [entry["channel"] for entry in found["channels"]] == [f"c{n}" for n in range(10, 0, -1)] + ["quiet"]
        rates = [entry["published_per_second"] for entry in found["channels"]]
        assert rates == sorted(rates, reverse=True) and rates[0] > 0 and rates[-1] == 0
        assert [entry["subscribers"] for entry in found["channels"]] == [0] * 10 + [1]
        assert not found["more"]
        found = busiest(broker, "?limit=2")
        assert [entry["channel"] for entry in found["channels"]] == ["c10", "c9"] and found["more"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", ""])
def test_a_limit_that_is_none_says_what_is_expected(broker, limit):
    status, _, body = ask(broker, f"/channels?limit={limit}")
    assert status == 400 and "expected 1 to 1000" in body


def test_names_of_channels_are_for_managers_on_loopback_too(start_broker):
    broker = start_broker(config=OPEN)
    assert ask(broker, "/metrics")[0] == 200
    assert ask(broker, "/channels")[0] == 401
    assert ask(broker, "/channels", Authorization=f"Bearer {OTHER}")[0] == 403
    assert busiest(broker, Authorization=f"Bearer {MANAGER}") == {"channels": [], "more": False}
