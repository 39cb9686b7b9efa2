"""`crier bench` against the real broker: what it measures, what it finds out, and what it says when it cannot."""

import json
import os
import pty
import resource
import signal
import subprocess
import threading
import time

import pytest

import mischief
from broker_process import BINARY, SLOWNESS, eventually
from tokens import SECRET, may

WITH_TOKENS = f'[auth]\nanonymous = false\n[auth.jwt]\nsecret = "{SECRET}"\n'
BRIEF = ("--duration", "300ms", "--warm-up", "100ms")
SMALL = ("--subscribers", "5", *BRIEF)


def arguments(*words, url):
    return [BINARY, "bench", "--url", url, *words]


def environment(**more):
    mine = {key: value for key, value in os.environ.items() if not key.startswith("CRIER_")}
    return {**mine, **more}


def bench(*words, url, exit_code=0, env=None, **options):
    """(standard output, standard error)."""
    done = subprocess.run(arguments(*words, url=url), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=50 * SLOWNESS, env=environment(**(env or {})), check=False, **options)
    assert done.returncode == exit_code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def figures(*words, url, exit_code=0, **options):
    found = json.loads(bench(*words, "--json", url=url, exit_code=exit_code, **options)[0])
    assert found["exit_code"] == exit_code
    return found


def assert_clean(found):
    faults = {name: found[name] for name in ("lost", "duplicates", "misordered", "misrouted", "corrupt", "gaps",
                                              "refused", "disconnected", "lost_by_disconnected")}
    assert not any(faults.values()), faults
    assert found["drain"] == "complete"
    latency = found["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99_9"] <= latency["max"], latency


def test_a_closed_loop_delivers_everything_to_everybody(broker):
    found = figures("--subscribers", "20", *BRIEF, url=broker.websocket_url)
    assert_clean(found)
    assert found["connected"] == 21
    assert found["deliveries"] > 20 and found["published"] > 0
    assert found["client_cpu_s"] > 0


def test_a_rate_is_kept_and_counted_from_when_messages_were_due(broker):
    found = figures("--subscribers", "3", "--publishers", "2", "--rate", "200", "--duration", "500ms", "--warm-up",
                    "100ms", url=broker.websocket_url)
    assert_clean(found)
    assert found["published"] == 100 and found["unsent"] == 0
    assert found["latency_us"]["count"] == 3 * found["published"]


def test_channels_publishers_threads_and_sizes_may_be_many(broker):
    found = figures("--subscribers", "12", "--channels", "4", "--publishers", "3", "--threads", "3", "--size",
                    "40,1KiB,60KiB", "--acks", *BRIEF, url=broker.websocket_url)
    assert_clean(found)
    assert found["ack_latency_us"]["count"] > 0


def test_a_broker_that_stands_still_pays_for_every_message_that_was_due(start_broker):
    broker = start_broker()
    words = ("--subscribers", "1", "--rate", "500", "--duration", "1s", "--warm-up", "0s", "--json")
    with subprocess.Popen(arguments(*words, url=broker.websocket_url), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, env=environment()) as run:
        eventually(lambda: broker.metric("crier_messages_published_total") > 20)
        os.kill(broker.pid, signal.SIGSTOP)
        time.sleep(0.4)  # what is measured
        os.kill(broker.pid, signal.SIGCONT)
        found = json.loads(run.communicate(timeout=30 * SLOWNESS)[0])
    assert_clean(found)
    assert found["published"] == 500
    # Some 200 of 500 were due meanwhile, and waited for up to 0.4 s.
    assert found["latency_us"]["p90"] > 150_000
    assert found["latency_us"]["max"] > 350_000


def test_without_subscribers_it_measures_acknowledgements(broker):
    found = figures("--subscribers", "0", *BRIEF, url=broker.websocket_url)
    assert found["acks"] and found["published"] > 10 and found["deliveries"] == 0
    assert found["ack_latency_us"]["p50"] > 0 and found["drain"] == "complete"


def test_the_table_says_what_was_done_and_what_came_of_it(broker):
    table, errors = bench(*SMALL, url=broker.websocket_url)
    assert errors == ""
    for part in ("5 subscribers, 1 publisher, 1 channel, 128B, closed loop with 8 in flight", "connected    6 in ",
                 "published", "delivered", "latency      p50 ", "came once, whole and in order", "client CPU"):
        assert part in table, table
    assert "\x1b" not in table


@pytest.mark.parametrize("how, field", [
    (mischief.swallow, "lost"), (mischief.double, "duplicates"), ("swap", "misordered"), (mischief.damage, "corrupt"),
    (mischief.garble_the_marker, "corrupt"), (mischief.tell_a_gap, "gaps")],
    ids=["lost", "doubled", "swapped", "damaged", "garbled", "gap"])
def test_one_message_that_is_not_as_it_should_be_is_found_out(broker, how, field):
    proxy = mischief.Proxy(broker, how)
    found = figures("--subscribers", "2", "--rate", "100", "--drain", "300ms", *BRIEF, url=proxy.url, exit_code=4)
    proxy.close()
    assert found[field] == 1, found
    if field == "gaps":
        assert found["lost"] == found["lost_in_gaps"] == 1


def test_a_subscriber_that_is_sent_away_is_told_of(broker):
    for how, told in ((mischief.end, "closed with 1012 service_restart: the broker drains or restarts"),
                      (mischief.break_the_protocol, "the server broke the protocol: reserved bit")):
        proxy = mischief.Proxy(broker, how)
        found = figures("--subscribers", "2", "--rate", "100", "--drain", "300ms", *BRIEF, url=proxy.url, exit_code=1)
        proxy.close()
        assert found["disconnected"] == 1 and found["lost"] == 0
        assert told in found["failures"][0]


def test_a_broker_that_dies_ends_the_run_with_a_plain_sentence(start_broker):
    broker = start_broker()
    broker.expected_exit_code = -signal.SIGKILL
    with subprocess.Popen(arguments("--subscribers", "5", "--duration", "1m", url=broker.websocket_url),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment()) as run:
        eventually(lambda: broker.metric("crier_messages_published_total") > 20)
        broker.signal(signal.SIGKILL)
        table, errors = run.communicate(timeout=20 * SLOWNESS)
    assert run.returncode == 1
    assert "lost its connection: " in errors and "is the broker still there?" in errors
    assert "connections during the run" in table


def test_a_broker_that_drains_ends_the_run_when_all_are_sent_away(start_broker):
    broker = start_broker()
    with subprocess.Popen(arguments("--subscribers", "5", "--rate", "50", "--duration", "1m", "--warm-up", "0s",
                                    "--json", url=broker.websocket_url), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as run:
        eventually(lambda: broker.metric("crier_messages_published_total") > 5)
        broker.signal()
        found = json.loads(run.communicate(timeout=40 * SLOWNESS)[0])
    assert run.returncode == 1
    assert any("1012" in text for text in found["failures"]), found
    assert found["lost"] == found["duplicates"] == found["misordered"] == 0


def test_an_interrupt_ends_it_early_and_prints_what_was_measured(broker):
    before = broker.metric("crier_messages_published_total")
    with subprocess.Popen(arguments("--subscribers", "5", "--rate", "100", "--duration", "1m", "--warm-up", "0s",
                                    "--json", url=broker.websocket_url), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, env=environment()) as run:
        eventually(lambda: broker.metric("crier_messages_published_total") > before + 20)
        run.send_signal(signal.SIGINT)
        found = json.loads(run.communicate(timeout=20 * SLOWNESS)[0])
    assert run.returncode == found["exit_code"] == 130
    assert found["deliveries"] > 0 and found["duration_s"] < 30 * SLOWNESS
    assert found["lost"] == 0


def test_over_tls_the_authority_decides(start_tls):
    broker = start_tls()
    url = broker.websocket_url
    assert_clean(figures(*SMALL, "--size", "16KiB", "--ca-file", str(broker.authority), url=url))
    _, errors = bench(*SMALL, url=url, exit_code=3)
    assert "the certificate does not verify" in errors and "set --ca-file" in errors
    table, errors = bench(*SMALL, "--insecure", url=url)
    assert "came once" in table and "--insecure" in errors
    _, errors = bench(*SMALL, "--ca-file", "/nowhere.pem", url=url, exit_code=2)
    assert "/nowhere.pem" in errors


def test_tokens_are_taken_from_the_environment_or_a_file(start_broker, tmp_path):
    broker = start_broker(config=WITH_TOKENS)
    url = broker.websocket_url
    token = may("ann", subscribe=["bench.>"], publish=["bench.>"])
    assert_clean(figures(*SMALL, url=url, env={"CRIER_TOKEN": token}))
    file = tmp_path / "token"
    file.write_text(token + "\n", encoding="ascii")
    assert_clean(figures(*SMALL, "--token-file", str(file), url=url))
    _, errors = bench(*SMALL, url=url, exit_code=1, env={"CRIER_TOKEN": "a.b.c"})
    assert "401" in errors and "CRIER_TOKEN" in errors and "a.b.c" not in errors
    _, errors = bench(*SMALL, url=url, exit_code=1)
    assert "unauthorized" in errors
    _, errors = bench(*SMALL, url=url, exit_code=1, env={"CRIER_TOKEN": "white space"})
    assert "is no token and no key" in errors


def test_a_publish_that_no_repetition_will_help_ends_the_run(start_broker):
    broker = start_broker(config=WITH_TOKENS)
    token = may("ann", subscribe=["bench.>"])
    found = figures("--subscribers", "2", "--rate", "100", "--duration", "1m", url=broker.websocket_url, exit_code=1,
                    env={"CRIER_TOKEN": token})
    assert found["refused"] > 0 and found["lost"] == 0
    assert "a publish was refused: forbidden: " in found["failures"][0]


def test_publishes_over_the_rate_are_refused_and_nothing_else_is_wrong(start_broker):
    broker = start_broker(config="[namespace.calm]\nrate = 20\n")
    found = figures("--subscribers", "2", "--rate", "300", "--channel", "calm:bench", "--acks", *BRIEF,
                    url=broker.websocket_url, exit_code=1)
    assert found["refused"] > 0 and found["deliveries"] > 0 and found["lost"] == 0
    assert "rate_limited" in found["failures"][0]


def test_a_limit_of_the_broker_is_named(start_broker):
    broker = start_broker(config="[limits]\nconnections_per_ip_max = 3\n")
    _, errors = bench(*SMALL, url=broker.websocket_url, exit_code=3)
    assert "429" in errors and "limits.connections_per_ip_max" in errors
    assert "of 6, and measured nothing" in errors


def test_a_limit_of_this_machine_is_named(broker):
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    _, errors = bench("--subscribers", "500", url=broker.websocket_url, exit_code=1, preexec_fn=few_descriptors)
    assert "501 connections need" in errors and "ulimit -n" in errors


def test_a_socket_in_the_file_system_will_do(start_broker, tmp_path):
    path = tmp_path / "crier.sock"
    start_broker("--listen", f"unix:{path}")
    assert_clean(figures(*SMALL, url=f"unix:{path}"))


def test_where_nobody_or_somebody_else_listens_it_says_so(broker):
    _, errors = bench(*SMALL, url="ws://127.0.0.1:1/message", exit_code=3)
    assert "Connection refused; does a broker listen there?" in errors
    _, errors = bench(*SMALL, url=broker.websocket_url.replace("/message", "/wrong"), exit_code=1)
    assert "404" in errors and "server.paths" in errors
    _, errors = bench(*SMALL, url=f"ws://127.0.0.1:{broker.admin_port}/metrics", exit_code=1)
    assert "is this the URL of a Crier broker?" in errors
    _, errors = bench(*SMALL, url="carrier-pigeon://127.0.0.1/", exit_code=2)
    assert "scheme" in errors
    _, errors = bench(*SMALL, "--rate", "soon", url=broker.websocket_url, exit_code=2)
    assert "--rate: expected a number" in errors


def test_a_server_that_never_answers_is_given_up(tmp_path):
    del tmp_path
    listener = mischief.socket.create_server(("127.0.0.1", 0))
    _, errors = bench(*SMALL, "--connect-timeout", "200ms", exit_code=3,
                      url=f"ws://127.0.0.1:{listener.getsockname()[1]}/message")
    listener.close()
    assert "did not answer in time" in errors


def test_a_terminal_gets_a_live_line_that_is_gone_at_the_end(broker):
    controller, terminal = pty.openpty()
    seen = bytearray()

    def read():
        try:
            while piece := os.read(controller, 65536):
                seen.extend(piece)
        except OSError:  # the other end is closed: EIO
            pass

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run(arguments("--subscribers", "5", "--duration", "1s", "--warm-up", "300ms",
                                    url=broker.websocket_url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=terminal, timeout=50 * SLOWNESS, env=environment(), check=False)
    os.close(terminal)
    reader.join(10 * SLOWNESS)
    os.close(controller)
    assert done.returncode == 0
    text = seen.decode()
    assert "warm-up" in text and "deliveries/s  p50" in text, text
    assert text.endswith("\r\x1b[K") and "\n" not in text
    assert b"came once, whole and in order" in done.stdout and b"\x1b" not in done.stdout
