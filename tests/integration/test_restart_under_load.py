"""Restarts while thousands listen and publish: nobody loses a message, and nobody gets one twice."""

import json

import pytest

from broker_process import scaled
from supervisor import StormClient, Supervisor

CONFIG = """
[server]
state_dir = "{state}"
drain_timeout = "1s"
[namespace.default]
history = {{ messages = 10_000, age = "10m" }}
"""


FAULTS = ("lost", "twice", "misordered", "misrouted", "unrecovered", "gaps")


@pytest.fixture
def supervise(tmp_path):
    """supervise(more, config): a supervisor whose first broker runs."""
    started = []

    def start(more="", config=CONFIG):
        started.append(Supervisor(tmp_path, config + more))
        started[-1].start()
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.stop()


def live_through(supervisor, ways, connections, expected_status=0):
    """The storm client's result, for that many subscribers and one restart after another."""
    client = StormClient(supervisor, connections=connections, channels=max(4, connections // 5),
                         rate=max(20, connections), warmup=0.1, duration=300)
    try:
        client.wait_until_running()
        for way in ways:
            getattr(supervisor, way)()
        status, output, complaints = client.finish()
    finally:
        client.kill()
    print(output)
    assert status == expected_status, f"{output}\n{complaints}\n{supervisor.broker.said()}"
    result = json.loads(output)
    if expected_status == 0:
        assert {name: result[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    return result


@pytest.mark.deadline(60)
@pytest.mark.parametrize("way", ["restart", "hand_over"])
def test_nobody_loses_a_message_or_gets_one_twice_over(way, supervise):
    connections = scaled(500, at_least=20)
    result = live_through(supervise(), [way], connections)
    assert result["drains"] == result["recovered"] == connections, "each came back once"
    assert result["closed_1012"] >= connections
    assert result["closed_otherwise"] == result["connects_refused"] == result["connects_failed"] == 0


@pytest.mark.deadline(90)
def test_nor_over_one_restart_after_another_with_tls(supervise, authority):
    connections = scaled(100, at_least=20)
    result = live_through(supervise(authority.config()), ["hand_over", "restart", "hand_over"], connections)
    assert result["recovered"] >= connections
    assert result["closed_otherwise"] == result["connects_refused"] == 0


@pytest.mark.deadline(60)
def test_the_same_without_a_state_is_found_out(supervise):
    """A check that cannot fail proves nothing."""
    connections = scaled(100, at_least=20)
    result = live_through(supervise(config='[server]\ndrain_timeout = "300ms"\n'), ["restart"], connections,
                          expected_status=3)
    assert result["unrecovered"] == connections
    assert result["recovered"] == 0
