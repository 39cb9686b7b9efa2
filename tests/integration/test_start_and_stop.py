"""Starts that fail with one clear line, and ends that lose nobody."""

import re
import signal
import socket
import subprocess
import time

import pytest

from broker_process import BINARY, SLOWNESS, eventually
from clients import RawWebSocket, connect, dial, text_frame


def run(*arguments, environment=None):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20 * SLOWNESS,
                          stdin=subprocess.DEVNULL, env=environment, check=False)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_every_connection_with_1012_and_exits_0(start_broker, how):
    broker = start_broker()
    async with connect(broker) as one, connect(broker, "?channel=a") as other:
        broker.signal(how)
        assert await one.close_code() == 1012
        assert await other.close_code() == 1012
    assert broker.process.wait(timeout=20 * SLOWNESS) == 0


def test_a_peer_that_ignores_the_close_does_not_hold_up_the_end(start_broker):
    broker = start_broker()
    with RawWebSocket(broker), dial(broker) as silent:
        silent.sendall(b"GET /mess")
        start = time.monotonic()
        broker.signal()
        assert broker.process.wait(timeout=20 * SLOWNESS) == 0
        assert time.monotonic() - start < 10 * SLOWNESS


def test_a_second_signal_ends_at_once(start_broker):
    broker = start_broker()
    with RawWebSocket(broker):
        broker.signal(signal.SIGTERM)
        eventually(lambda: "SIGTERM" in broker.errors())
        broker.signal(signal.SIGINT)
        start = time.monotonic()
        broker.expected_exit_code = broker.process.wait(timeout=10 * SLOWNESS)
        assert time.monotonic() - start < 1 * SLOWNESS
        assert broker.expected_exit_code >= 0, "it exits, nothing kills it"


def test_what_was_published_before_the_signal_is_delivered(start_broker):
    broker = start_broker()
    with RawWebSocket(broker, "/message?channel=a") as subscriber, RawWebSocket(broker) as publisher:
        assert subscriber.read_json()["op"] == "subscribed"
        publisher.send(b"".join(text_frame({"op": "publish", "channel": "a", "data": i}) for i in range(100))
                       + text_frame({"op": "ping"}))
        assert publisher.read_json() == {"op": "pong"}
        broker.signal()
        assert [subscriber.read_json()["data"] for _ in range(100)] == list(range(100))
        assert subscriber.read_close()[0] == 1012


def test_a_port_in_use_is_one_clear_line_and_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for flags in (["--listen", address, "--admin", "127.0.0.1:0"], ["--listen", "127.0.0.1:0", "--admin", address]):
            ended = run("serve", *flags)
            assert ended.returncode not in (0, None) and ended.returncode > 0
            assert [address in line for line in ended.stderr.splitlines() if "in use" in line] == [True], ended.stderr


@pytest.mark.parametrize("flags, says", [
    (["--bogus"], "--bogus"), (["--threads", "many"], "--threads"), (["--threads", "-1"], "--threads"),
    (["--listen", "nowhere"], "nowhere"), (["--listen", "127.0.0.1:99999"], "99999"),
    (["--config", "/nonexistent/crier.toml"], "/nonexistent/crier.toml"), (["--log-level", "loud"], "loud")])
def test_a_bad_flag_is_named_and_ends_with_2(flags, says):
    ended = run("serve", *flags)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert not ended.stdout


def test_a_bad_configuration_tells_every_fault_with_line_column_and_nearest_key(tmp_path):
    file = tmp_path / "crier.toml"
    file.write_text('[server]\nthread = 2\n\n[limits]\nidle_timeout = "soon"\nheader_bytes_max = "1 QiB"\n',
                    encoding="utf-8")
    ended = run("serve", "--config", str(file))
    assert ended.returncode == 2
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    for place in (r":2:1: .*thread.*threads", r":5:\d+: .*idle_timeout", r":6:\d+: .*header_bytes_max"):
        assert any(re.search(place, line) for line in lines), (place, ended.stderr)


def test_toml_that_does_not_parse_names_its_line(tmp_path):
    file = tmp_path / "crier.toml"
    file.write_text("[server]\nthreads = \n", encoding="utf-8")
    ended = run("serve", "--config", str(file))
    assert ended.returncode == 2
    assert f"{file.name}:2:" in ended.stderr


def test_protected_mode_refuses_an_address_that_is_not_loopback_and_names_the_setting():
    ended = run("serve", "--listen", "0.0.0.0:0", "--admin", "127.0.0.1:0")
    assert ended.returncode == 2
    assert "protected_mode" in ended.stderr


def test_help_and_version_are_worth_reading():
    assert re.search(r"\d+\.\d+\.\d+", run("--version").stdout)
    for flags in (["--help"], ["serve", "--help"]):
        ended = run(*flags)
        assert ended.returncode == 0
        assert "serve" in ended.stdout
    for flag in ("--config", "--listen", "--admin", "--threads", "--echo", "--log-level", "--log-format"):
        assert flag in run("serve", "--help").stdout


def test_the_start_prints_one_readable_summary(start_broker):
    broker = start_broker(threads=3)
    summary = "".join(broker.lines) + broker.errors()
    assert f"http://127.0.0.1:{broker.port}/" in summary
    assert re.search(r"\b3 threads?\b|threads\D*3\b", summary)
    assert "descriptors" in summary or "NOFILE" in summary or "connections" in summary


def test_several_listeners_serve_the_same_channels(start_broker):
    broker = start_broker("--listen", "127.0.0.1:0")
    ports = [int(m[1]) for line in broker.lines if (m := re.search(r"listening on http://127.0.0.1:(\d+)/", line))]
    eventually(lambda: len(set(ports)) == 2)
    with RawWebSocket(broker, "/message?channel=a") as subscriber:
        assert subscriber.read_json()["op"] == "subscribed"
        broker.port = next(port for port in ports if port != broker.port)
        with RawWebSocket(broker) as publisher:
            publisher.send(text_frame({"op": "publish", "channel": "a", "data": "across"}))
            assert subscriber.read_json()["data"] == "across"
