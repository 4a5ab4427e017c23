#!/usr/bin/env bash
# Flow 3: a cluster from nothing. Whatever was there before is destroyed first.
source "$(dirname "$0")/lib.sh"
: "${DEPLOY_TIMEOUT:=180}"

# The ConfigMap with the profile's overrides.
config() {
  local pairs
  pairs=$(sed -n 's/^\(SANDSTORE_[A-Z_]*\)=\(.*\)$/"\1":"\2"/p' "deploy/profiles/$PROFILE.env" | paste -sd, -)
  kube patch --local -f deploy/k8s/configmap.yaml --type=merge -p "{\"data\":{$pairs}}" -o yaml
}

etcd() {
  if [ -n "${ETCD_IMAGE:-}" ]; then
    # The Service and the StatefulSet are one file; only the latter has an image.
    kube set image --local -f deploy/k8s/statefulset-etcd.yaml "etcd=$ETCD_IMAGE" -o yaml | kube apply -f -
  fi
  [ -n "${ETCD_IMAGE:-}" ] || kube apply -f deploy/k8s/statefulset-etcd.yaml
}

await_nodes() {
  local deadline=$(($(now) + DEPLOY_TIMEOUT)) up pod reason shown=
  while :; do
    up=0
    for ((i = 0; i < REPLICAS; i++)); do
      pod=sandstore-$i
      if ready $pod; then up=$((up + 1)); fi
      reason=$(crash_of $pod)
      case $reason in
      '') ;;
      *) die "$pod does not start: $reason; its last words are in $(save_crash $pod)" "more: make k8s-logs-crash POD=$pod" ;;
      esac
    done
    [ "$up $shown" = "$up $up" ] || say "   $up of $REPLICAS nodes are ready"
    shown=$up
    [ $up -lt $REPLICAS ] || return 0
    if [ "$(now)" -ge "$deadline" ]; then
      printf 'error: only %s of %s nodes are ready after %s s\n' "$up" $REPLICAS "$DEPLOY_TIMEOUT" >&2
      pending_report
      exit 1
    fi
    sleep 1
  done
}

require_profile
require_registry k8s-deploy
require_docker
require_context
require_ssd_node
image=$(pushed_image)

"$(dirname "$0")/destroy.sh"

step "configuration and services"
config | kube apply -f -
kube apply -f deploy/k8s/storageclass.yaml -f deploy/k8s/rbac.yaml -f deploy/k8s/service-headless.yaml -f deploy/k8s/service-nodeport.yaml

step "etcd"
etcd
kube rollout status statefulset/etcd-cluster --timeout=60s || {
  pending_report
  die "etcd did not come up within 60 s" "see: $kube_words describe pod etcd-cluster-0"
}

step "nodes: $image"
kube set image --local -f deploy/k8s/statefulset-sandstore.yaml "sandstore=$image" -o yaml | kube apply -f -
await_nodes
kube get pods,pvc -l app=sandstore -o wide

[ "$(kube get pvc -l app=sandstore,component=node -o 'jsonpath={.items[*].status.phase}')" = "Bound Bound Bound" ] ||
  die "not all claims are Bound" "see: $kube_words get pvc -l app=sandstore"
"$(dirname "$0")/smoke.sh"
say "Sand Store runs at $(endpoint)"
