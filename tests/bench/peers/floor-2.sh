#!/bin/sh
# The floor, two threads, mode B.
exec "${BENCH_BUILD:?run it through one.sh}/tests/bench/crier_bench_floor" "${1:-17003}" B 2
