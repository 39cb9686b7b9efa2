#!/bin/sh
# mosquitto: MQTT 3.1.1 over its WebSocket listener (libwebsockets), which this version starts only with a plain one
# beside it. No persistence, no $SYS tree, no line for each client, TCP_NODELAY. max_queued_messages is raised from
# 1000, or a burst loses QoS 0 messages.
set -e
port=${1:-17007}
dir=${BENCH_WORK:-/tmp/crier-bench}/run/mosquitto-$port
mkdir -p "$dir"
cat > "$dir/mosquitto.conf" << CONF
listener $((port + 500)) 127.0.0.1
listener $port 127.0.0.1
protocol websockets
socket_domain ipv4
allow_anonymous true
persistence false
sys_interval 0
set_tcp_nodelay true
max_queued_messages 100000
connection_messages false
log_type error
log_dest stderr
user root
CONF
exec mosquitto -c "$dir/mosquitto.conf"
