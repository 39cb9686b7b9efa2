#!/usr/bin/python3
"""Reads the storm client's JSON lines on standard input, prints a table of storms and one of restarts.

A column for each run, as there are more figures than runs.
"""

import json
import sys

FAULTS = ("lost", "twice", "misordered", "misrouted", "unrecovered", "gaps")


def short(number):
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def percentiles(field):
    return lambda run: " / ".join(short(run[field][name]) for name in ("p50", "p99", "max"))


def cpu(field):
    return lambda run: f"{run[field]['server_cpu_s'] / max(run[field]['seconds'], 0.001):.0%}"


def curve(name):
    """Each second's sum, and the busiest tenth of one."""
    def text(run):
        counts = run[f"{name}_per_100ms"]
        sums = [sum(counts[at:at + 10]) for at in range(0, len(counts), 10)]
        shown = " ".join(map(str, sums[:12])) + (" …" if len(sums) > 12 else "")
        return f"{shown} (most in 0.1 s: {max(counts, default=0)})"
    return text


def faults(run):
    return ", ".join(f"{name} {run[name]}" for name in FAULTS if run[name]) or "none"


SHARED = [
    ("initial connects/s", lambda run: f"{run['connections'] / run['connect_s']:.0f}"),
    ("messages received, replayed", lambda run: f"{run['received']}, {run['replayed']}"),
    ("from connect() to caught up, ms p50/p99/max", percentiles("coming_back_ms")),
    ("away, ms", percentiles("away_ms")),
    ("acknowledgement of a publish, ms", percentiles("acknowledgement_ms")),
    ("connects each second", curve("connects")),
    ("refused, failed, 503", lambda run: f"{run['connects_refused']}, {run['connects_failed']}, "
                                         f"{run['upgrades_refused']}"),
    ("faults", faults),
    ("settled", lambda run: run["settled"]),
]
STORM = [
    ("run", lambda run: f"{run['connections']} {run['transport']}"),
    ("dropped within, s", lambda run: f"{run['drop_s']:.2f}"),
    ("they come back over, s", lambda run: f"{run['window_s']:.0f}"),
    ("all recovered after, s", lambda run: f"{run['recovered_s']:.2f}"),
    ("to those that stayed, before: ms p50/p99/max", percentiles("latency_before_ms")),
    ("during", percentiles("latency_during_ms")),
    ("after", percentiles("latency_after_ms")),
    ("server CPU before / during / after",
     lambda run: " / ".join(cpu(f"cost_{phase}")(run) for phase in ("before", "during", "after"))),
    ("client CPU during, s", lambda run: f"{run['cost_during']['client_cpu_s']:.2f}"),
    ("other CPU during, s", lambda run: f"{run['cost_during']['other_cpu_s']:.2f}"),
    ("server memory before, at most, MiB",
     lambda run: f"{run['server_rss_before_kb'] / 1024:.0f}, {run['server_rss_peak_kb'] / 1024:.0f}"),
]
RESTART = [
    ("run", lambda run: f"{run['way']}, {run['connections']}"),
    ("drain_timeout", lambda run: run["drain"]),
    ("from the signal to the end of the old one, s", lambda run: f"{run['restart_s']:.2f}"),
    ("delay of a message, ms p50/p99/max", percentiles("delay_ms")),
    ("closed with 1012, otherwise", lambda run: f"{run['closed_1012']}, {run['closed_otherwise']}"),
    ("drain, unsubscribed pushes", lambda run: f"{run['drains']}, {run['unsubscribed']}"),
    ("publishes repeated, refused", lambda run: f"{run['repeated']}, {run['publishes_refused']}"),
    ("other CPU, s", lambda run: f"{run['cost']['other_cpu_s']:.2f} of {run['cost']['seconds']:.1f} s"),
]


def table(runs, rows):
    cells = [[name, *(text(run) for run in runs)] for name, text in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(runs) + 1)]
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def main():
    runs = [json.loads(line) for line in sys.stdin]
    for mode, rows in (("storm", STORM), ("restart", RESTART)):
        if chosen := [run for run in runs if run["mode"] == mode]:
            table(chosen, rows + SHARED)


if __name__ == "__main__":
    main()
