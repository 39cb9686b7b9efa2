#!/bin/sh
# socket.io on Node.js: WebSocket transport only, a room for each channel.
NODE_ENV=production exec node "${BENCH_WORK:-/tmp/crier-bench}/node/socketio_broker.js" "${1:-17010}"
