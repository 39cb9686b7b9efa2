#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: unit tests and checks of the tree (ctest), then
# integration tests against the real process (pytest).
#
#   tests/run.sh [--preset release|dev|asan|tsan] [PYTEST OPTIONS...]
#
# Sanitizer presets run the same tests with smaller counts (CRIER_TEST_SCALE) and without bounds on memory. They leave
# out those whose subject is none of our C++: pages, the JavaScript library, files of the deployment.
set -euo pipefail

crier_root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=deploy/packages.sh
source "$crier_root/deploy/packages.sh"

preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset wants a name}
  shift 2
fi

install_packages build test

# npm_packages FOLDER: what its lock file names, installed unless that is done.
npm_packages() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.crier-lock" && return
  say "installing the npm packages of ${1#"$crier_root/"}"
  (cd "$1" && npm ci --silent --no-progress < /dev/null) || die "npm ci failed in ${1#"$crier_root/"}"
  cp "$1/package-lock.json" "$1/node_modules/.crier-lock"
}

integration=$crier_root/tests/integration
npm_packages "$integration"
npm_packages "$crier_root/clients/js"

say "building preset $preset"
build_preset "$preset"

calm=()
left_out=()
case $preset in
  asan)
    export CRIER_TEST_SANITIZED=address CRIER_TEST_SCALE=${CRIER_TEST_SCALE:-0.1}
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    ;;
  tsan)
    export CRIER_TEST_SANITIZED=thread CRIER_TEST_SCALE=${CRIER_TEST_SCALE:-0.05}
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0:second_deadlock_stack=1:exitcode=66}
    # Newer kernels spread addresses wider than this ThreadSanitizer knows ("unexpected memory mapping").
    if setarch "$(uname -m)" -R true 2> /dev/null; then calm=(setarch "$(uname -m)" -R); fi
    ;;
esac

if [ "$preset" = asan ] || [ "$preset" = tsan ]; then
  for name in browser container_files cli_manual dashboard js_client js_in_browser; do
    left_out+=("--ignore=test_$name.py")
  done
  say "left out with sanitizers: ${left_out[*]#--ignore=}"
fi

status=0
say "unit tests and checks of the tree (ctest, preset $preset)"
(cd "$crier_root" && "${calm[@]}" ctest --preset "$preset" --no-tests=error --parallel "$(nproc)" < /dev/null) \
  || status=1

say "integration tests (pytest, preset $preset)"
export CRIER_BIN=${CRIER_BIN:-$crier_root/build/$preset/crier}
export CRIER_BUILD_DIR=$crier_root/build/$preset
# Debian's interpreter by its path: it has Debian's pytest and websockets, another in PATH has not.
# Most of their time they wait: twice as many at once as there are cores, each file by one of them.
(cd "$integration" && "${calm[@]}" /usr/bin/python3 -m pytest -n "$((2 * $(nproc)))" --dist loadfile "${left_out[@]}" \
  "$@" < /dev/null) || status=1

if [ "$status" -eq 0 ]; then say "preset $preset: everything passed"; else say "preset $preset: FAILED"; fi
exit "$status"
