"""Much of what is cheap to send: it is bounded, leaves nothing behind, and nobody else waits for it."""

import contextlib
import itertools
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import zlib

import pytest

from broker_process import SANITIZED, SLOWNESS, Broker, eventually, scaled
from clients import CONTINUATION, FIN, PING, TEXT, RawHttp, RawWebSocket, frame, text_frame
from entrances import Session

FLOODER = pathlib.Path(__file__).with_name("flooder.py")


@contextlib.contextmanager
def flooding(broker, wire):
    """Another process sends `wire` again and again, and reads whatever comes."""
    process = subprocess.Popen([sys.executable, FLOODER, str(broker.port)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        process.stdin.write(wire)
        process.stdin.close()
        for _ in range(5):
            assert process.stdout.readline() == b"\n"
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield
        assert process.poll() is None, "the flood was ended"
    finally:
        process.kill()
        process.wait()
        reader.join()


def waits(broker, count):
    """Seconds that each of `count` messages took from its publisher to a subscriber and its acknowledgement."""
    took = []
    with Session(broker, "others") as session:
        session.push("subscribed")
        for number in range(count):
            begun = time.perf_counter()
            session.publish("others", number)
            assert session.push("message")["data"] == number
            took.append(time.perf_counter() - begun)
    return took


FLOODS = {
    "tiny_commands": lambda: text_frame([{"op": "ping"}] * 1000),
    "tiny_publishes": lambda: text_frame([{"op": "publish", "channel": f"t{number % 100}", "data": 1}
                                          for number in range(1000)]),
    "churn": lambda: text_frame([{"op": op, "channel": f"x{number}"} for number in range(500)
                                 for op in ("subscribe", "unsubscribe")]),
    "pings": lambda: frame(FIN | PING, b"p" * 100) * 1000,
    "empty_fragments": lambda: (frame(TEXT, b"") + frame(CONTINUATION, b"") * 5000
                                + frame(FIN | CONTINUATION, b'{"op":"ping"}')),
    "one_byte_fragments": lambda: (frame(TEXT, b"[") + frame(CONTINUATION, b" ") * 5000
                                   + frame(FIN | CONTINUATION, b'{"op":"ping"}]')),
    "nesting": lambda: text_frame(b"[" * 900_000),
}


@pytest.fixture(scope="module")
def one_loop(tmp_path_factory):
    """A broker whose only thread everybody shares."""
    process = Broker(tmp_path_factory.mktemp("one_loop"))
    process.start(threads=1)
    yield process
    process.stop()


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_delays_others_by_a_few_turns_at_most(one_loop, kind):
    with flooding(one_loop, FLOODS[kind]()):
        took = waits(one_loop, scaled(100, 20))
    print(f"{kind}: median {statistics.median(took) * 1e3:.1f} ms, longest {max(took) * 1e3:.1f} ms")
    # Some milliseconds, where the machine has time for us.
    assert statistics.median(took) < 0.1 * SLOWNESS
    assert max(took) < 2 * SLOWNESS
    eventually(lambda: one_loop.metric("crier_subscriptions") == one_loop.metric("crier_channels") == 0)


def churn(session, namespace, count, at_once=50):
    """Subscribes to `count` channels that nobody has used before, and leaves them."""
    for _ in range(0, count, at_once):
        channels = [f"{namespace}:{next(churn.names)}" for _ in range(at_once)]
        for op in "subscribe", "unsubscribe":
            session.say([{"op": op, "id": 1, "channel": channel} for channel in channels])
            for _ in channels:
                assert session.hear()["op"] == f"{op}d"


churn.names = itertools.count()


def assert_churn_leaves_nothing(broker, session, namespace, first, more):
    """After the `first` channels, `more` of them cost no memory."""
    churn(session, namespace, first)
    before = broker.resident_kb()
    churn(session, namespace, more)
    grown = broker.resident_kb() - before
    print(f"{grown} kB more")
    assert SANITIZED or grown < 1024


def test_distinct_channels_by_the_ten_thousands_leave_no_memory_behind(start_broker):
    broker = start_broker(config="[namespace.gone]\nhistory = { messages = 0 }\n")
    with Session(broker) as session:
        assert_churn_leaves_nothing(broker, session, "gone", scaled(10_000, 1_000), scaled(40_000, 2_000))
    eventually(lambda: broker.metric("crier_channels") == 0)
    assert broker.metric("crier_subscriptions") == broker.metric("crier_members") == 0


def test_channels_that_wait_for_somebody_to_come_back_make_room_for_others(start_broker):
    broker = start_broker(threads=1, config="[limits]\nchannels_max = 5_000\n")
    with Session(broker) as session:  # by default a channel is known for two minutes more
        assert_churn_leaves_nothing(broker, session, "kept", scaled(10_000, 6_000), scaled(30_000, 6_000))


def test_channels_of_many_connections_at_once_leave_their_memory_for_the_next(start_broker):
    broker = start_broker(config="[limits]\nchannels_per_connection_max = 10_000\n"
                                 "[namespace.default]\nhistory = { messages = 0 }\n")
    count = scaled(5_000, 500)

    def crowd(round_):
        with contextlib.ExitStack() as held:
            for number in range(4):
                session = held.enter_context(Session(broker))
                for start in range(0, count, 500):
                    session.say([{"op": "subscribe", "channel": f"{round_}.{number}.{at}"}
                                 for at in range(start, start + 500)])
                    for _ in range(500):
                        assert session.hear()["op"] == "subscribed"
            assert broker.metric("crier_channels") == 4 * count
        eventually(lambda: broker.metric("crier_channels") == 0)

    resident = []
    for round_ in range(6):
        crowd(round_)
        resident.append(broker.resident_kb())
    # What the allocator keeps goes up and down by a megabyte or two; what is lost only goes up.
    grown = min(resident[4:]) - max(resident[:3])
    print(f"{grown} kB more: {resident}")
    assert SANITIZED or grown < 1536


def unmasked_text(payload):
    """A text frame whose mask changes nothing: quickly made, however long."""
    return bytes([FIN | TEXT, 0xFF]) + len(payload).to_bytes(8, "big") + bytes(4) + payload


def test_ten_megabytes_of_brackets_are_1009_and_within_a_raised_limit_a_bad_request(start_broker):
    brackets = b"[" * 10_000_000
    broker = start_broker()
    with Session(broker) as session:
        with contextlib.suppress(ConnectionError):
            session.send(unmasked_text(brackets))
        assert session.close_code() == 1009
    broker = start_broker(config='[limits]\nincoming_bytes_max = "16MiB"\noutbox_bytes_max = "17MiB"\n'
                                 'inflight_bytes_max = "17MiB"\n[namespace.default]\nmessage_bytes_max = "15MiB"\n')
    with Session(broker) as session:
        for wire in brackets, b'{"op":"publish","channel":"a","data":' + brackets + b"]" * 10_000_000 + b"}":
            session.send(unmasked_text(wire[:16_000_000]))
            refusal = session.hear()
            assert refusal["code"] == "bad_request" and "nesting" in refusal["message"], refusal
        session.nothing_more()
    answer, problem = post_bytes(broker, brackets)
    assert (answer, problem["code"]) == (400, "bad_request")


def post_bytes(broker, body):
    with RawHttp(broker) as http:
        http.send(f"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        http.send(body)
        answer = http.answer()
        return answer.status, answer.json()


def test_a_ping_flood_that_reads_no_pongs_is_bounded(start_broker):
    broker = start_broker()
    before = broker.resident_kb()
    with RawWebSocket(broker, receive_bytes=4096) as raw:
        raw.socket.settimeout(0.5 * SLOWNESS)
        pings = frame(FIN | PING, b"p" * 125) * 500
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(1000):  # 65 MB
                raw.send(pings)
        assert SANITIZED or broker.resident_kb() - before < 8 * 1024
        with Session(broker) as session:
            session.nothing_more()


def test_a_message_of_nothing_but_empty_fragments_takes_no_memory_and_may_still_end(start_broker):
    broker = start_broker()
    before = broker.resident_kb()
    with RawWebSocket(broker) as raw:
        raw.send(frame(TEXT, b'{"op":'))
        for _ in range(scaled(100, 10)):
            raw.send(frame(CONTINUATION, b"") * 5000)
        assert SANITIZED or broker.resident_kb() - before < 4 * 1024
        raw.send(frame(FIN | CONTINUATION, b'"ping","id":7}'))
        assert raw.read_json() == {"op": "pong", "id": 7}


def test_one_byte_fragments_add_up_to_the_limit_and_then_close_with_1009(start_broker):
    broker = start_broker(config='[limits]\nincoming_bytes_max = "66KiB"\n')
    with RawWebSocket(broker) as raw:
        raw.send(frame(TEXT, b"["))
        with contextlib.suppress(ConnectionError):
            raw.send(frame(CONTINUATION, b" ") * (66 * 1024))
        assert raw.read_close()[0] == 1009


def test_bombs_that_inflate_to_the_limit_take_one_message_of_memory(start_broker):
    broker = start_broker()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    inner = b'{"op":"ping","padding":"' + b"x" * 1_000_000 + b'"}'
    bomb = (squeeze.compress(inner) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(bomb) < 2000
    before = broker.resident_kb()
    with RawWebSocket(broker, Sec_WebSocket_Extensions="permessage-deflate") as raw:
        for _ in range(scaled(100, 20)):
            raw.send(frame(FIN | 0x40 | TEXT, bomb))
        for _ in range(scaled(100, 20)):
            assert raw.read_json()["op"] == "pong"
        assert SANITIZED or broker.resident_kb() - before < 12 * 1024
