#!/usr/bin/env bash
# Builds deploy/Dockerfile without a container engine, on a base of the machine's own Debian mirror, and tries what
# comes out: see test_image.py and test_compose.py.
#
#   tests/deploy/image.sh [PYTEST OPTIONS...]
#
# As root, with the right to mount; some three minutes on two cores when ccache knows the source. Exit code 77: it
# cannot run here, and says why. Everything lies in one temporary folder and is gone afterwards.
set -euo pipefail

crier_root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=deploy/packages.sh
source "$crier_root/deploy/packages.sh"

readonly suite=bookworm cannot_run=77

cannot() {
  printf 'NOT RUN: %s\n' "$*"
  exit "$cannot_run"
}

# What it stands on: everything below may fail for no other reason than a fault.
[ "$(id -u)" -eq 0 ] || cannot "an image is built and started as root, and this is $(id -un)"
unshare --mount --net --pid --fork true 2> /dev/null || cannot "this machine lets nobody make namespaces"
install_packages test image

folder=$(mktemp -d --tmpdir crier-image.XXXXXX)
# A cache mount of the Dockerfile lies there, too.
export TMPDIR=$folder/tmp
mkdir "$TMPDIR"

readonly storage=(--root "$folder/store" --runroot "$folder/run" --storage-driver vfs)
image() { buildah "${storage[@]}" "$@"; }

clean_up() {
  image rm --all > /dev/null 2>&1 || true
  rm -rf --one-file-system "$folder"
}
trap clean_up EXIT

timed() {
  local what=$1 started=$SECONDS log
  log=$(mktemp)
  shift
  "$@" > "$log" 2>&1 < /dev/null || {
    tail -n 60 "$log" >&2
    die "$what failed (its last lines are above)"
  }
  printf '%-28s %4d s\n' "$what" $((SECONDS - started))
  ! grep -E '^ *(Hits|Misses):.*/' "$log" || true
}

# The sources of Debian's own that apt has on this machine, and how it gets there.
debian_sources() {
  # shellcheck disable=SC2016  # apt expands them
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    awk -v suite="$suite" 'index($3, suite) == 1' | sort -u
}

make_base() {
  local mirror
  mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' "$folder/sources.list")
  debootstrap --variant=minbase "$suite" "$folder/base" "$mirror"
  cp "$folder/sources.list" "$folder/base/etc/apt/sources.list"
  apt-config dump Acquire | grep -E '^Acquire::(http|https|Check-Date|Check-Valid-Until|Retries)\b.* "[^"]+";$' \
    > "$folder/base/etc/apt/apt.conf.d/99machine" || true
  # What every official image of Debian does, too: no waiting for the disk, and nothing of apt left over.
  printf 'force-unsafe-io\n' > "$folder/base/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
  rm -rf "$folder/base/var/cache/apt/archives"/*.deb "$folder/base/var/lib/apt/lists"/*
  mkdir "$folder/context"
  tar -C "$folder/base" -cf "$folder/context/base.tar" .
  rm -rf "$folder/base"
  printf 'FROM scratch\nADD base.tar /\nCMD ["bash"]\n' > "$folder/context/Dockerfile"
  image build --isolation chroot --layers=false --tag crier-base "$folder/context"
  rm -rf "$folder/context"
}

build_image() {
  local ccache_folder
  ccache_folder=$(ccache --get-config cache_dir)
  mkdir -p "$ccache_folder"
  image build --isolation chroot --layers=false --format docker --build-arg BASE=localhost/crier-base \
    --build-arg CCACHE_DIR=/ccache --volume "$ccache_folder:/ccache" --tag crier \
    --file "$crier_root/deploy/Dockerfile" "$crier_root"
}

debian_sources > "$folder/sources.list"
if ! [ -s "$folder/sources.list" ]; then
  apt-get update -qq > /dev/null 2>&1 || true
  debian_sources > "$folder/sources.list"
fi
[ -s "$folder/sources.list" ] || cannot "apt knows no Debian $suite on this machine"

timed "base by debootstrap" make_base
timed "deploy/Dockerfile by buildah" build_image
image inspect --type image crier > "$folder/image.json"
container=$(image from crier)
root=$(image mount "$container")
printf '%-28s %4d MB, of which the base %d MB\n' "the image's files" "$(du -sm "$root" | cut -f 1)" \
  "$(du -sm "$(image mount "$(image from crier-base)")" | cut -f 1)"

# A network of their own, in which the usual ports are free: 192.0.2.2 stands for the address that a container has
# beside its loopback (RFC 5737). Mounts end with it, too.
export CRIER_IMAGE_ROOT=$root CRIER_IMAGE_JSON=$folder/image.json PYTHONDONTWRITEBYTECODE=1
# shellcheck disable=SC2016  # the inner shell expands them
unshare --mount --net --propagation private bash -euc '
  ip link set lo up
  ip address add 192.0.2.2/32 dev lo
  cd "$1" && shift
  exec /usr/bin/python3 -m pytest "$@"' bash "$crier_root/tests/deploy" "$@" < /dev/null
