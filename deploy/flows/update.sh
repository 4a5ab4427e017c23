#!/usr/bin/env bash
# Flow 4: new code, one pod at a time, and not one further than the first that does not work.
source "$(dirname "$0")/lib.sh"
: "${POD_TIMEOUT:=120}"

partition() { kube patch statefulset sandstore --type=merge -p "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":$1}}}}" >/dev/null; }
revision() { field statefulset/sandstore "{.status.$1Revision}"; }

all_ready() {
  local i
  for ((i = 0; i < REPLICAS; i++)); do
    ready "sandstore-$i" || { printf 'sandstore-%s' $i; return 1; }
  done
}

# halt POD REASON: no further pod is replaced, and the new code starts nowhere else.
halt() {
  local file
  partition $REPLICAS
  file=$(save_crash "$1")
  die "the rollout is halted: $1 $2. The other pods run the old image and serve." \
    "its last words: $file" \
    "look:           make k8s-logs-crash POD=$1" \
    "bring the old image back: make k8s-rollback"
}

# Replaces one pod and waits until the new one is in the quorum, and the others are.
replace() {
  local pod=sandstore-$1 deadline=$(($(now) + POD_TIMEOUT)) wanted reason missing
  wanted=$(revision update)
  partition "$1"
  say "   $pod: replacing"
  while :; do
    if [ "$(field "pod/$pod" '{.metadata.labels.controller-revision-hash}')" = "$wanted" ]; then
      reason=$(crash_of "$pod")
      [ -z "$reason" ] || halt "$pod" "does not start: $reason"
      if ready "$pod" && missing=$(all_ready); then
        say "   $pod: ready, in the quorum"
        return
      fi
    fi
    [ "$(now)" -lt "$deadline" ] || halt "$pod" "is not ready after $POD_TIMEOUT s (${missing:-$pod} is not)"
    sleep 1
  done
}

require_profile
require_registry k8s-update
require_docker
require_context
[ -n "$(field statefulset/sandstore '{.metadata.name}')" ] || die "Sand Store does not run in context $KUBE_CONTEXT" "run: make k8s-deploy PROFILE=$PROFILE"
running=$(field configmap/sandstore-config '{.data.SANDSTORE_PROFILE}')
[ "$running" = "$PROFILE" ] || die "profile '$running' runs, not '$PROFILE': data of one is nothing to the other" "run: make k8s-deploy PROFILE=$PROFILE (it wipes)"
missing=$(all_ready) || die "$missing is not Ready: replacing another pod could cost the quorum" "see: make k8s-status; after a halted rollout: make k8s-rollback"
[ "$(revision current)" = "$(revision update)" ] || die "an earlier rollout is halted half-way" "run: make k8s-rollback"
bin/sandstore status --target "$(endpoint)" --timeout 10 >/dev/null || die "the nodes know no leader" "see: make k8s-status"

"$(dirname "$0")/build.sh"
image=$(cat "target/k8s/$PROFILE.image")
old=$(field statefulset/sandstore '{.spec.template.spec.containers[0].image}')
if [ "$image" = "$old" ]; then
  say "the pods run this very image: nothing to do"
  exit 0
fi

step "rolling out $image"
# Nothing is replaced yet: a partition left over from an earlier halt, or none, would decide else.
partition $REPLICAS
kube annotate statefulset sandstore --overwrite "sandstore.io/previous-image=$old" >/dev/null
kube set image statefulset/sandstore "sandstore=$image"
generation=$(field statefulset/sandstore '{.metadata.generation}')
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  [ "$(field statefulset/sandstore '{.status.observedGeneration}')" -lt "$generation" ] || break
  sleep 1
done
for ((ordinal = REPLICAS - 1; ordinal >= 0; ordinal--)); do replace $ordinal; done
kube rollout status statefulset/sandstore --timeout=120s
# 'rollout status' is content with a partition: this is not.
[ "$(revision current)" = "$(revision update)" ] && [ "$(field statefulset/sandstore '{.status.updatedReplicas}')" = $REPLICAS ] ||
  die "the rollout ended, but not all pods are new" "see: $kube_words describe statefulset sandstore"
say "all pods run $image"
