#!/bin/sh
# ws on Node.js: a plain broadcast server. WS_DEFLATE=deflate turns permessage-deflate on.
NODE_ENV=production exec node "${BENCH_WORK:-/tmp/crier-bench}/node/ws_broker.js" "${1:-17009}" "${WS_DEFLATE:-}"
