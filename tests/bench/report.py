#!/usr/bin/python3
"""Tables from the JSON lines of run_all.sh: medians, and the ratio to the floor.

    report.py FILE.jsonl...     several files are merged
"""

import json
import statistics
import sys

FAULTS = ("lost", "duplicates", "misordered", "misrouted", "corrupt", "stalls", "http_errors", "disconnected",
          "lost_by_disconnected", "connect_failed")
HEADS = {"rate": "rate p50/p99", "idle": "idle", "ingest": "ingest pub/s", "slow": "slow p50/p99"}
IDLE_COLUMNS = ["target", "connects/s", "cpu/connect", "rss B/conn", "pss B/conn", "rss", "idle cpu", "check",
                "other cpu", "errors"]
COLUMNS = ["target", "deliv/s", "range", "pub/s", "srv µs/deliv", "srv cores u+s", "client cores", "msgs/read",
           "latency p50 p90 p99 p99.9 max", "rss", "other cores", "errors"]


def count(n):
    return f"{n / 1e6:.2f}M" if n >= 1e6 else f"{n / 1e3:.0f}k" if n >= 1e4 else f"{n:.0f}"


def latency(us):
    return f"{us / 1e6:.1f}s" if us >= 1e6 else f"{us / 1e3:.1f}ms" if us >= 1000 else f"{us:.0f}µs"


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head] + rows) for i in range(len(head))]
    for i, row in enumerate([head] + rows):
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")
        if i == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


class Runs:
    """Results by case (a scenario with its options) and target; both in the order in which they appear."""

    def __init__(self, lines):
        self.by_case_and_target = {}
        for line in lines:
            run = json.loads(line)
            run.setdefault("case", run["scenario"])
            self.by_case_and_target.setdefault((run["case"], run["target"]), []).append(run)
        self.cases = list(dict.fromkeys(case for case, _ in self.by_case_and_target))
        self.targets = list(dict.fromkeys(target for _, target in self.by_case_and_target))

    def all(self, case, target):
        return self.by_case_and_target.get((case, target), [])

    def measured(self, case, target):
        return [run for run in self.all(case, target) if "error" not in run]

    def median(self, case, target, get):
        """None where nothing was measured. `get` is a field's name or a function of a run."""
        field = (lambda run: run[get]) if isinstance(get, str) else get
        values = [field(run) for run in self.measured(case, target)]
        return statistics.median(values) if values else None

    def errors(self, case, target):
        runs = self.all(case, target)
        sums = {name: sum(run.get(name, 0) for run in runs) for name in FAULTS}
        text = " ".join(f"{name} {n}" for name, n in sums.items() if n)
        if any(run.get("drain") == "timeout" for run in runs):
            text += " (still arriving when the drain ended)"
        failed = [run["error"] for run in runs if "error" in run]
        return (text + " " + "; ".join(failed)).strip()


def summary_cell(runs, case, target):
    """The figure that matters in the case, and in brackets its ratio to the floor's (1.00: as fast)."""
    median = runs.median
    if not runs.measured(case, target):
        return "-"
    if case == "idle":
        return (f'{median(case, target, "pss_per_connection_bytes") / 1024:.1f} KiB, '
                f'{count(median(case, target, "connect_per_s"))} conn/s')
    mark = " !" if runs.errors(case, target) else ""
    if case in ("rate", "slow"):
        p50, p99 = (median(case, target, lambda run, key=key: run["latency_us"][key]) for key in ("p50", "p99"))
        return f"{latency(p50)} / {latency(p99)}{mark}"
    field = "published_per_s" if case == "ingest" else "deliveries_per_s"
    value, floor = median(case, target, field), median(case, "floor", field)
    return count(value) + (f" ({value / floor:.2f})" if floor else "") + mark


def idle_row(runs, case, target):
    def median(get):
        return runs.median(case, target, get)
    return [target, count(median("connect_per_s")), f'{median("connect_cpu_us"):.0f}µs',
            f'{median("rss_per_connection_bytes"):.0f}', f'{median("pss_per_connection_bytes"):.0f}',
            f'{median("server_rss_peak_kb") / 1024:.0f}M', f'{median("server_cpu_s"):.2f}s',
            f'{median("check_received"):.0f}/{median("check_sent"):.0f}', f'{median("other_cpu_s"):.2f}s',
            runs.errors(case, target)]


def row(runs, case, target):
    def median(get):
        return runs.median(case, target, get)

    def cores(field):
        return f'{median(lambda run: run[field] / run["duration_s"]):.2f}'

    rates = [run["deliveries_per_s"] for run in runs.measured(case, target)]
    latencies = [latency(median(lambda run, key=key: run["latency_us"][key]))
                 for key in ("p50", "p90", "p99", "p99_9", "max")]
    return [target, count(median("deliveries_per_s")), f"{min(rates) / 1e3:.0f}..{max(rates) / 1e3:.0f}k",
            count(median("published_per_s")), f'{median("server_cpu_us_per_delivery"):.2f}',
            f'{cores("server_user_s")}+{cores("server_sys_s")}', cores("client_cpu_s"),
            f'{median("client_deliveries_per_read"):.1f}', " ".join(latencies),
            f'{median("server_rss_peak_kb") / 1024:.0f}M', cores("other_cpu_s"), runs.errors(case, target)]


def print_case(runs, case):
    head, make_row = (IDLE_COLUMNS, idle_row) if case == "idle" else (COLUMNS, row)
    rows = []
    for target in runs.targets:
        if runs.measured(case, target):
            rows.append(make_row(runs, case, target))
        else:
            rows.append([target] + ["-"] * (len(head) - 2) + [runs.errors(case, target)])
    print(f"{case}:")
    table(head, rows)


def main():
    lines = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            lines += file
    runs = Runs(lines)
    table(["target"] + [HEADS.get(case, case + " del/s") for case in runs.cases],
          [[target] + [summary_cell(runs, case, target) for case in runs.cases] for target in runs.targets])
    for case in runs.cases:
        print_case(runs, case)


if __name__ == "__main__":
    main()
