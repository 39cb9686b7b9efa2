#!/bin/sh
# The floor, one thread, mode B: what is ready for a subscriber goes out in one send.
floor=${BENCH_BUILD:?run it through one.sh}/tests/bench/crier_bench_floor
exec "$floor" "${1:-17001}" "${FLOOR_MODE:-B}" "${FLOOR_THREADS:-1}"
