#!/usr/bin/python3
"""Restarts the broker under load, each way so many times, and prints a line of JSON for each; see restart.sh."""

import argparse
import json
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
# pylint: disable=wrong-import-position
from supervisor import StormClient, Supervisor  # noqa: E402

CONFIG = """
[server]
state_dir = "{state}"
drain_timeout = "DRAIN"
[limits]
idempotency_keys_max = 500_000
[namespace.default]
history = {{ messages = 10_000, age = "10m" }}
idempotency_window = "1m"
"""
FINISH_SECONDS_MAX = 120


def measure(way, arguments):
    """The line of JSON of one run: a second before the restart, and a second after it."""
    with tempfile.TemporaryDirectory(prefix="crier-restart-") as folder:
        supervisor = Supervisor(pathlib.Path(folder), CONFIG.replace("DRAIN", arguments.drain), arguments.threads)
        client = None
        try:
            supervisor.start()
            client = StormClient(supervisor, connections=arguments.connections, channels=arguments.channels,
                                 rate=arguments.rate, duration=3600)
            client.wait_until_running()
            time.sleep(2)
            started = time.monotonic()
            getattr(supervisor, way)()
            seconds = time.monotonic() - started
            time.sleep(1)
            status, output, complaints = client.finish(FINISH_SECONDS_MAX)
        finally:
            if client:
                client.kill()
            supervisor.stop()
    sys.stderr.write(complaints)
    if not output:
        sys.exit(f"restart.py: the client ended with status {status}, without a result")
    return status, {"way": way, "drain": arguments.drain, "restart_s": round(seconds, 3), **json.loads(output)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=1000, help="messages a second")
    parser.add_argument("--drain", default="5s", help="server.drain_timeout")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--ways", nargs="+", default=["restart", "hand_over"], choices=["restart", "hand_over"])
    arguments = parser.parse_args()
    worst = 0
    for _ in range(arguments.times):
        for way in arguments.ways:
            status, result = measure(way, arguments)
            worst = max(worst, status)
            print(json.dumps(result), flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
