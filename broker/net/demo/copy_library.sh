#!/usr/bin/env bash
# Renews the demo page's copy of the JavaScript library: builds clients/js and copies its bundles, without the lines
# that name their source maps. Wants Node.js, and the packages of clients/js (npm ci).
set -euo pipefail

folder=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

(cd "$folder/../../../clients/js" && node build.mjs --bundles-only --out "$built")
for name in crier.js fallback.js; do
  sed '/^\/\/# sourceMappingURL=/d' "$built/$name" > "$folder/$name"
done
