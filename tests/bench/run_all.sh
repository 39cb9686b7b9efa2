#!/usr/bin/env bash
# Measures targets side by side: each scenario in turn, and in every repetition all targets one after the other, so
# that a noisy minute hits all of them alike. Each run has a fresh server. Prints medians and ratios to the floor;
# the results go to $BENCH_WORK/results (default /tmp/crier-bench/results).
#
#   tests/bench/run_all.sh [TARGET...]     default: crier nats nchan mosquitto ws socketio; floor and floor-a always
#
#   REPS=3          repetitions (idle and slow: one)
#   DURATION=2      measured seconds of a run           WARMUP=0.5
#   SCENARIOS="fanout128 fanout1k fanout16k rate channels ingest idle"    also: fanout1 (window 1), slow
#   LIMIT=880       start no run after so many seconds
#   and those of one.sh: CRIER_BIN, CRIER_ARGS
set -uo pipefail

# shellcheck source=tests/bench/bench.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bench.sh"

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}
fail() {
  echo "run_all.sh: $* (see run_all.sh --help)" >&2
  exit 1
}

: "${REPS:=3}" "${DURATION:=2}" "${WARMUP:=0.5}" "${LIMIT:=880}"
: "${SCENARIOS:=fanout128 fanout1k fanout16k rate channels ingest idle}"
case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
targets=("$@")
[ "$#" -gt 0 ] || targets=(crier nats nchan mosquitto ws socketio)
for target in "${targets[@]}"; do
  [ -r "$bench_dir/targets/$target.conf" ] || fail "there is no target $target"
done
targets=(floor floor-a "${targets[@]}")

# load_of SCENARIO: sets `load` to its options for the load generator.
load_of() {
  case $1 in
    fanout128) load=(fanout --subs 1000 --window 8 --size 128) ;;
    fanout1) load=(fanout --subs 1000 --window 1 --size 128) ;;
    fanout1k) load=(fanout --subs 1000 --window 8 --size 1024) ;;
    fanout16k) load=(fanout --subs 100 --window 8 --size 16384) ;;
    rate) load=(rate --subs 1000 --rate 50 --size 128) ;;
    channels) load=(channels --channels 1000 --per-channel 5 --publishers 4 --size 128) ;;
    ingest) load=(ingest --publishers 4 --size 128) ;;
    idle) load=(idle --conns 10000) ;;
    slow) load=(slow --duration 10) ;;
    *) fail "there is no scenario $1" ;;
  esac
}
for scenario in $SCENARIOS; do load_of "$scenario"; done

mkdir -p "$BENCH_WORK/results" "$BENCH_WORK/run"
results=$BENCH_WORK/results/$(date +%Y%m%d-%H%M%S).jsonl

SECONDS=0
for scenario in $SCENARIOS; do
  load_of "$scenario"
  repetitions=$REPS
  timing=(--duration "$DURATION" --warmup "$WARMUP" --drain 3)
  export SERVER_CPUS=
  # Latency below saturation: a core for the server, a core for the load generator, or the scheduler puts both on
  # one and every figure doubles.
  case $scenario in
    rate) SERVER_CPUS=0 timing+=(--cpu 1) ;;
    slow) SERVER_CPUS=0 timing=(--cpu 1) repetitions=1 ;;
    idle) repetitions=1 ;;
  esac
  for ((repetition = 1; repetition <= repetitions; repetition++)); do
    for target in "${targets[@]}"; do
      # It has a publisher connection for each channel: no use where there are many.
      case $target-$scenario in nchan-ws-channels | nchan-ws-idle) continue ;; esac
      if ((SECONDS > LIMIT)); then
        echo "skipped for time: $scenario, repetition $repetition, $target" >&2
        continue
      fi
      timeout 100 "$bench_dir/one.sh" "$target" "${load[@]}" "${timing[@]}" 2>> "$BENCH_WORK/run/$target.err" |
        sed "s/^{/{\"case\":\"$scenario\",/" >> "$results"
    done
  done
  echo "$scenario done after $SECONDS s" >&2
done
echo "$results" >&2
/usr/bin/python3 "$bench_dir/report.py" "$results"
