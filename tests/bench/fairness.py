#!/usr/bin/python3
"""Does `crier bench` agree with the independent load generator, and cost no more?

    tests/bench/fairness.py [SCENARIO...]     for example: fairness.py fanout rate --rounds 7; --help lists the rest

Runs both alternately against one broker, with the same load, and compares pair by pair: deliveries a second, latency,
and the client's processor time for each delivery. The broker has CPU 0 and the clients CPU 1. A round in which
anything else used the machine is left out where enough others are left. Exit status 1 when they do not agree.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BENCH_BUILD", HERE.parents[1] / "build" / "release"))
CRIER = pathlib.Path(os.environ.get("CRIER_BIN", BUILD / "crier"))
TARGET = HERE / "targets" / "crier.conf"
PORT = 17020

# The load generator's options, and those of `crier bench` for the same.
SCENARIOS = {
    "fanout128": (["fanout", "--subs", "1000", "--size", "128"], ["--subscribers", "1000", "--size", "128"]),
    "fanout1k": (["fanout", "--subs", "1000", "--size", "1024"], ["--subscribers", "1000", "--size", "1024"]),
    "fanout16k": (["fanout", "--subs", "100", "--size", "16384"], ["--subscribers", "100", "--size", "16384"]),
    "fanout1": (["fanout", "--subs", "1000", "--window", "1"], ["--subscribers", "1000", "--in-flight", "1"]),
    "rate": (["rate", "--subs", "1000", "--rate", "50"], ["--subscribers", "1000", "--rate", "50"]),
    "channels": (["channels", "--channels", "1000", "--per-channel", "5", "--publishers", "4"],
                 ["--subscribers", "5000", "--channels", "1000", "--publishers", "4"]),
}
USUAL = ["fanout128", "fanout1k", "fanout16k", "rate", "channels"]
# What both must agree within, as a median of pairs: bench divided by the load generator.
RATIO_MIN, RATIO_MAX = 0.8, 1.25
CPU_RATIO_MAX = 1.05
OTHER_SHARE_MAX = 0.1  # of one core, by everything else
EXIT_UNFAIR, EXIT_BUSY = 1, 2
TICK = os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Of the whole machine."""
    fields = pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, softirq, _steal = (int(field) for field in fields)
    return (user + nice + system + irq + softirq) / TICK


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def on_cpu(number):
    return lambda: os.sched_setaffinity(0, {number})


class Broker:
    """On its CPU until the script ends."""

    def __init__(self, pin):
        self.process = subprocess.Popen(
            [HERE / "peers" / "crier.sh", str(PORT)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "CRIER_BIN": str(CRIER)},
            preexec_fn=on_cpu(0) if pin else None)
        self.pid = self.process.pid
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", PORT)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"fairness.py: no broker came up on port {PORT}")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def run(command, broker, arguments):
    """What the client prints, with `other_share`: of one core, used by neither."""
    busy, broker_cpu, began = busy_seconds(), cpu_seconds(broker.pid), time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          preexec_fn=on_cpu(1) if arguments.pin else None) as client:
        output = client.stdout.read()
        _, status, used = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
    if client.returncode != 0:
        sys.exit(f"fairness.py: {command}: exit status {client.returncode}\n{output.decode()}")
    found = json.loads(output)
    mine = used.ru_utime + used.ru_stime + cpu_seconds(broker.pid) - broker_cpu
    found["other_share"] = max(0, busy_seconds() - busy - mine) / (time.monotonic() - began)
    found["cpu_us"] = found["client_cpu_s"] * 1e6 / found["deliveries"]
    return found


def pairs_of(scenario, broker, arguments):
    load_words, bench_words = SCENARIOS[scenario]
    load = [arguments.load, *load_words, "--target", TARGET, "--duration", str(arguments.duration)]
    bench = [CRIER, "bench", *bench_words, "--url", f"ws://127.0.0.1:{PORT}/message", "--json", "--duration",
             f"{arguments.duration * 1000:.0f}ms"]
    for number in range(arguments.rounds):
        if number % 2:
            found = run(bench, broker, arguments)
            yield run(load, broker, arguments), found
        else:
            found = run(load, broker, arguments)
            yield found, run(bench, broker, arguments)
        if arguments.verbose:
            print(f"  {scenario} {number + 1} of {arguments.rounds}", file=sys.stderr)


def figures_of(found):
    return {"deliveries/s": found["deliveries_per_s"], "p50": found["latency_us"]["p50"],
            "p99": found["latency_us"]["p99"], "client us/delivery": found["cpu_us"],
            "deliveries/read": found["client_deliveries_per_read"]}


def compare(scenario, pairs):
    """Prints a row; the exit status that it deserves."""
    quiet = [pair for pair in pairs if max(one["other_share"] for one in pair) <= OTHER_SHARE_MAX]
    telling = 2 * len(quiet) >= len(pairs)
    judged = quiet if telling else pairs
    loads, benches = zip(*((figures_of(load), figures_of(bench)) for load, bench in judged))
    cells, medians = [], {}
    for name in loads[0]:
        ratios = [bench[name] / load[name] for load, bench in zip(loads, benches)]
        medians[name] = statistics.median(ratios)
        values = [statistics.median(found[name] for found in side) for side in (loads, benches)]
        form = ".2f" if values[0] < 100 else ",.0f"
        cells.append(f"{values[0]:{form}} / {values[1]:{form}} = {medians[name]:.2f} "
                     f"({min(ratios):.2f}..{max(ratios):.2f})")
    fair = medians["client us/delivery"] <= CPU_RATIO_MAX and all(
        RATIO_MIN <= medians[name] <= RATIO_MAX for name in ("deliveries/s", "p50"))
    cells += [f"{len(quiet)} of {len(pairs)}", ("yes" if fair else "NO") if telling else "too busy to tell"]
    print(f"| {scenario} | {' | '.join(cells)} |", flush=True)
    return EXIT_BUSY if not telling else 0 if fair else EXIT_UNFAIR


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=5, help="pairs of each scenario (5)")
    parser.add_argument("--duration", type=float, default=4, help="measured seconds of a run (4)")
    parser.add_argument("--load", default=BUILD / "tests" / "bench" / "crier_bench_load",
                        help="another program with the load generator's options")
    parser.add_argument("--no-pin", dest="pin", action="store_false", help="let the scheduler choose the CPUs")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.scenarios or USUAL
    if unknown := set(wanted) - set(SCENARIOS):
        parser.error(f"unknown scenario {unknown.pop()}")
    for program in (CRIER, pathlib.Path(arguments.load)):
        if not os.access(program, os.X_OK):
            sys.exit(f"fairness.py: {program} is missing: run tests/bench/setup.sh first")
    arguments.pin = arguments.pin and len(os.sched_getaffinity(0)) > 1
    broker = Broker(arguments.pin)
    try:
        print("| load generator / crier bench | deliveries/s | p50, us | p99, us | client us/delivery "
              "| deliveries/read | quiet | agree |\n|---|---|---|---|---|---|---|---|", flush=True)
        verdicts = [compare(scenario, list(pairs_of(scenario, broker, arguments))) for scenario in wanted]
    finally:
        broker.stop()
    return EXIT_UNFAIR if EXIT_UNFAIR in verdicts else max(verdicts)


if __name__ == "__main__":
    sys.exit(main())
