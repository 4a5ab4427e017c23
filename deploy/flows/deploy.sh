#!/usr/bin/env bash
# Flow 3: a cluster from nothing. Whatever was there before is destroyed first, and before that everything
# is checked that can be.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/config.sh"
source "$flows/explain.sh"
source "$flows/teardown.sh"
source "$flows/preflight.sh"
names_its_end=yes
: "${DEPLOY_TIMEOUT:=180}"

# await_set STATEFULSET REPLICAS SECONDS: what goes wrong is said when it is known, once.
await_set() {
  local set=$1 replicas=$2 deadline=$(($(now) + $3)) up shown='' told='' i reason
  while :; do
    ask pods get pods -l "$OURS" -o 'jsonpath={range .items[*]}{.metadata.name}|{.status.conditions[?(@.type=="Ready")].status}|{.status.containerStatuses[*].restartCount}|{.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}'
    up=0
    for ((i = 0; i < replicas; i++)); do
      IFS='|' read -r _ pod_ready pod_restarts pod_waiting <<<"$(printf '%s\n' "$pods" | grep "^$set-$i|" || true)"
      if [ "$pod_ready" = True ]; then up=$((up + 1)); fi
      reason=$(pod_trouble)
      case $reason in
      '' | *Image*) ;; # find_trouble knows more of images
      *)
        save_crash "$set-$i"
        die "$set-$i does not start: $reason; its last words are in $crash_file" "more: make k8s-logs-crash POD=$set-$i" ;;
      esac
    done
    if [ "$up" != "$shown" ]; then say "   $up of $replicas pods of $set are ready"; fi
    shown=$up known="$up of $replicas pods of $set are ready"
    [ $up -lt "$replicas" ] || return 0
    find_trouble "$set" "$replicas"
    [ -z "$hopeless" ] || die "$set cannot come up: only $up of $replicas nodes are ready" "$trouble"
    if [ -n "$trouble" ] && [ "$trouble" != "$told" ]; then printf '%s\n' "$trouble" | sed 's/^/   /' >&2; fi
    told=$trouble
    if [ "$(now)" -ge "$deadline" ]; then
      complain "only $up of $replicas nodes are ready after $3 s" "${trouble:-see: $kube_words describe pods -l $OURS}"
      case $trouble in *Pending*) ssd_hint ;; esac
      state=failed
      exit 1
    fi
    sleep 1
  done
}

require_profile
require_registry k8s-deploy
require_docker
read_profile
find_pushed_image
require_context
require_ssd_node
instance=$(date -u +%Y%m%d-%H%M%S)-$$
render "$instance" "$image"
lock k8s-deploy
preflight

destroy

doing="applying"
still_locked
step "configuration and services"
for file in configmap storageclass rbac service-headless service-nodeport; do change apply -f "$rendered/$file.yaml"; done

step "etcd"
change apply -f "$rendered/statefulset-etcd.yaml"
doing="waiting for etcd"
await_set etcd-cluster 1 60

step "nodes: $image"
still_locked
change apply -f "$rendered/statefulset-sandstore.yaml"
doing="waiting for the nodes"
await_set sandstore $REPLICAS "$DEPLOY_TIMEOUT"
# shellcheck disable=SC2046 # the names are words
await_steady 60 sandstore-0 sandstore-1 sandstore-2 || die "the nodes were Ready, but now $missing" "see: make k8s-status"
ask phases get pvc -l "$OURS,component=node" -o 'jsonpath={.items[*].status.phase}'
# shellcheck disable=SC2154 # ask has set it
[ "$phases" = "Bound Bound Bound" ] || die "not all claims are Bound: $phases" "see: $kube_words get pvc -l app=sandstore"
kube get pods,pvc -l "$OURS" -o wide || true # for people only
find_endpoint
doing="trying it from outside"
ENDPOINT=$target "$flows/smoke.sh" || { state=failed && exit 1; }
say "Sand Store runs at $target"
state=deployed
