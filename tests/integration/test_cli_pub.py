"""`crier pub`: messages and lines, keys and rates, and whether everything was acknowledged."""

import json
import re
import signal
import socket
import subprocess
import time

import pytest

from broker_process import SLOWNESS, Broker, eventually, scaled
from cli import HISTORY, SHORT, OnTerminal, Running, closed, run, trusted
from event_streams import Relay
from tokens import SECRET, may

PUBLISHED = "crier_messages_published_total"


@pytest.fixture(scope="module")
def keeper(tmp_path_factory):
    """A broker that keeps messages, and lets few of them through in namespaces `slow` and `small`."""
    process = Broker(tmp_path_factory.mktemp("keeper"))
    process.start(config=HISTORY + """
[namespace.slow]
history = { messages = 1000, age = "10m" }
rate = 20
[namespace.small]
history = { messages = 1000, age = "10m" }
message_bytes_max = 100
""")
    yield process
    process.stop()


def stored(broker, channel, count):
    """The data of the newest messages of a channel; there must be no more of them than that."""
    output, _ = run("sub", channel, "--last", "1000", "--timeout", SHORT, *trusted(broker))
    data = [json.loads(line) for line in output.splitlines()]
    assert len(data) == count, data[:20]
    return data


def test_one_message_as_text_or_as_json_and_nothing_is_said(keeper, channel):
    assert run("pub", channel, "hello, \u00e9 \"world\"", *trusted(keeper)) == ("", "")
    assert run("pub", channel, '{"a": [1, null]}', "--json", *trusted(keeper)) == ("", "")
    assert run("pub", channel, *trusted(keeper), "--", "-5") == ("", "")
    assert stored(keeper, channel, 3) == ['hello, \u00e9 "world"', {"a": [1, None]}, "-5"]


def test_print_tells_the_position_to_go_on_from(keeper, channel):
    position = run("pub", channel, "one", "--print", *trusted(keeper))[0].strip()
    run("pub", channel, "two", *trusted(keeper))
    assert run("sub", channel, "--since", position, "--count", "1", "--raw", *trusted(keeper))[0] == "two\n"


def test_a_line_a_message_from_standard_input_or_a_file_in_their_order(keeper, channel, tmp_path):
    lines = ["first", "", "third\tline", "no end"]
    said = run("pub", channel, "-", *trusted(keeper), stdin="\n".join(lines))[1]
    assert said == "crier pub: 4 lines published.\n"
    file = tmp_path / "lines"
    file.write_text('{"n":1}\r\n\n[2]\n', encoding="ascii")
    assert "2 lines published" in run("pub", channel, "--file", file, "--json", *trusted(keeper))[1]
    assert stored(keeper, channel, 6) == [*lines, {"n": 1}, [2]]


def test_many_lines_arrive_once_each_and_in_order(keeper):
    count = scaled(20_000, at_least=2000)
    with Running("sub", "many", "--raw", "--count", count, *trusted(keeper)) as sub:
        eventually(lambda: keeper.metric("crier_subscriptions") >= 1)
        said = run("pub", "many", "-", *trusted(keeper), stdin="".join(f"{number}\n" for number in range(count)))[1]
        assert f"{count:,} lines published" in said
        sub.end(0)
        assert [int(sub.line()) for _ in range(count)] == list(range(count))


def test_lines_go_out_as_they_come(keeper, channel):
    with Running("sub", channel, "--raw", *trusted(keeper)) as sub, \
            Running("pub", channel, "-", stdin=subprocess.PIPE, *trusted(keeper)) as pub:
        eventually(lambda: keeper.metric("crier_subscriptions") >= 1)
        for line in ("one", "two"):
            pub.process.stdin.write(f"{line}\n".encode())
            pub.process.stdin.flush()
            assert sub.line() == line
        pub.process.stdin.close()
        pub.end(0)


def test_a_cut_in_the_middle_loses_nothing_and_doubles_nothing(keeper):
    relay = Relay(keeper)
    url = keeper.websocket_url.replace(f":{keeper.port}", f":{relay.port}")
    count = scaled(900, at_least=300)
    before = keeper.metric(PUBLISHED)
    try:
        with Running("pub", "cut", "-", "--url", url, "--rate", f"{count // 3}/s", *trusted(keeper)[2:],
                     stdin=subprocess.PIPE) as pub:
            pub.process.stdin.write("".join(f"{number}\n" for number in range(count)).encode())
            pub.process.stdin.close()
            for share in (0.2, 0.5):
                wanted = before + share * count
                eventually(lambda wanted=wanted: keeper.metric(PUBLISHED) >= wanted)
                relay.cut()
                pub.error("trying again")
                relay.mend()
            pub.error(f"{count:,} lines published")
            pub.end(0)
    finally:
        relay.close()
    assert stored(keeper, "cut", count) == [str(number) for number in range(count)]


def test_the_same_file_with_the_same_key_again_is_nothing_new(keeper, channel):
    for _ in range(2):
        assert "3 lines" in run("pub", channel, "-", "--key", "import", *trusted(keeper), stdin="a\nb\nc\n")[1]
    run("pub", channel, "d", "--key", "import:3", *trusted(keeper))
    assert stored(keeper, channel, 3) == ["a", "b", "c"]


def test_a_rate_is_kept(keeper, channel):
    began = time.monotonic()
    run("pub", channel, "-", "--rate", "50/s", *trusted(keeper), stdin="x\n" * 26)
    assert time.monotonic() - began >= 0.5


def test_over_the_brokers_rate_limit_lines_wait_and_none_is_lost(keeper):
    said = run("pub", "slow:lines", "-", *trusted(keeper), stdin="".join(f"{number}\n" for number in range(50)))[1]
    assert "going slower" in said and "50 lines published" in said
    assert sorted(map(int, stored(keeper, "slow:lines", 50))) == list(range(50))


def test_lines_that_are_refused_are_told_by_number_and_the_others_go_on(keeper):
    lines = ["ok", "x" * 200, "also ok", "y" * 200, "fine"]
    said = run("pub", "small:lines", "-", *trusted(keeper), stdin="\n".join(lines), exit_code=4)[1]
    assert re.search(r"^crier pub: line 2: .*100", said, re.M) and re.search(r"^crier pub: line 4: ", said, re.M)
    assert "3 lines published, 2 not, the first of them line 2" in said
    assert stored(keeper, "small:lines", 3) == ["ok", "also ok", "fine"]
    assert "message_bytes_max" in run("pub", "small:lines", "z" * 200, *trusted(keeper), exit_code=1)[1]


def test_lines_that_are_no_json_or_no_text_are_told_and_the_others_go_on(keeper, channel, tmp_path):
    said = run("pub", channel, "-", "--json", *trusted(keeper), stdin='1\n{"a":\n2\n', exit_code=4)[1]
    assert "line 2: is no JSON: byte" in said and "2 lines published, 1 not" in said
    file = tmp_path / "bytes"
    file.write_bytes(b"good\n\xff\xfe\nlast\n" + b"l" * (3 << 20) + b"\nend\n")
    said = run("pub", channel, "--file", file, *trusted(keeper), exit_code=4)[1]
    assert "line 2: is no UTF-8" in said and "line 4: is longer than 2MiB" in said
    assert stored(keeper, channel, 5) == [1, 2, "good", "last", "end"]


def test_a_hundred_bad_lines_fill_no_screen(keeper, channel):
    said = run("pub", channel, "-", "--json", *trusted(keeper), stdin="{\n" * 100, exit_code=4)[1]
    assert said.count("is no JSON") == 10 and "no further lines" in said and "100 not" in said


def test_an_interrupt_waits_for_what_is_on_its_way_and_says_how_far_it_came(keeper, channel):
    before = keeper.metric(PUBLISHED)
    with Running("pub", channel, "-", stdin=subprocess.PIPE, *trusted(keeper)) as pub:
        pub.process.stdin.write(b"one\ntwo\n")
        pub.process.stdin.flush()
        eventually(lambda: keeper.metric(PUBLISHED) >= before + 2)
        pub.signal(signal.SIGINT)
        pub.error("2 lines published")
        pub.end(130)


def test_what_was_never_acknowledged_makes_the_exit_code(keeper, channel):
    relay = Relay(keeper)
    url = keeper.websocket_url.replace(f":{keeper.port}", f":{relay.port}")
    try:
        with Running("pub", channel, "-", "--print", "--timeout", f"{SLOWNESS}s", "--url", url,
                     *trusted(keeper)[2:], stdin=subprocess.PIPE) as pub:
            pub.process.stdin.write(b"one\n")
            pub.process.stdin.flush()
            pub.line()  # the position: it was acknowledged
            relay.cut()
            pub.error("trying again")
            pub.process.stdin.write(b"two\nthree\n")
            pub.process.stdin.close()
            pub.error("line 2: there was no connection within --timeout")
            pub.error("1 line published, 2 not, the first of them line 2")
            pub.end(4)
    finally:
        relay.close()


def test_a_publisher_that_may_not_is_told_at_once_and_stops(start_broker):
    broker = start_broker(config=closed())
    ann = may("ann", publish=["news.>"])
    run("pub", "news.a", "hello", *trusted(broker), CRIER_TOKEN=ann)
    said = run("pub", "secrets", "hello", *trusted(broker), CRIER_TOKEN=ann, exit_code=1)[1]
    assert "secrets" in said and ann not in said and SECRET not in said
    said = run("pub", "secrets", "-", *trusted(broker), stdin="a\n" * 5000, CRIER_TOKEN=ann, exit_code=1)[1]
    assert "0 lines published" in said


def test_progress_is_for_terminals(keeper, channel, tmp_path):
    file = tmp_path / "lines"
    file.write_text("x\n" * 100, encoding="ascii")
    words = ("pub", channel, "--file", file, "--rate", "100/s", *trusted(keeper))
    with OnTerminal(*words) as pub:
        pub.until(r"\d+ acknowledged, 100 % read, [\d.]+/s")
        pub.until("100 lines published")
        pub.end(0)
    assert "acknowledged" not in run(*words)[1]


@pytest.mark.parametrize("words, told", [
    ([], "expected CHANNEL"),
    (["news"], "what to publish?"),
    (["news", "x", "--file", "y"], "what to publish?"),
    (["news.*", "x"], "not to a pattern"),
    (["a b", "x"], "space"),
    (["news", "{", "--json"], "DATA is no JSON"),
    (["news", "x", "--rate", "fast"], "as 100/s"),
    (["news", "x", "--ttl", "1.5"], "whole seconds"),
    (["news", "x", "--timeout", "soon"], "expected a time"),
    (["news", "x", "--key", "k" * 129], "at most 128 bytes"),
    (["news", "x", "--key", "k", "--no-key"], "one of them"),
    (["news", "-", "--token-file", "-"], "standard input is for the lines"),
])
def test_wrong_words_are_told_before_anything_happens(words, told):
    assert told in run("pub", *words, "--url", "ws://127.0.0.1:1/", exit_code=2)[1]


def test_a_file_that_cannot_be_read_is_told(keeper, tmp_path):
    assert "No such file" in run("pub", "news", "--file", tmp_path / "none", *trusted(keeper), exit_code=1)[1]
    assert "is a folder" in run("pub", "news", "--file", tmp_path, *trusted(keeper), exit_code=1)[1]


def test_input_that_nothing_waits_for_is_read_as_it_is(keeper, channel):
    """As cron and systemd give it: there is nothing to wait for in /dev/null."""
    for words in (["-"], ["--file", "/dev/null"]):
        with Running("pub", channel, *words, *trusted(keeper)) as pub:
            pub.error("0 lines published")
            pub.end(0)


FEW_KEYS = HISTORY + "[limits]\nidempotency_keys_max = 20\n"


def test_a_broker_without_room_for_keys_takes_lines_and_single_messages_all_the_same(start_broker, channel):
    broker = start_broker(threads=1, config=FEW_KEYS)
    said = run("pub", channel, "-", *trusted(broker), stdin="".join(f"{number}\n" for number in range(100)))[1]
    assert said.count("a cut may publish a line twice") == 1 and "idempotency_keys_max" in said
    assert "crier pub: 100 lines published.\n" in said
    run("pub", channel, "100", *trusted(broker))
    assert sorted(map(int, stored(broker, channel, 101))) == list(range(101))
    # Who asked for a key gets no message without it, and is told why.
    words = ["--key", "mine", "--timeout", f"{1.5 * SLOWNESS}"]
    assert "idempotency_keys_max" in run("pub", channel, "x", *words, *trusted(broker), exit_code=1)[1]
    stored(broker, channel, 101)


def test_nothing_is_waited_for_behind_the_last_message(keeper, channel):
    with Running("pub", channel, "x", "--rate", "0.001", *trusted(keeper)) as pub:  # the next one in 17 minutes
        pub.end(0)


def test_an_address_that_came_out_empty_leads_nowhere_else(keeper, channel):
    said = run("pub", channel, "x", "--url", "", CRIER_URL=keeper.websocket_url, exit_code=2)[1]
    assert "has no scheme" in said


def test_who_has_no_token_or_no_file_of_authorities_is_told_what_to_give(start_broker, tmp_path):
    broker = start_broker(config=closed() + "[auth]\nanonymous = false\n")
    said = run("pub", "news.a", "x", *trusted(broker), exit_code=1)[1]
    assert "CRIER_TOKEN" in said and '"op"' not in said, said
    missing = str(tmp_path / "missing.pem")
    said = run("pub", "a", "x", "--url", "wss://127.0.0.1:1/", "--ca-file", missing, exit_code=2)[1]
    assert said.startswith(f"crier pub: --ca-file: {missing} ") and "No such file" in said, said


def test_who_asks_for_a_key_waits_for_room_within_its_timeout(start_broker, channel):
    config = FEW_KEYS.replace("[namespace.default]\n", f'[namespace.default]\nidempotency_window = "{4 * SLOWNESS}s"\n')
    broker = start_broker(threads=1, config=config)
    run("pub", channel, "-", *trusted(broker), stdin="".join(f"{number}\n" for number in range(20)))
    said = run("pub", channel, "20", "--key", "mine", "--timeout", f"{20 * SLOWNESS}s", *trusted(broker))[1]
    assert said.count("until there is room for --key") == 1, said
    stored(broker, channel, 21)


def test_after_a_cut_lines_without_a_key_are_sent_again_and_that_is_told(start_broker, channel, tmp_path):
    broker = start_broker(threads=1, config=FEW_KEYS)
    count = scaled(60_000, at_least=20_000)
    file = tmp_path / "lines"
    file.write_text("".join(f"{number}\n" for number in range(count)), encoding="ascii")
    relay = Relay(broker)
    url = broker.websocket_url.replace(f":{broker.port}", f":{relay.port}")
    try:
        with Running("pub", channel, "--file", file, "--url", url, *trusted(broker)[2:]) as pub:
            eventually(lambda: broker.metric(PUBLISHED) > 1000)
            relay.cut()
            pub.error("sent again: it may come twice")
            relay.mend()
            assert re.search(f"{count:,} lines published, up to [0-9,]+ of them twice", pub.error("lines published"))
            pub.end(0)
    finally:
        relay.close()
    assert broker.metric(PUBLISHED) >= count


def test_positions_into_a_slow_reader_hold_no_acknowledgement_up(keeper):
    """More of them than a pipe holds: the publisher goes on answering the broker, and nothing is cut off."""
    count = 8000
    with Running("pub", "positions", "-", "--print", *trusted(keeper), stdin=subprocess.PIPE, slow=True) as pub:
        before = keeper.metric(PUBLISHED)
        pub.process.stdin.write(b"x\n" * count)
        eventually(lambda: keeper.metric(PUBLISHED) >= before + count)
        pub.process.stdin.close()
        with pytest.raises(subprocess.TimeoutExpired):
            pub.process.wait(timeout=1)
        assert len(list(pub.process.stdout)) == count
        pub.error(f"{count:,} lines published")
        pub.end(0)


def test_a_full_disk_is_told_and_not_taken_for_success(keeper, channel):
    with open("/dev/full", "wb") as full:
        with Running("pub", channel, "x", "--print", *trusted(keeper), stdout=full) as pub:
            pub.error("standard output: No space left on device")
            pub.end(1)
    stored(keeper, channel, 1)


def test_a_token_file_that_is_not_there_for_a_moment_is_told_and_asked_for_again(start_broker, tmp_path):
    broker = start_broker(config=closed())
    file = tmp_path / "token"
    file.write_text(may("ann", expires_in=3 * SLOWNESS, publish=["news.>"]), encoding="ascii")
    with Running("pub", "news.a", "-", "--token-file", file, *trusted(broker), stdin=subprocess.PIPE) as pub:
        before = broker.metric(PUBLISHED)
        pub.process.stdin.write(b"one\n")
        pub.process.stdin.flush()
        eventually(lambda: broker.metric(PUBLISHED) >= before + 1)
        file.rename(tmp_path / "away")
        pub.error("No such file")
        file.write_text(may("ann", publish=["news.>"]), encoding="ascii")
        pub.process.stdin.write(b"two\n")
        pub.process.stdin.close()
        pub.error("2 lines published")
        pub.end(0)


def test_a_token_may_come_from_a_pipe(start_broker):
    broker = start_broker(config=closed())
    ann = may("ann", publish=["news.>"])
    run("pub", "news.a", "hello", "--token-file", "/dev/stdin", *trusted(broker), stdin=ann)


def test_unanswered_attempts_last_no_longer_than_wait():
    """By a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/message"
        assert "within --wait" in run("pub", "news", "x", "--url", url, "--wait", "0.3", exit_code=3)[1]
        assert "within --wait" in run("sub", "news", "--url", url, "--wait", "0.3", exit_code=3)[1]
        assert time.monotonic() - began < 5 * SLOWNESS
