#!/usr/bin/env bash
# Flow 5, after a crash: how a pod's dead container ended, what it said last, and what was said of it.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/explain.sh"
[ -n "${POD:-}" ] || die "which pod? make k8s-logs-crash POD=sandstore-0"
require_context
ask uid get pod "$POD" --ignore-not-found -o 'jsonpath={.metadata.uid}'
mkdir -p target/k8s
kept=$(find target/k8s -name "crash-$POD-*.log" | sort | tail -1)
# shellcheck disable=SC2154 # ask has set it
if [ -z "$uid" ]; then
  ask names get pods -l "$OURS,component=node" -o 'jsonpath={.items[*].metadata.name}'
  # shellcheck disable=SC2154
  die "there is no pod '$POD'; there are: $names" ${kept:+"kept from an earlier crash: $kept"}
fi
post_mortem "$POD"
[ -z "$kept" ] || say "kept from an earlier crash: $kept"
