#!/bin/sh
# Runs once before the services of docker-compose.yml: a key with which Prometheus may read the metrics, and the
# broker's configuration, which is demo.toml and what the broker has to know of that key.
#
#   setup.sh DEMO_TOML SETTINGS KEY      SETTINGS and KEY: folders, the broker's and Prometheus's
#
# The key is made once and stays; after a change of demo.toml this may run again, and the broker takes it up.
set -eu
umask 022
demo=$1 settings=$2 key=$3

if [ ! -s "$key/prometheus" ] || [ ! -s "$settings/key.toml" ]; then
  made=$(crier key new prometheus --manage)
  printf '%s\n' "$made" | sed 1d > "$settings/key.toml"
  # Others than Prometheus do not get this folder; it runs as a user whose number is its own matter.
  printf '%s\n' "$made" | sed -n 1p > "$key/prometheus"
fi
# In one step, since a running broker may read it at any moment.
{ cat "$demo" && echo && cat "$settings/key.toml"; } > "$settings/crier.toml.new"
crier check "$settings/crier.toml.new"
mv "$settings/crier.toml.new" "$settings/crier.toml"
