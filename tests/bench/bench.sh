# shellcheck shell=bash
# Paths that the scripts of this folder share. To be sourced.
bench_dir=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
crier_root=$(cd "$bench_dir/../.." && pwd)
export BENCH_WORK=${BENCH_WORK:-/tmp/crier-bench}
# Where the two programs and the broker were built; the broker can be another one.
export BENCH_BUILD=${BENCH_BUILD:-$crier_root/build/release}
export CRIER_BIN=${CRIER_BIN:-$BENCH_BUILD/crier}
# shellcheck disable=SC2034  # the scripts that source this use it
storm_client=$BENCH_BUILD/tests/bench/storm/crier_bench_storm

require_storm_client() {
  [ -x "$storm_client" ] && [ -x "$CRIER_BIN" ] && return
  echo "$storm_client or $CRIER_BIN is missing: cmake --preset release && cmake --build --preset release" >&2
  exit 1
}
