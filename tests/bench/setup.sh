#!/usr/bin/env bash
# Installs the peers, builds the broker, the load generator and the floor (preset release). Scratch files and the
# peers' Node.js packages go to $BENCH_WORK (default /tmp/crier-bench).
#
#   tests/bench/setup.sh
set -euo pipefail

# shellcheck source=tests/bench/bench.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bench.sh"
# shellcheck source=deploy/packages.sh
source "$crier_root/deploy/packages.sh"

install_packages build bench

node=$BENCH_WORK/node
mkdir -p "$BENCH_WORK/run" "$BENCH_WORK/results" "$node"
cp "$bench_dir"/peers/node/*.js "$bench_dir"/peers/node/package*.json "$bench_dir/peers/node/.npmrc" "$node/"
if ! command -v npm > /dev/null; then
  say "there is no npm: the peers ws and socketio are left out"
elif ! cmp -s "$node/package-lock.json" "$node/node_modules/.crier-lock"; then
  say "installing the peers' npm packages"
  (cd "$node" && npm ci --silent --no-progress < /dev/null) || die "npm ci failed in $node"
  cp "$node/package-lock.json" "$node/node_modules/.crier-lock"
fi

say "building preset release with the benchmark kit"
(cd "$crier_root" && cmake --preset release -DCRIER_BENCH=ON -DCRIER_TESTS=OFF > /dev/null) ||
  die "cmake --preset release failed"
crier_tests=OFF build_preset release crier crier_bench_load crier_bench_floor crier_bench_storm
say "ready: tests/bench/run_all.sh, scratch files and results in $BENCH_WORK"
