"""`crier top`: on a terminal, as text, as JSON, and what it says when it cannot."""

import asyncio
import json
import os
import pathlib
import re
import signal
import socket

import pytest

from broker_process import SLOWNESS, Broker, eventually
from cli import OnTerminal, Running, run
from clients import connect
from tokens import Service

MANAGER = Service("manager", manage=True)
STRANGER = Service("stranger")
OPEN = '[server]\nhosts = ["broker.test"]\n' + MANAGER.toml() + STRANGER.toml()
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def admin_url(broker):
    return f"http://127.0.0.1:{broker.admin_port}"


async def traffic(broker, channel, stop):
    """A subscriber, and publishes until the event is set."""
    async with connect(broker) as reader, connect(broker) as writer:
        await reader.subscribe(channel)
        while not stop.is_set():
            await writer.call("publish", channel=channel, data="x" * 100)
            await reader.next()


async def with_traffic(broker, channel, call, *arguments):
    """What `call` answers, in a thread of its own, while messages go through."""
    stop = asyncio.Event()
    busy = asyncio.create_task(traffic(broker, channel, stop))
    try:
        return await asyncio.to_thread(call, *arguments)
    finally:
        stop.set()
        await busy


async def test_a_table_tells_connections_rates_latency_and_the_busiest_channel(broker):
    output, errors = await with_traffic(broker, "top.table", run, "top", "--admin", admin_url(broker), "--count", "2",
                                        "--interval", "0.3")
    assert errors == ""
    assert output.count("BUSIEST CHANNELS") == 2
    assert "\x1b" not in output and all(len(line) <= 80 for line in output.splitlines())
    assert re.search(r"^crier \S+  127\.0\.0\.1:\d+  up ", output)
    assert int(re.search(r"^connections +(\d+)", output, re.M)[1]) >= 2
    assert re.search(r"^messages +in [1-9][\d.]*( k)?/s +out [1-9]", output, re.M)
    assert re.search(r"^bytes +in [\d.]+ \w+/s +out [\d.]+ \w+/s", output, re.M)
    assert re.search(r"^latency +p50 [\d.]+ (us|ms|s) ", output, re.M)
    assert re.search(r"^memory +resident [\d.]+ MiB", output, re.M)
    assert re.search(r"^top\.table +1 +[1-9]", output, re.M)


async def test_json_is_one_object_for_each_interval(broker):
    output, _ = await with_traffic(broker, "top.json", run, "top", "--admin", admin_url(broker), "--json", "--count",
                                   "2", "--interval", "200ms")
    first, second = map(json.loads, output.splitlines())
    assert first["connections"] >= 2 and second["published_per_second"] > 0
    assert 0 < second["publish_to_write_seconds"]["p50"] <= second["publish_to_write_seconds"]["p99"]
    busiest = {entry["channel"]: entry for entry in second["busiest_channels"]}
    assert busiest["top.json"]["subscribers"] == 1 and busiest["top.json"]["published_per_second"] > 0
    assert second["time"] > first["time"]


def test_on_a_terminal_it_takes_the_screen_and_gives_it_back_for_q(broker):
    with OnTerminal("top", "--admin", admin_url(broker), "--interval", "0.1") as top:
        top.until(re.escape(ENTER))
        top.until(r"crier \S+  127")
        assert top.settings() != top.before
        top.until("q quits")
        top.type("q")
        top.until(re.escape(LEAVE))
        top.end(0)
        assert top.settings() == top.before


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_every_signal_that_ends_it_gives_the_terminal_back(broker, which):
    with OnTerminal("top", "--admin", admin_url(broker)) as top:
        top.until("q quits")
        top.process.send_signal(which)
        top.until(re.escape(LEAVE))
        top.end(128 + which)
        assert top.settings() == top.before


def test_while_it_is_suspended_the_terminal_is_the_shells(broker):
    def state():
        return pathlib.Path(f"/proc/{top.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    with OnTerminal("top", "--admin", admin_url(broker)) as top:
        top.until("q quits")
        top.process.send_signal(signal.SIGTSTP)
        top.until(re.escape(LEAVE))
        eventually(lambda: state() == "T")
        assert top.settings() == top.before
        top.process.send_signal(signal.SIGCONT)
        top.until(re.escape(ENTER))
        top.until("q quits")
        top.type("q")
        top.end(0)
        assert top.settings() == top.before


def test_a_broker_that_goes_away_is_asked_again_until_it_is_back(start_broker):
    broker = start_broker()
    with OnTerminal("top", "--admin", admin_url(broker), "--interval", "0.1") as top:
        top.until("q quits")
        port = broker.admin_port
        broker.stop()
        top.until("asking again")
        with socket.create_server(("127.0.0.1", port)) as squatter:
            squatter.settimeout(10 * SLOWNESS)
            squatter.accept()[0].close()  # it did ask
        top.type("q")
        top.end(0)


def test_a_window_of_another_size_is_filled_anew(broker):
    with OnTerminal("top", "--admin", admin_url(broker), "--interval", "60", columns=100, rows=30) as top:
        top.until("q quits")
        top.resize(50, 10)
        screen = top.until("\x1b\\[H(.*)q quits")[1]
        lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in screen.split("\r\n")]
        assert len(lines) == 10 and max(map(len, lines)) <= 50
        top.type("q")
        top.end(0)


def test_colours_are_for_terminals_that_want_them(broker):
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with OnTerminal("top", "--admin", admin_url(broker), **variables) as top:
            screen = top.until("(.*)q quits")[1]
            assert ("\x1b[1m" in screen) == coloured
            top.type("q")
            top.end(0)
    with OnTerminal("top", "--admin", admin_url(broker), "--count", "1", "--interval", "0.1", TERM="dumb") as top:
        top.end(0)
        assert "\x1b" not in top.output and "connections" in top.output


def test_channels_are_shown_to_a_key_that_manages_and_figures_to_everybody_here(start_broker, tmp_path):
    broker = start_broker(config=OPEN)
    words = ("top", "--admin", admin_url(broker), "--count", "1", "--interval", "0.1")
    output, _ = run(*words)
    assert "--key-file or CRIER_KEY" in output and "connections" in output
    assert "BUSIEST" in run(*words, CRIER_KEY=MANAGER.key)[0]
    (tmp_path / "key").write_text(MANAGER.key + "\n", encoding="ascii")
    assert "BUSIEST" in run(*words, "--key-file", tmp_path / "key")[0]


class OnEveryAddress(Broker):
    def command(self, *flags, **options):
        command = super().command(*flags, **options)
        command[command.index("--admin") + 1] = "0.0.0.0:0"
        return command


def test_off_loopback_a_missing_or_wrong_key_ends_it_and_says_what_to_bring(tmp_path):
    broker = OnEveryAddress(tmp_path / "broker")
    broker.start(config=OPEN)
    try:
        words = ("top", "--admin", admin_url(broker), "--count", "1", "--interval", "0.1")
        assert "401" in (missing := run(*words, exit_code=1)[1]) and "--key-file or CRIER_KEY" in missing
        refused = run(*words, CRIER_KEY=STRANGER.key, exit_code=1)[1]
        assert "403" in refused and STRANGER.key not in refused
        assert "BUSIEST" in run(*words, CRIER_KEY=MANAGER.key)[0]
    finally:
        broker.stop()


def test_what_it_cannot_do_it_says_plainly(broker, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    assert "Connection refused" in run("top", "--admin", f"127.0.0.1:{nobody}", exit_code=3)[1]
    assert "is that the administrative listener?" in run("top", "--admin", broker.url, "--count", "1", exit_code=1)[1]
    assert "expected http://HOST:PORT" in run("top", "--admin", "nowhere", exit_code=2)[1]
    assert "plain HTTP" in run("top", "--admin", "https://127.0.0.1:1", exit_code=2)[1]
    assert "--interval" in run("top", "--interval", "often", exit_code=2)[1]
    assert "--count" in run("top", "--count", "0", exit_code=2)[1]
    assert "did you mean `--json`" in run("top", "--jsn", exit_code=2)[1]
    assert "cannot be read" in run("top", "--key-file", tmp_path / "none", exit_code=1)[1]
    (tmp_path / "two").write_text("one\ntwo\n", encoding="ascii")
    assert "in one line" in run("top", "--key-file", tmp_path / "two", exit_code=1)[1]


def test_a_server_that_is_no_broker_is_told_from_one(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Running("top", "--admin", f"127.0.0.1:{server.getsockname()[1]}") as top:
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nup{} 1\nx 2\n\n")
            top.error("no broker's /metrics")
            top.end(1)
            connection.close()
        with Running("top", "--admin", f"127.0.0.1:{server.getsockname()[1]}") as top:
            connection, _ = server.accept()
            connection.sendall(b"220 mail.example.com ESMTP\r\n")
            connection.close()
            top.error("does not speak HTTP")
            top.end(3)


def test_what_a_server_says_cannot_steer_the_terminal():
    body = b'{"code":"forbidden","message":"no\\u001b]0;title\\u0007","detail":"no\\u001b]0;title\\u0007"}'
    with socket.create_server(("127.0.0.1", 0)) as server:
        with OnTerminal("top", "--admin", f"127.0.0.1:{server.getsockname()[1]}") as top:
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
                               b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            top.end(1)
            assert "no?]0;title?" in top.output
            connection.close()


def test_a_full_disk_is_told(broker):
    with open("/dev/full", "wb") as full:
        with Running("top", "--admin", admin_url(broker), "--count", "1", "--interval", "0.1", stdout=full) as top:
            top.error("standard output: No space left on device")
            top.end(1)


def test_a_reader_that_closes_its_end_ends_it_quietly(broker):
    read_end, write_end = os.pipe()
    with Running("top", "--admin", admin_url(broker), "--interval", "0.05", stdout=write_end) as top:
        os.close(write_end)
        os.read(read_end, 1)
        os.close(read_end)
        top.end(0)
        assert top.errors.empty()


def test_help_names_every_option_and_exit_code():
    output, _ = run("top", "--help")
    for text in ("--admin URL", "--key-file FILE", "--interval TIME", "--count N", "--json", "Exit codes:", "130"):
        assert text in output
