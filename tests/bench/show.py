#!/usr/bin/python3
"""Reads the load generator's JSON lines on standard input, prints one short line for each."""

import json
import sys

from report import FAULTS


def scenario_details(run):
    if run["scenario"] == "idle":
        return (f'rss/conn {run["rss_per_connection_bytes"]:.0f} pss/conn {run["pss_per_connection_bytes"]:.0f} '
                f'connect/s {run["connect_per_s"]:.0f} cpu/connect {run["connect_cpu_us"]:.0f}us '
                f'check {run["check_received"]}/{run["check_sent"]} ')
    if run["scenario"] == "slow":
        return f'slow {run["slow_fate"]} missing {run["slow_missing"]} growth {run["rss_growth_kb"]}K '
    return ""


def line_of(run):
    if "error" in run:
        return f'{run["target"]} {run["scenario"]} ERROR {run["error"]} connected {run["connected"]}'
    latency = run["latency_us"]
    faults = {name: run[name] for name in FAULTS if run.get(name)}
    return (f'{run["target"]:9} {run["scenario"]:8} {run["deliveries_per_s"]:9.0f}/s '
            f'pub {run["published_per_s"]:8.0f}/s '
            f'p50 {latency["p50"]:7.0f} p99 {latency["p99"]:7.0f} max {latency["max"]:7.0f} us | '
            f'srv {run["server_cpu_s"]:5.2f}s (u {run["server_user_s"]:.2f} s {run["server_sys_s"]:.2f}) '
            f'{run["server_cpu_us_per_delivery"]:6.2f} us/d rss {run["server_rss_peak_kb"] // 1024}M | '
            f'cli {run["client_cpu_s"]:.2f}s {run["client_deliveries_per_read"]:.1f}/read | '
            f'other {run["other_cpu_s"]:.2f}s {scenario_details(run)}{faults or ""}')


def main():
    for line in sys.stdin:
        print(line_of(json.loads(line)))


if __name__ == "__main__":
    main()
