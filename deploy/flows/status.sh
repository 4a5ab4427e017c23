#!/usr/bin/env bash
# Members, leader, term, applied index and lag, disk use, as the nodes say; then what Kubernetes says.
source "$(dirname "$0")/lib.sh"
require_context
target=$(endpoint)
code=0
bin/sandstore status --target "$target" --timeout 10 || code=$?
say
kube get pods,pvc -l app=sandstore -o wide
exit $code
