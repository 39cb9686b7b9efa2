# shellcheck shell=bash
# Paths that the scripts of this folder share. To be sourced.
bench_dir=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
crier_root=$(cd "$bench_dir/../.." && pwd)
export BENCH_WORK=${BENCH_WORK:-/tmp/crier-bench}
# Where the two programs and the broker were built; the broker can be another one.
export BENCH_BUILD=${BENCH_BUILD:-$crier_root/build/release}
export CRIER_BIN=${CRIER_BIN:-$BENCH_BUILD/crier}
