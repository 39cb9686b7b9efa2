#!/usr/bin/env bash
# Starts a server, runs the load generator against it once, ends the server. Prints one line of JSON.
#
#   tests/bench/one.sh TARGET SCENARIO [OPTIONS...]     for example: one.sh nats fanout --subs 100
#
#   CRIER_BIN=PATH     the broker of target crier (default: of preset release)
#   CRIER_ARGS=FLAGS   its flags (default: --threads 1)
#   SERVER_CPUS=LIST   pins the server to these CPUs; --cpu does it for the load generator
set -uo pipefail

# shellcheck source=tests/bench/bench.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bench.sh"
load=$BENCH_BUILD/tests/bench/crier_bench_load
[ -x "$load" ] || { echo "$load is missing: run tests/bench/setup.sh first" >&2; exit 1; }
if [ "$#" -lt 2 ] || [ ! -r "$bench_dir/targets/$1.conf" ]; then
  names=("$bench_dir"/targets/*.conf)
  names=("${names[@]##*/}")
  echo "usage: one.sh TARGET SCENARIO [OPTIONS...]; targets: ${names[*]%.conf}" >&2
  exit 1
fi

target=$1
shift
case $target in
  nchan-ws) peer=nchan ;;
  crier-*) peer=crier ;;
  *) peer=$target ;;
esac
port=$(sed -n 's/^port *= *//p' "$bench_dir/targets/$target.conf")

mkdir -p "$BENCH_WORK/run"
pinned=()
[ -z "${SERVER_CPUS:-}" ] || pinned=(taskset -c "$SERVER_CPUS")
"${pinned[@]}" "$bench_dir/peers/$peer.sh" "$port" > "$BENCH_WORK/run/$target.out" 2>&1 &
server=$!
for _ in {1..100}; do
  (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
  sleep 0.1
done

"$load" "$@" --target "$bench_dir/targets/$target.conf" --server-pid "$server"
status=$?

kill "$server" 2> /dev/null
for _ in {1..50}; do
  kill -0 "$server" 2> /dev/null || break
  sleep 0.1
done
kill -9 "$server" 2> /dev/null
wait "$server" 2> /dev/null
exit "$status"
