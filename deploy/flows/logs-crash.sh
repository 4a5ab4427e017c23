#!/usr/bin/env bash
# Flow 5, after a crash: the last words of a pod's dead container, not those of the one that runs.
source "$(dirname "$0")/lib.sh"
[ -n "${POD:-}" ] || die "which pod? make k8s-logs-crash POD=sandstore-0"
require_context
[ -n "$(field "pod/$POD" '{.metadata.name}')" ] || die "there is no pod '$POD'; there are: $(pods_of node | tr '\n' ' ')"
last_words "$POD" || {
  kept=$(ls -t target/k8s/crash-"$POD"-*.log 2>/dev/null | head -1 || true)
  die "there is no log of an earlier container of $POD: it did not crash since it was created, or the log is gone" \
    "logs of the one that runs: $kube_words logs $POD${kept:+; kept from an earlier crash: $kept}"
}
