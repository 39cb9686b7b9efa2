#!/usr/bin/env bash
# A reconnect storm: all of 8,000 subscribers lose their connections at once and come back within 5 s, while messages
# are published and 200 others stay; then 2,000 over TLS, with full handshakes and with resumed ones. Prints a table;
# fails when a message was lost or came twice.
#
#   tests/bench/storm.sh [OPTIONS...]     of crier_bench_storm, for all runs: storm.sh --window 10
#
#   RUNS="plain tls tls-resume"     which
#   CRIER_ARGS=FLAGS                of the broker (default: --threads 1)
#
# The lines of JSON go to $BENCH_WORK/results (default /tmp/crier-bench/results).
set -uo pipefail

# shellcheck source=tests/bench/bench.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bench.sh"
require_storm_client
: "${RUNS:=plain tls tls-resume}"

work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$work"' EXIT
results=$BENCH_WORK/results/storm-$(date +%Y%m%d-%H%M%S).jsonl
mkdir -p "$BENCH_WORK/results"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" \
  -days 2 -subj /CN=storm -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2> "$work/openssl.out" ||
  { cat "$work/openssl.out" >&2 && exit 1; }
cat > "$work/plain.toml" << 'CONFIG'
[limits]
idempotency_keys_max = 500_000
[namespace.default]
history = { messages = 1000, age = "10m" }
idempotency_window = "1m"
CONFIG
printf '%s\n[tls]\ncertificate = "%s"\nprivate_key = "%s"\n' \
  "$(cat "$work/plain.toml")" "$work/cert.pem" "$work/key.pem" > "$work/tls.toml"

# start_broker CONFIG: sets `server` and `port`, once it has printed its address.
start_broker() {
  : > "$work/broker.out"
  # shellcheck disable=SC2086  # CRIER_ARGS is a list of words
  "$CRIER_BIN" serve --config "$1" --listen 127.0.0.1:0 --admin 127.0.0.1:0 ${CRIER_ARGS:---threads 1} \
    > "$work/broker.out" 2>&1 &
  server=$!
  port=""
  for _ in {1..100}; do
    port=$(sed -n 's!^listening on https*://127.0.0.1:\([0-9]*\)/.*!\1!p' "$work/broker.out")
    [ -n "$port" ] && kill -0 "$server" 2> /dev/null && return
    sleep 0.1
  done
  echo "storm.sh: the broker did not start:" >&2
  cat "$work/broker.out" >&2
  exit 1
}

status=0
for run in $RUNS; do
  case $run in
    plain) config=plain options=(--connections 8000) ;;
    tls) config=tls options=(--connections 2000 --tls) ;;
    tls-resume) config=tls options=(--connections 2000 --tls-resume) ;;
    *) echo "storm.sh: there is no run $run" >&2 && exit 1 ;;
  esac
  start_broker "$work/$config.toml"
  "$storm_client" storm --port "$port" --server-pid "$server" "${options[@]}" "$@" >> "$results" || status=$?
  kill "$server"
  wait "$server"
  server=""
done
"$bench_dir/storm/show.py" < "$results"
exit "$status"
