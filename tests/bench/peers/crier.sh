#!/bin/sh
# Crier as in production, its heartbeat as it comes; CRIER_ARGS adds flags (--threads N, --config FILE).
port=${1:-17020}
# shellcheck disable=SC2086  # CRIER_ARGS is a list of words
exec "${CRIER_BIN:?must be the path of the broker}" serve \
  --listen "127.0.0.1:$port" --admin "127.0.0.1:$((port + 500))" ${CRIER_ARGS:---threads 1}
