"""`crier sub`: what it prints, what it says, how it ends, and where it goes on."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading

import pytest

from broker_process import SLOWNESS, Broker, eventually
from certificates import Authority
from cli import HISTORY, SHORT, OnTerminal, Running, closed, run, trusted
from clients import request
from event_streams import Relay
from http_wire import post
from tokens import Service, may, token

READER = Service("reader", subscribe=["news.>"])
CLOSED = closed(READER)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory):
    """A broker that keeps messages."""
    process = Broker(tmp_path_factory.mktemp("keeper"))
    process.start(config=HISTORY)
    yield process
    process.stop()


def publish(broker, channel, *lines):
    run("pub", channel, "-", *trusted(broker), stdin="".join(f"{line}\n" for line in lines))


def subscribed(broker, channel=None):
    """Waits until that channel has a subscriber; or any channel, where none is named."""
    def is_there():
        if channel is None:
            return broker.metric("crier_subscriptions") >= 1
        found = json.loads(broker.admin("/channels?limit=1000")[1])["channels"]
        return any(entry["channel"] == channel and entry["subscribers"] for entry in found)
    eventually(is_there)


def test_it_prints_each_message_in_a_line_of_its_own(keeper, channel):
    publish(keeper, channel, "one", "two words", 'quo"te', "")
    assert run("sub", channel, "--last", "4", "--count", "4", *trusted(keeper)) == (
        '"one"\n"two words"\n"quo\\"te"\n""\n', "")
    assert run("sub", channel, "--last", "2", "--count", "2", "--raw", *trusted(keeper))[0] == 'quo"te\n\n'


def test_json_prints_the_whole_push_and_data_in_several_lines_becomes_one(keeper, channel):
    run("pub", channel, '{"a":\n  [1, 2]}', "--json", *trusted(keeper))
    line = run("sub", channel, "--last", "1", "--count", "1", "--json", *trusted(keeper))[0]
    assert line.count("\n") == 1
    push = json.loads(line)
    assert (push["op"], push["channel"], push["data"]) == ("message", channel, {"a": [1, 2]})
    assert re.fullmatch(r"[0-9A-Za-z]+:\d+", push["position"]) and push["time"] > 1.7e12


def test_several_channels_and_a_pattern_come_through_one_connection(broker):
    with Running("sub", "several.a", "several.x.*", "--json", *trusted(broker)) as sub:
        eventually(lambda: broker.metric("crier_subscriptions") >= 2)
        publish(broker, "several.x.y", "by pattern")
        publish(broker, "several.a", "by name")
        first, second = json.loads(sub.line()), json.loads(sub.line())
        assert (first["channel"], first["pattern"]) == ("several.x.y", "several.x.*")
        assert second["channel"] == "several.a" and "pattern" not in second
        sub.signal()
        sub.end(130)


def test_an_interrupt_ends_it_in_order_and_says_where_to_go_on_and_that_is_right(keeper, channel):
    publish(keeper, channel, *range(5))
    with Running("sub", channel, "--last", "3", "--raw", *trusted(keeper)) as sub:
        assert [sub.line() for _ in range(3)] == ["2", "3", "4"]
        sub.signal(signal.SIGINT)
        since = re.search(r"go on with (--since \S+:\d+)\.$", sub.error("go on with"))[1].split()
        sub.end(130)
    publish(keeper, channel, 5, 6)
    assert run("sub", channel, *since, "--count", "2", "--raw", *trusted(keeper))[0] == "5\n6\n"


def test_with_several_channels_each_has_a_position_of_its_own(keeper, channel):
    other = channel + ".other"
    publish(keeper, channel, "a")
    publish(keeper, other, "b")
    with Running("sub", channel, other, "--last", "1", "--raw", *trusted(keeper)) as sub:
        assert {sub.line(), sub.line()} == {"a", "b"}
        sub.signal(signal.SIGTERM)
        said = sub.error("go on with")
        sub.end(143)
    since = re.findall(r"--since (\S+=\S+:\d+?)(?=\.?$| )", said)
    assert sorted(text.partition("=")[0] for text in since) == sorted([channel, other])
    publish(keeper, other, "c")
    words = [word for text in since for word in ("--since", text)]
    assert run("sub", channel, other, *words, "--count", "1", "--raw", *trusted(keeper))[0] == "c\n"


def test_a_history_that_no_longer_reaches_back_is_told_and_counts_as_incomplete(keeper, channel):
    publish(keeper, channel, "old")
    with Running("sub", channel, "--since", "0ther:3", "--count", "1", *trusted(keeper)) as sub:
        sub.error("no longer reaches back")
        publish(keeper, channel, "new")
        assert sub.line() == '"new"'
        sub.end(4)


def test_after_a_cut_it_goes_on_where_it_was(keeper, channel):
    relay = Relay(keeper)
    url = keeper.websocket_url.replace(f":{keeper.port}", f":{relay.port}")
    words = ["--url", url] + trusted(keeper)[2:]
    try:
        with Running("sub", channel, "--raw", "--count", "4", *words) as sub:
            subscribed(keeper, channel)
            publish(keeper, channel, 1, 2)
            assert [sub.line(), sub.line()] == ["1", "2"]
            relay.cut()
            sub.error("trying again")
            publish(keeper, channel, 3)
            relay.mend()
            publish(keeper, channel, 4)
            assert [sub.line(), sub.line()] == ["3", "4"]
            sub.end(0)
    finally:
        relay.close()


def test_its_time_is_over_when_it_is_over(keeper, channel):
    assert run("sub", channel, "--timeout", SHORT, *trusted(keeper)) == ("", "")
    publish(keeper, channel, "one")
    output, errors = run("sub", channel, "--last", "1", "--count", "2", "--timeout", SHORT, *trusted(keeper),
                         exit_code=4)
    assert output == '"one"\n' and "1 of 2 messages came within --timeout" in errors


def test_presence_tells_who_is_there_who_comes_and_who_goes(keeper, channel):
    with Running("sub", channel, "--presence", "--json", *trusted(keeper)) as watcher:
        assert json.loads(watcher.line())["op"] == "presence"
        with Running("sub", channel, *trusted(keeper)) as other:
            joined = json.loads(watcher.line())
            assert joined["op"] == "join" and joined["member"]["session"]
            other.signal()
            other.end(130)
        assert json.loads(watcher.line()) == joined | {"op": "leave"}


def test_a_reader_that_closes_its_end_ends_it_quietly(keeper, channel):
    read_end, write_end = os.pipe()
    with Running("sub", channel, stdout=write_end, *trusted(keeper)) as sub:
        os.close(write_end)
        os.close(read_end)
        subscribed(keeper, channel)
        publish(keeper, channel, "for nobody")
        sub.end(0)
        assert sub.errors.empty(), sub.said


def test_a_reader_that_pauses_loses_nothing(keeper, channel):
    """Its pipe is full, and so is what we keep for it: the broker is not read, and the link stays."""
    count, size = 300, 20_000
    read_end, write_end = os.pipe()
    with Running("sub", channel, "--raw", "--count", str(count), stdout=write_end, *trusted(keeper)) as sub:
        os.close(write_end)
        subscribed(keeper, channel)
        publish(keeper, channel, *(f"{number} {'x' * size}" for number in range(count)))
        with os.fdopen(read_end) as reader:
            assert [int(line.partition(" ")[0]) for line in reader] == list(range(count))
        sub.end(0)


def test_where_to_go_on_is_behind_what_was_printed_and_not_behind_what_still_waited(keeper, channel):
    read_end, write_end = os.pipe()
    with Running("sub", channel, "--json", stdout=write_end, *trusted(keeper)) as sub:
        os.close(write_end)
        subscribed(keeper, channel)
        publish(keeper, channel, *(f"{number} {'x' * 20_000}" for number in range(20)))
        with os.fdopen(read_end) as reader:
            lines = [reader.readline()]
            sub.signal()
            position = re.search(r"--since (\S+:\d+)\.$", sub.error("go on with"))[1]
            lines += list(reader)
        sub.end(130)
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    assert [int(push["data"].partition(" ")[0]) for push in whole] == list(range(len(whole)))
    assert whole[-1]["position"] == position


def test_on_a_terminal_nothing_of_a_message_moves_the_cursor(keeper, channel):
    run("pub", channel, "bell \u009b2J \x7f", *trusted(keeper))
    with OnTerminal("sub", channel, "--last", "1", "--count", "1", "--raw", *trusted(keeper)) as sub:
        sub.end(0)
        assert "bell \\u009b2J \\u007f\r\n" in sub.output


def test_tokens_and_keys_come_from_the_environment_or_a_file_and_are_never_shown(start_broker, tmp_path):
    broker = start_broker(config=CLOSED)
    good, bad = may("ann", subscribe=["news.>"]), token("ann", key="another secret, long enough for HS256 as well")
    file = tmp_path / "token"
    for credential in (good, READER.key):
        file.write_text(credential + "\n", encoding="ascii")
        run("sub", "news.a", "--timeout", SHORT, *trusted(broker), CRIER_TOKEN=credential)
        run("sub", "news.a", "--timeout", SHORT, *trusted(broker), "--token-file", file)
        run("sub", "news.a", "--timeout", SHORT, *trusted(broker), "--token-file", "-", stdin=credential)
        refused = run("sub", "secrets", *trusted(broker), CRIER_TOKEN=credential, exit_code=1)[1]
        assert "secrets" in refused and credential not in refused
    for credential, word in ((bad, "signature"), (token("ann", expires_in=-100), "expired")):
        refused = run("sub", "news.a", *trusted(broker), CRIER_TOKEN=credential, exit_code=1)[1]
        assert word in refused and credential not in refused
    assert run("sub", "news.a", *trusted(broker), exit_code=1)[1]


def test_a_token_file_is_read_again_before_the_token_is_over(start_broker, tmp_path):
    broker = start_broker(config=CLOSED)
    file = tmp_path / "token"
    file.write_text(may("ann", subscribe=["news.>"], expires_in=4 * SLOWNESS), encoding="ascii")
    with Running("sub", "news.a", "--raw", "--token-file", file, *trusted(broker)) as sub:
        subscribed(broker)
        file.write_text(may("ann", subscribe=["news.>"]), encoding="ascii")
        eventually(lambda: broker.metric("crier_commands_total", op="auth", outcome="ok") >= 1)
        sub.signal()
        sub.end(130)


def test_a_subscription_that_is_taken_away_later_ends_it(start_broker):
    broker = start_broker(config=CLOSED)
    with Running("sub", "news.a", *trusted(broker), CRIER_TOKEN=READER.key) as sub:
        subscribed(broker)
        config = broker.folder / "crier.toml"
        config.write_text(config.read_text(encoding="utf-8").replace('subscribe = ["news.>"]', 'subscribe = ["x.>"]'),
                          encoding="utf-8")
        broker.process.send_signal(signal.SIGHUP)
        sub.error("news.a|ended|closed|refused")
        sub.end(1)


def test_tls_is_verified_and_what_does_not_verify_says_what_to_do(start_tls, tmp_path):
    broker = start_tls()
    url = ["--url", broker.websocket_url]
    run("sub", "news", *url, "--ca-file", broker.authority, "--timeout", SHORT)
    assert "--insecure: whoever is in between" in run("sub", "news", *url, "--insecure", "--timeout", SHORT)[1]
    assert "certificate" in run("sub", "news", *url, exit_code=3)[1]
    run("sub", "news", *url, "--ca-file", tmp_path / "none.pem", exit_code=2)
    assert "speaks TLS" in run("sub", "news", "--url", broker.websocket_url.replace("wss:", "ws:"), exit_code=1)[1]


def test_a_link_that_cannot_be_is_told_plainly_and_soon(broker, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"ws://127.0.0.1:{listener.getsockname()[1]}/message"
    assert "Connection refused" in run("sub", "news", "--url", nobody, exit_code=3)[1]
    assert "Connection refused" in run("sub", "news", CRIER_URL=nobody, exit_code=3)[1]
    admin = f"ws://127.0.0.1:{broker.admin_port}/message"
    assert "404" in run("sub", "news", "--url", admin, exit_code=1)[1]
    for url in ("nowhere", "ftp://127.0.0.1", "ws://", "ws://127.0.0.1:99999/?token=secret"):
        assert "secret" not in run("sub", "news", "--url", url, exit_code=2)[1]
    assert "is empty" in run("sub", "news", "--token-file", "/dev/null", exit_code=1)[1]
    run("sub", "news", "--token-file", tmp_path / "none", exit_code=1)


def test_a_server_that_speaks_something_else_is_told_from_a_broker():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            connection.close()
        threading.Thread(target=answer, daemon=True).start()
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/message"
        said = run("sub", "news", "--url", url, exit_code=3)[1]
        assert url in said and "200" in said


def test_at_the_start_it_waits_for_a_broker_as_long_as_it_was_told(start_broker):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Running("sub", "news", "--url", f"ws://127.0.0.1:{port}/message", "--wait", f"{30 * SLOWNESS}s",
                 "--insecure") as sub:
        sub.error("trying again")
        start_broker("--listen", f"127.0.0.1:{port}")
        sub.signal()
        sub.end(130)


@pytest.mark.parametrize("words, told", [
    ([], "expected CHANNEL"),
    (["a b"], "space"),
    (["news.*", "--last", "1"], "not for patterns"),
    (["news", "news"], "given twice"),
    (["news", "--since", "yesterday"], "expected a position"),
    (["news", "chat", "--since", "a:1"], "CHANNEL=POSITION"),
    (["news", "--since", "chat=a:1"], "none of the channels"),
    (["news", "--count", "many"], "from 1"),
    (["news", "--timeout", "soon"], "expected a time"),
    (["news", "--json", "--raw"], "one of them"),
    (["news", "--token-fil", "x"], "did you mean `--token-file`"),
])
def test_wrong_words_are_told_before_anything_happens(words, told):
    assert told in run("sub", *words, "--url", "ws://127.0.0.1:1/", exit_code=2)[1]


def stuck(broker, sub):
    """Waits until its reader's pipe is full, and it has left the broker."""
    def waiting():
        return int.from_bytes(fcntl.ioctl(sub.process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)
    eventually(lambda: waiting() > 50_000)
    eventually(lambda: broker.metric("crier_subscriptions") == 0)


def test_a_slow_reader_gets_all_that_count_asked_for(keeper, channel):
    count, size = 100, 10_000  # more than a pipe holds
    publish(keeper, channel, *(f"{number:0{size}}" for number in range(count)))
    with Running("sub", channel, "--last", count, "--count", count, "--raw", *trusted(keeper),
                 slow=True) as sub:
        stuck(keeper, sub)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits longer than for a broker's goodbye
            sub.process.wait(timeout=1.5)
        assert [int(line[-10:]) for line in sub.process.stdout] == list(range(count))
        sub.end(0)


def test_a_reader_who_never_reads_is_told_when_a_signal_ends_it(keeper, channel):
    publish(keeper, channel, *(f"{number:010000}" for number in range(100)))
    with Running("sub", channel, "--last", "100", "--count", "100", "--raw", *trusted(keeper), slow=True) as sub:
        stuck(keeper, sub)
        sub.signal(signal.SIGINT)
        sub.error("the last messages were not written")
        sub.end(4)


def test_a_reader_who_leaves_early_makes_count_incomplete_and_nothing_is_said(keeper, channel):
    publish(keeper, channel, *(f"{number:010000}" for number in range(100)))
    with Running("sub", channel, "--last", "100", "--count", "100", "--raw", *trusted(keeper), slow=True) as sub:
        assert len(sub.process.stdout.readline()) == 10_001
        sub.process.stdout.close()
        sub.end(4)
        assert sub.said == []


def test_where_to_go_on_is_not_before_a_history_that_was_lost(keeper, start_broker, channel):
    other = start_broker(config=HISTORY)
    relay = Relay(keeper)
    url = keeper.websocket_url.replace(f":{keeper.port}", f":{relay.port}")
    publish(keeper, channel, "old")
    try:
        with Running("sub", channel, "--last", "1", "--raw", "--url", url, *trusted(keeper)[2:]) as sub:
            assert sub.line() == "old"
            relay.cut()
            sub.error("trying again")
            relay.broker_port = other.port  # as after a restart without a folder for the histories
            relay.mend()
            sub.error("no longer reaches back")
            sub.signal(signal.SIGINT)
            since = re.search(r"go on with (--since \S+:\d+)\.$", sub.error("go on with"))[1].split()
            sub.end(130)
    finally:
        relay.close()
    publish(other, channel, "new")
    assert run("sub", channel, *since, "--count", "1", "--raw", *trusted(other)) == ("new\n", "")


def test_what_was_ignored_at_the_start_stays_ignored(keeper, channel):
    """As `nohup crier sub` has it, whose terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        sub = Running("sub", channel, "--raw", "--count", "1", *trusted(keeper))
    finally:
        signal.signal(signal.SIGHUP, before)
    with sub:
        subscribed(keeper, channel)
        sub.signal(signal.SIGHUP)
        publish(keeper, channel, "still here")
        assert sub.line() == "still here"
        sub.end(0)


def test_a_message_of_several_mebibytes_comes_through(start_broker, channel):
    broker = start_broker(config=HISTORY.replace("presence", "message_bytes_max = 6_000_000\npresence") +
                          "[limits]\nincoming_bytes_max = 8_000_000\ninflight_bytes_max = 8_000_000\n"
                          "outbox_bytes_max = 32_000_000\n")
    size = 5_000_000
    command = json.dumps([{"op": "publish", "channel": channel, "data": "x" * size, "id": 1}])
    assert request(broker, post(broker, command)).status == 200
    assert len(run("sub", channel, "--last", "1", "--count", "1", "--raw", *trusted(broker))[0]) == size + 1


def test_a_certificate_of_ones_own_is_shown_where_the_broker_asks_for_it(start_broker, tmp_path):
    authority = Authority(tmp_path / "authority")
    authority.issue("server")
    certificate, key = authority.issue("client", "client")
    broker = start_broker(config=authority.config() + f'client_ca = "{authority.certificate}"\n')
    words = ["--url", broker.websocket_url.replace("ws:", "wss:"), "--ca-file", authority.certificate]
    shown = ["--cert", certificate, "--client-key", key]
    run("pub", "news", "hello", *words, *shown)
    run("sub", "news", "--timeout", SHORT, *words, *shown)
    run("bench", "--subscribers", "1", "--warm-up", "0.1", "--duration", "0.1", *words, *shown)
    run("pub", "news", "hello", *words, exit_code=3)
    assert "--cert and --client-key belong together" in run("sub", "news", *words, *shown[:2], exit_code=2)[1]
    assert "--ca-file" in run("sub", "news", *words[:2], *shown, exit_code=3)[1]
