#!/bin/sh
# The floor, one thread, mode A: one send for each message and subscriber.
exec "${BENCH_BUILD:?run it through one.sh}/tests/bench/crier_bench_floor" "${1:-17002}" A 1
