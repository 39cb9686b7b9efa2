#!/usr/bin/env bash
# Installs what is missing, builds the broker and runs it with its embedded engine.
#
#   deploy/run.sh [FLAGS OF `crier serve`...]
#
# On Debian 12, as root or with sudo, from any folder. The second start takes seconds and needs no network.
set -euo pipefail

crier_root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=deploy/packages.sh
source "$crier_root/deploy/packages.sh"

install_packages build
say "building the broker (preset release)"
crier_tests=OFF build_preset release crier
say "starting build/release/crier serve $*"
exec "$crier_root/build/release/crier" serve "$@"
