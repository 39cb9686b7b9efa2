#!/usr/bin/env bash
# Restarts the broker under load, the simple way and by a hand-over: 5,000 subscribers on 1,000 channels of five,
# 1,000 messages a second. Prints a table; fails when a message was lost or came twice.
#
#   tests/bench/restart.sh [OPTIONS...]     for example: restart.sh --times 3 --drain 10s; --help lists them
#
# The lines of JSON go to $BENCH_WORK/results (default /tmp/crier-bench/results).
set -uo pipefail

# shellcheck source=tests/bench/bench.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bench.sh"
require_storm_client

export CRIER_BUILD_DIR=$BENCH_BUILD
results=$BENCH_WORK/results/restart-$(date +%Y%m%d-%H%M%S).jsonl
mkdir -p "$BENCH_WORK/results"
# Debian's interpreter by its path: it has what the integration tests' modules want.
/usr/bin/python3 "$bench_dir/storm/restart.py" "$@" > "$results"
status=$?
"$bench_dir/storm/show.py" < "$results"
exit "$status"
