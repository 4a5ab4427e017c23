#!/usr/bin/env bash
# Tries the cluster from outside, through the NodePort.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
require_context
find_endpoint
step "smoke test from here through $target"
bin/sandstore smoke --target "$target" || die "the smoke test failed at $target" \
  "if the address is wrong from here, set ENDPOINT=host:port" "see also: make k8s-status, make k8s-logs"
