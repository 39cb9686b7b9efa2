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


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(tmp_path, CONFIG)
    yield made
    made.stop()


@pytest.fixture
def load(supervisor):
    """load(**options): the storm client, once its messages flow."""
    started = []

    def start(**options):
        client = StormClient(supervisor, **options)
        started.append(client)
        client.wait_until_running()
        return client

    yield start
    for client in started:
        client.kill()


@pytest.mark.deadline(60)
@pytest.mark.parametrize("way", ["restart", "hand_over"])
def test_nobody_loses_a_message_or_gets_one_twice_over(way, supervisor, load):
    supervisor.start()
    connections = scaled(500, at_least=20)
    client = load(connections=connections, channels=scaled(100, at_least=4), rate=scaled(500, at_least=20), warmup=0.1,
                  duration=300)
    getattr(supervisor, way)()
    status, output, complaints = client.finish()
    assert status == 0, f"{output}\n{complaints}\n{supervisor.broker.said()}"
    result = json.loads(output)
    print(output)
    faults = ("lost", "twice", "misordered", "misrouted", "unrecovered", "gaps")
    assert {name: result[name] for name in faults} == dict.fromkeys(faults, 0)
    assert result["recovered"] == connections, "each came back once"
    assert result["closed_1012"] >= connections
    assert result["closed_otherwise"] == result["connects_refused"] == result["connects_failed"] == 0
