"""The C++ client library against the real broker: cuts at every byte, restarts, drains, tokens, TLS, refusals."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

from broker_process import BUILD, ROOT, SANITIZED, SANITIZER_REPORT, SLOWNESS, TLS_FOLDER, eventually, scaled
from cpp_client_process import PATIENCE, PROGRAM, CppClient, CuttingProxy
from recovery import pages, publish
from tokens import SECRET, Service, may, token

KEEP = '[namespace.default]\nhistory = { messages = 100_000, age = "1h" }\n'
JWT = f'[server]\nhosts = ["127.0.0.1"]\n[auth.jwt]\nsecret = "{SECRET}"\n'


@pytest.fixture
def client(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path) as one:
        one.next("connected")
        yield one


# ---- Each call ----

def test_publishes_and_receives(client, broker):
    assert client.subscribe("first")["again"] is False
    one = client.answer("publish", channel="first", data={"text": "hello"})
    message = client.next("message")
    assert (message["data"], message["position"]) == ({"text": "hello"}, one["position"])
    client.do("publish", channel="first", data="binary bytes", binary=True, silent=True)
    assert client.next("message")["bytes"] == len('"binary bytes"')
    assert pages(broker, "first")[0][0] == (one["position"], {"text": "hello"})
    client.close()


def test_gives_each_of_a_batch_and_of_a_broadcast_its_own_result(client):
    results = client.answer("batch", publications=[{"channel": "batch", "data": n} for n in range(1500)])
    offsets = [int(result["position"].split(":")[1]) for result in results]
    assert offsets == sorted(offsets) and len(offsets) == 1500
    results = client.answer("broadcast", channels=["broad.a", "broad.b"], data=1)
    assert [result["channel"] for result in results] == ["broad.a", "broad.b"]


def test_asks_for_history_presence_and_a_ping(client):
    client.subscribe("asked", presence=True)
    for number in range(5):
        client.do("publish", channel="asked", data=number, silent=True)
    client.messages(5)
    page = client.answer("history", channel="asked", limit=3)
    assert page["data"] == [0, 1, 2] and page["more"]
    assert client.answer("history", channel="asked", cursor=page["cursor"])["data"] == [3, 4]
    assert client.answer("presence", channel="asked")["count"] == 1
    assert client.answer("ping") > 0
    assert client.answer("history", channel="asked", since="zzzz:1")["code"] == "unrecoverable_position"
    assert client.answer("channels")["code"] in ("forbidden", "unauthorized")


def test_tells_who_comes_and_goes_and_delivers_by_pattern(client, broker, tmp_path):
    client.subscribe("party.hall", presence=True)
    client.subscribe("party.>")
    with CppClient(broker.websocket_url, tmp_path) as guest:
        guest.subscribe("party.hall")
        assert client.next("presence")["kind"] == 0
        guest.answer("publish", channel="party.hall", data=1)
        patterns = {client.next("message").get("pattern"), client.next("message").get("pattern")}
        assert patterns == {None, "party.>"}
        guest.close()
    assert client.next("presence")["kind"] == 1


def test_refuses_as_values_what_cannot_be_sent(client):
    assert client.answer("publish", channel="two words", data=1)["code"] == "bad_request"
    assert client.answer("publish", channel="a", raw="{")["code"] == "bad_request"
    assert client.answer("publish", channel="a", data="x" * 100_000)["code"] == "too_large"
    error = client.answer("publish", channel="a", data="x" * 1_100_000)
    assert error["code"] == "too_large" and "incoming_bytes_max" in error["message"]
    assert "position" in client.answer("publish", channel="a", data=1), "the connection is still open"


def test_says_that_its_outbox_is_full_and_goes_on_when_there_is_room(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, outbox_bytes_max=4096) as client:
        count = scaled(20_000)
        client.subscribe("room")
        client.do("many", channel="room", to=count)
        assert client.messages(count) == list(range(1, count + 1))
        assert client.next("many")["failed"] == 0


def test_compressed_messages_are_the_same(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, compression=True) as client:
        client.subscribe("zip")
        text = "all work and no play " * 500
        client.answer("publish", channel="zip", data=text)
        assert client.next("message")["data"] == text


def test_a_client_may_vanish_at_any_moment(client):
    client.subscribe("gone")
    for number in range(100):
        client.do("publish", channel="gone", data=number)
    client.do("vanish")
    client.next("vanished")
    assert client.process.wait(timeout=PATIENCE) == 0


def test_many_threads_share_one_blocking_client(broker):
    options = {"url": broker.websocket_url, "count": scaled(200, 20), "channel": "blocking"}
    done = subprocess.run([str(PROGRAM), json.dumps(options), "blocking"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=50 * SLOWNESS, check=False)
    assert not SANITIZER_REPORT.search(done.stderr), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"event": "blocking", "received": 12 * options["count"], "wrong": 0, "failed": 0, "history": 1,
                    "pinged": True, "unsubscribed": True, "closed": True, "after": "closed"}


# ---- Cuts ----

@pytest.mark.skipif(bool(TLS_FOLDER), reason="the proxy looks into the stream")
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


@pytest.mark.skipif(bool(TLS_FOLDER), reason="the proxy looks into the stream")
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


@pytest.mark.skipif(bool(TLS_FOLDER), reason="the proxy looks into the stream")
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


@pytest.mark.skipif(bool(TLS_FOLDER), reason="the proxy looks into the stream")
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


# ---- Tokens ----

def test_a_token_is_renewed_before_it_is_over(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        assert client.next("token_wanted")["reason"] == 0
        client.do("token", token=token("alice", expires_in=4, can={"publish": ["inbox"]}, channels=["inbox"]))
        assert client.next("connected")["user"] == "alice"
        assert client.next("subscribed")["channel"] == "inbox"
        assert client.next("token_wanted")["reason"] == 1
        client.do("token", token=token("alice", can={"publish": ["inbox"]}, channels=["inbox"]))
        assert "position" in client.answer("publish", channel="inbox", data=1)
        assert client.next("message")["data"] == 1
        assert [line["event"] for line in client.seen].count("connected") == 1


def test_an_expired_token_is_replaced_and_a_bad_one_is_the_end(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        client.next("token_wanted")
        client.do("token", token=token("alice", expires_in=-60))
        assert client.next("token_wanted")["reason"] == 2
        assert client.next("waiting")["error"]["code"] == "token_expired"
        client.do("token", token=token("alice"))
        client.next("connected")
    with CppClient(broker.websocket_url, tmp_path, token=token("alice", key="x" * 64)) as client:
        error = client.next("closed")["error"]
        assert error["code"] == "unauthorized" and error["http_status"] == 401 and "genuine" in error["message"]
        assert client.answer("publish", channel="a", data=1)["code"] == "closed"


def test_a_source_without_a_token_is_told_and_asked_again(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        client.next("token_wanted")
        client.do("token")
        assert "the test gives none" in client.next("error")["error"]["message"]
        client.next("waiting")
        client.next("token_wanted")
        client.do("token", token=token("alice"))
        client.next("connected")


def test_a_channel_of_the_token_is_resumed_after_a_cut(start_broker, tmp_path):
    broker = start_broker(config=JWT + KEEP)
    mine = token("alice", can={"publish": ["inbox"]}, channels=["inbox"])
    other = token("bob", can={"publish": ["inbox"]})
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path, token=mine) as client, \
            CppClient(broker.websocket_url, tmp_path, token=other) as publisher:
        client.next("subscribed")
        publisher.answer("publish", channel="inbox", data=1)
        assert client.messages(1) == [1]
        proxy.plan = lambda number: "refuse"
        proxy.cut_all()
        client.next("waiting")
        publisher.answer("publish", channel="inbox", data=2)
        proxy.plan = lambda number: None
        assert client.next("subscribed")["recovered"]
        publisher.answer("publish", channel="inbox", data=3)
        assert client.messages(2) == [2, 3]


def test_a_cut_ends_no_subscription_of_who_may_not_read_the_past(start_broker, tmp_path):
    broker = start_broker(config=JWT + '[namespace.default]\nhistory = { messages = 10 }\nhistory_access = "granted"\n')
    mine = may("alice", subscribe=["room"], publish=["room", "inbox"], channels=["inbox"])
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path, token=mine) as client:
        client.next("subscribed")
        client.subscribe("room")
        proxy.cut_all()
        again = [client.next("subscribed", "ended"), client.next("subscribed", "ended")]
        assert {line.get("channel") for line in again} == {"room", "inbox"}
        assert all(line["again"] and line["recovered"] is False for line in again)
        for channel in ("room", "inbox"):
            client.answer("publish", channel=channel, data=channel)
            assert client.messages(1) == [channel]


def test_a_service_manages(start_broker, tmp_path):
    service = Service("ops", manage=True, publish=[">"], subscribe=[">"])
    broker = start_broker(config=JWT + service.toml())
    with CppClient(broker.websocket_url, tmp_path, token=service.key) as ops, \
            CppClient(broker.websocket_url, tmp_path, token=token("eve")) as eve:
        ops.next("connected")
        eve.subscribe("hall")
        assert ops.answer("channels") == ["hall"]
        assert ops.answer("kick", channel="hall", user="eve") == 1
        assert eve.next("ended")["error"]["message"]
        assert ops.answer("disconnect", user="eve") == 1
        assert eve.next("closed")["error"]["close_code"] == 4003


# ---- Refusals ----

def first_failure(url, folder, **options):
    """How the first attempt ends, and whether it was the last."""
    with CppClient(url, folder, **options) as client:
        line = client.next("waiting", "closed", "threw")
        return line["event"], line.get("error", {}).get("code"), line.get("error", line)["message"]


def test_tls_is_verified_against_the_authority_that_is_named(start_broker, authority, tmp_path):
    broker = start_broker(config=authority.config())
    trusted = {"ca_file": str(authority.certificate)}
    with CppClient(broker.websocket_url, tmp_path, **trusted) as client:
        client.subscribe("secret")
        for number in range(50):
            client.do("publish", channel="secret", data=["x" * 20_000, number])
        assert [data[1] for data in client.messages(50)] == list(range(50))
        client.close()
    event, code, message = first_failure(broker.websocket_url, tmp_path)
    assert (event, code) == ("closed", "tls") and "tls.ca_file" in message
    event, code, message = first_failure(broker.websocket_url, tmp_path, server_name="other.example.com", **trusted)
    assert (event, code) == ("closed", "tls") and "tls.server_name" in message
    event, code, message = first_failure(f"ws://127.0.0.1:{broker.port}/message", tmp_path)
    assert (event, code) == ("closed", "not_crier") or code in ("unreachable", "refused"), message
    with CppClient(broker.websocket_url, tmp_path, verify=False) as client:
        client.next("connected")


def test_a_certificate_of_the_clients_own_is_shown(start_broker, authority, tmp_path):
    broker = start_broker(config=authority.config() + f'client_ca = "{authority.certificate}"\n')
    trusted = {"ca_file": str(authority.certificate)}
    folder = pathlib.Path(authority.folder)
    with CppClient(broker.websocket_url, tmp_path, certificate_file=str(folder / "client.pem"),
                   private_key_file=str(folder / "client.key"), **trusted) as client:
        client.next("connected")
    event, code, _ = first_failure(broker.websocket_url, tmp_path, **trusted)
    assert (event, code) == ("closed", "tls")


def test_each_refusal_says_what_to_do(start_broker, tmp_path):
    broker = start_broker(config='[limits]\nconnections_max = 1\n')
    base = f"ws://127.0.0.1:{broker.port}"
    assert first_failure("localhost:8008", tmp_path)[0] == "threw"
    assert first_failure(base, tmp_path, token="two\nlines")[0] == "threw"
    assert first_failure(f"wss://127.0.0.1:{broker.port}", tmp_path)[:2] == ("closed", "tls")
    assert first_failure(f"{base}/nowhere", tmp_path)[:2] == ("closed", "refused")
    event, code, message = first_failure(f"ws://127.0.0.1:{broker.admin_port}/metrics", tmp_path)
    assert (event, code) == ("closed", "not_crier"), message
    assert first_failure("ws://127.0.0.1:1/", tmp_path)[:2] == ("waiting", "unreachable")
    assert first_failure("ws://127.0.0.1:1/", tmp_path, reconnect=False)[:2] == ("closed", "unreachable")
    with CppClient(broker.websocket_url, tmp_path) as first:
        first.next("connected")
        with CppClient(broker.websocket_url, tmp_path) as second:
            line = second.next("waiting")
            assert line["error"]["http_status"] == 503 and line["retry_in"] >= 1000 * line["error"]["retry_after"]


@pytest.mark.parametrize("answer, expected", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", ("closed", "not_crier")),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ("closed", "not_crier")),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
     ("closed", "not_crier")),
    (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", ("waiting", "refused")),
    (b"", ("waiting", "unreachable")),
], ids=["ssh", "web server", "wrong accept", "bad gateway", "silence"])
def test_another_server_is_told_from_a_broker(tmp_path, answer, expected):
    with CuttingProxy(1, lambda number: answer) as proxy:
        event, code, message = first_failure(proxy.url, tmp_path)
    assert (event, code) == expected, message


def test_a_message_over_the_clients_own_limit_is_the_end_and_not_a_loop(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, incoming_bytes_max=8192) as client:
        client.subscribe("large")
        publish(broker, "large", "x" * 10_000)
        error = client.next("closed")["error"]
        assert error["code"] == "too_large" and "incoming_bytes_max" in error["message"]


def test_nothing_is_queued_offline_where_that_is_asked_for(tmp_path):
    with CppClient("ws://127.0.0.1:1/", tmp_path, offline="refuse") as client:
        client.next("waiting")
        assert client.answer("publish", channel="a", data=1)["code"] == "offline"
    with CppClient("ws://127.0.0.1:1/", tmp_path, command_timeout_ms=200) as client:
        assert client.answer("publish", channel="a", data=1)["code"] == "offline"
        client.close()


def test_a_socket_of_this_machine_is_as_good(start_broker, tmp_path):
    path = tmp_path / "s"
    start_broker("--listen", f"unix:{path}")
    with CppClient(f"unix:{path}", tmp_path) as client:
        client.subscribe("local")
        client.answer("publish", channel="local", data=1)
        assert client.messages(1) == [1]


# ---- As others use it ----

def run_example(folder, name, *arguments, seconds=20):
    return subprocess.run([str(folder / name), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds * SLOWNESS, check=False)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The example programs, built from outside: in an empty tree, by find_package against what is installed."""
    prefix, build = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("examples")
    flags = {"": "", "address": "-fsanitize=address,undefined", "thread": "-fsanitize=thread"}[SANITIZED]
    compiler = "clang++-19" if SANITIZED == "address" else "g++"
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    # The folders have another name in each run, which the cache is to overlook.
    environment = {**os.environ, "CCACHE_BASEDIR": str(prefix.parent), "CCACHE_NOHASHDIR": "1"}
    for command in (["cmake", "--install", str(BUILD), "--prefix", str(prefix)],
                    ["cmake", "-S", str(ROOT / "clients/cpp/examples"), "-B", str(build), "-G", "Ninja",
                     f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}",
                     f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic {flags}", *launcher],
                    ["cmake", "--build", str(build), "-j2"]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=240 * SLOWNESS, check=False, env=environment)
        assert done.returncode == 0, done.stdout
    assert "-Werror" not in (prefix / "lib/cmake/crier/crierTargets.cmake").read_text(encoding="ascii")
    assert os.access(prefix / "bin" / "crier", os.X_OK)
    return build


@pytest.mark.deadline(300)
def test_the_examples_are_built_from_an_empty_project_and_do_what_they_say(examples, broker):
    url = broker.websocket_url
    done = run_example(examples, "publish", url, "shop")
    assert done.returncode == 0 and len(re.findall(r"^shop \w+:\d+$", done.stdout, re.MULTILINE)) == 10, done.stderr
    done = run_example(examples, "history", url, "shop")
    assert done.returncode == 0 and '{"number":10}' in done.stdout and "0 members" in done.stdout, done.stderr
    done = run_example(examples, "blocking", url)
    assert done.returncode == 0 and 'received "hello"' in done.stdout, done.stderr
    done = run_example(examples, "batch", url, "counted", "5000")
    assert done.returncode == 0 and done.stdout == "stored 5000 messages\n", done.stderr
    process = subprocess.Popen([str(examples / "subscribe"), url, "live", "shop.>"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = [process.stderr.readline() for _ in range(4)]
    assert told.count("subscribed to live\n") == 1, told
    publish(broker, "live", {"price": 7})
    assert process.stdout.readline() == 'live {"price": 7}\n', "byte for byte as it was published"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    process.stdout.close()
    process.stderr.close()


@pytest.mark.deadline(300)
def test_the_example_with_tokens_goes_on_over_tls(examples, start_broker, authority, tmp_path):
    broker = start_broker(config=JWT + authority.config())
    file = tmp_path / "token"
    file.write_text(token("alice", expires_in=3, can={"publish": ["mine"]}), encoding="ascii")
    process = subprocess.Popen([str(examples / "token"), broker.websocket_url, str(authority.certificate), str(file),
                                "mine"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "connected as alice\n"
        file.write_text(token("alice", can={"publish": ["mine"]}), encoding="ascii")
        renewed = eventually(lambda: broker.metric("crier_commands_total", op="auth", outcome="ok") >= 1)
        with CppClient(broker.websocket_url, tmp_path, ca_file=str(authority.certificate),
                       token=file.read_text(encoding="ascii")) as publisher:
            publisher.answer("publish", channel="mine", data=5)
        assert renewed and process.stdout.readline() == "5\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
