#!/bin/sh
# nats-server with its WebSocket listener: no TLS, no compression; otherwise its defaults (64 MB may wait for a
# client, one scheduler thread a core).
set -e
port=${1:-17006}
dir=${BENCH_WORK:-/tmp/crier-bench}/run/nats-$port
mkdir -p "$dir"
cat > "$dir/nats.conf" << CONF
listen: "127.0.0.1:$((port + 500))"
logtime: true
ping_interval: "10m"
max_connections: 65536
write_deadline: "10s"
websocket { listen: "127.0.0.1:$port", no_tls: true, compression: false }
CONF
exec nats-server -c "$dir/nats.conf" -l "$dir/nats.log"
