#!/usr/bin/env bash
# Brings the image back that ran before the last update: pods that have the new one are replaced,
# the highest ordinal first.
source "$(dirname "$0")/lib.sh"
: "${POD_TIMEOUT:=120}"

require_context
old=$(field statefulset/sandstore '{.metadata.annotations.sandstore\.io/previous-image}')
[ -n "$old" ] || die "there was no update to roll back in context $KUBE_CONTEXT"

step "rolling back to $old"
kube patch statefulset sandstore --type=merge -p "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":$REPLICAS}}}}" >/dev/null
kube set image statefulset/sandstore "sandstore=$old"
for ((ordinal = REPLICAS - 1; ordinal >= 0; ordinal--)); do
  pod=sandstore-$ordinal
  if [ "$(field "pod/$pod" '{.spec.containers[0].image}')" != "$old" ]; then
    say "   $pod: replacing"
    # By hand: a pod that never became Ready is not replaced by a StatefulSet (kubernetes#67250).
    kube patch statefulset sandstore --type=merge -p "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":$ordinal}}}}" >/dev/null
    kube delete pod "$pod" --wait=true >/dev/null
  fi
  deadline=$(($(now) + POD_TIMEOUT))
  until ready "$pod" && [ "$(field "pod/$pod" '{.spec.containers[0].image}')" = "$old" ]; do
    [ "$(now)" -lt "$deadline" ] || die "$pod is not ready after $POD_TIMEOUT s" "see: make k8s-status, make k8s-logs-crash POD=$pod"
    sleep 1
  done
  say "   $pod: ready with the old image"
done
kube patch statefulset sandstore --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}' >/dev/null
kube annotate statefulset sandstore sandstore.io/previous-image- >/dev/null
kube rollout status statefulset/sandstore --timeout=120s
say "all pods run $old"
