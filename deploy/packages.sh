# shellcheck shell=bash
# Shell functions shared by deploy/run.sh, tests/run.sh and .ci/run: system packages and the build.
# To be sourced. Needs bash, and `crier_root` set to the repository's root.
: "${crier_root:?must be the root of the repository}"

say() { printf '==> %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Packages whose install starts a service that we only want as a program.
readonly crier_service_packages=" prometheus nginx nats-server mosquitto "

# packages_of SECTION...: the names of apt-packages.txt, without those that a command of the machine replaces.
packages_of() {
  local section="" name rest wanted command
  while read -r name rest; do
    case $name in
      '' | '#'*) continue ;;
      '['*']') section=${name#[} section=${section%]} && continue ;;
    esac
    for wanted in "$@"; do
      [ "$section" = "$wanted" ] || continue
      command=${rest%%#*} command=${command%% *}
      case $command in
        cmd:*) command -v "${command#cmd:}" > /dev/null 2>&1 && continue ;;
      esac
      printf '%s\n' "$name"
    done
  done < "$crier_root/deploy/apt-packages.txt"
}

# missing_packages SECTION...: those of them that are not installed.
missing_packages() {
  local name
  for name in $(packages_of "$@"); do
    case $(dpkg-query --show --showformat '${db:Status-Status}' "$name" 2> /dev/null) in
      installed*) ;;  # a package of several architectures prints the word more than once
      *) printf '%s\n' "$name" ;;
    esac
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# install_packages SECTION...: installs what is missing, and touches neither apt nor the network when nothing is.
install_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get > /dev/null || die "these Debian packages are needed, and there is no apt-get: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo > /dev/null; then
    die "not root, and no sudo. As root: apt-get install ${missing[*]}"
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  without_services install_quietly "${missing[@]}"
  say "packages installed"
}

install_quietly() {
  local log status=0
  log=$(mktemp)
  # A third-party source that fails to update must not stop us: the install below is the judge.
  as_root apt-get update -qq > "$log" 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >> "$log" 2>&1 < /dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    rm -f "$log"
    die "apt-get install failed (its last lines are above)"
  fi
  rm -f "$log"
}

# without_services COMMAND ARGS...: while it runs, packages may not start their services (Debian's own
# mechanism: a policy-rc.d that forbids it); and what would start at the next boot is switched off.
without_services() {
  local policy=/usr/sbin/policy-rc.d ours="" name
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
    as_root chmod 755 "$policy"
    ours=yes
  fi
  local status=0
  ("$@") || status=$?
  [ -z "$ours" ] || as_root rm -f "$policy"
  if [ -d /run/systemd/system ]; then
    for name in "$@"; do
      case $crier_service_packages in
        *" $name "*) as_root systemctl disable --quiet "$name" 2> /dev/null || true ;;
      esac
    done
  fi
  [ "$status" -eq 0 ] || exit "$status"
}

# build_preset PRESET [TARGET...]: configures and builds, with ccache and mold where they are there.
# crier_tests=OFF leaves the tests out (and the libraries that only they need).
build_preset() {
  local preset=$1 log status=0
  shift
  local -a options=() targets=()
  command -v ccache > /dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  command -v mold > /dev/null && options+=(-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=mold)
  [ "$#" -eq 0 ] || targets=(--target "$@")
  # What ccache has compiled in one folder serves every other one, and the build of an image.
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$crier_root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-true} LANG=${LANG:-C.UTF-8}
  log=$(mktemp)
  # Presets are looked up in the current folder; the caller's own stays as it is.
  (cd "$crier_root" && cmake --preset "$preset" "-DCRIER_TESTS=${crier_tests:-ON}" "${options[@]}") \
    > "$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    rm -f "$log"
    die "cmake --preset $preset failed"
  fi
  rm -f "$log"
  (cd "$crier_root" && cmake --build --preset "$preset" "${targets[@]}") || die "the build of preset $preset failed"
}
