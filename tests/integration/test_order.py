"""Load: one order for all, bounded memory, no leak. The load client is C++ (load/)."""

import json
import subprocess

import pytest

from broker_process import LOAD_CLIENT, SANITIZED, SLOWNESS, scaled


def load(broker, scenario, seconds_max, **options):
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(
        [LOAD_CLIENT, scenario, "--port", str(broker.port), "--pid", str(broker.pid),
         "--deadline", str(seconds_max), *flags],
        capture_output=True, text=True, timeout=seconds_max + 30, stdin=subprocess.DEVNULL, check=False)
    print(done.stdout, done.stderr)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.deadline(200)
def test_fifty_subscribers_on_four_threads_see_one_order_of_eight_publishers_messages(start_broker):
    broker = start_broker(threads=4)
    messages, subscribers = scaled(100_000), 50
    result = load(broker, "order", 150, messages=messages, publishers=8, subscribers=subscribers)
    assert result["complete"] == 1
    assert result["published"] == messages
    assert result["received"] == messages * subscribers
    assert (result["misordered"], result["errors"], result["gaps"], result["closed"]) == (0, 0, 0, 0)
    assert result["orders"] == 1


@pytest.mark.deadline(150)
def test_four_publishers_flat_out_on_two_threads_lose_nothing_in_bounded_memory(start_broker):
    # The only subscriber may be delayed by the scheduler, not by us: its outbox is larger than by default.
    broker = start_broker(threads=2, config='[limits]\noutbox_bytes_max = "16MiB"\n')
    result = load(broker, "flood", 120, publishers=4, seconds=max(2, 20 * (SANITIZED == "")))
    assert result["acknowledged"] == 1
    assert result["received"] == result["published"] > 0
    assert (result["misordered"], result["errors"], result["subscriber_close_code"]) == (0, 0, 0)
    assert broker.metric("crier_messages_published_total") == result["published"]
    if not SANITIZED:
        assert result["resident_kb_peak"] < 64 * 1024


@pytest.mark.deadline(200)
def test_ten_thousand_connections_come_and_go_without_a_leak(start_broker):
    broker = start_broker(threads=2)
    connections = scaled(10_000)
    result = load(broker, "connections", 150, connections=connections, rounds=4)
    assert (result["complete"], result["failed"]) == (1, 0), result
    assert all(count >= connections for count in result["descriptors_open"])
    assert all(count <= result["descriptors_before"] for count in result["descriptors_after"])
    for name in ("connections", "websockets", "subscriptions", "channels", "outbox_bytes"):
        assert broker.metric(f"crier_{name}") == 0, name
    assert broker.metric("crier_connections_closed_total") == 4 * connections
    if not SANITIZED:
        per_connection = (result["resident_kb_open"][0] - result["resident_kb_before"]) * 1024 / connections
        assert per_connection < 2048
        # The first rounds may leave pools behind that later ones reuse.
        assert result["resident_kb_open"][3] - result["resident_kb_open"][1] < 1024
        assert result["resident_kb_after"][3] - result["resident_kb_after"][1] < 1024
