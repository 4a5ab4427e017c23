# What update and rollback share: one pod at a time, and never one while another is missing. Sourced.
# shellcheck shell=bash
: "${POD_TIMEOUT:=120}"
rolled=   # the pods that this flow has replaced

# Sets set_... to what the StatefulSet says. set_name is empty where there is none.
see_set() {
  local seen
  ask seen get statefulset sandstore --ignore-not-found -o 'jsonpath={.metadata.name}|{.metadata.labels.sandstore\.io/instance}|{.spec.replicas}|{.spec.updateStrategy.rollingUpdate.partition}|{.spec.template.spec.containers[*].image}|{.status.currentRevision}|{.status.updateRevision}|{.metadata.generation}|{.status.observedGeneration}|{.metadata.annotations.sandstore\.io/previous-image}|{.metadata.annotations.sandstore\.io/manifests}'
  # Which of these a flow reads is its own affair.
  # shellcheck disable=SC2034
  IFS='|' read -r set_name set_instance set_replicas set_partition set_image set_current set_update set_generation set_observed set_previous set_manifests <<<"$seen"
}

# The StatefulSet, once its controller has seen the last change: only then are its revisions those.
see_settled_set() {
  local deadline=$(($(now) + 30))
  see_set
  while [ "${set_observed:-0}" -lt "${set_generation:-0}" ]; do
    [ "$(now)" -lt "$deadline" ] || die "the StatefulSet's controller does not look at it" "see: $kube_words describe statefulset sandstore"
    sleep 1
    see_set
  done
}

require_running() {
  see_set
  [ -n "$set_name" ] || die "Sand Store does not run in context $KUBE_CONTEXT" "run: make k8s-deploy PROFILE=$PROFILE"
  [ -n "$set_instance" ] || die "the StatefulSet sandstore has no label $MARK: it is not ours, or older than the mark" \
    "if it is yours, say so: $kube_words label statefulset/sandstore $MARK=adopted, and its pods, services, claims alike; or deploy anew"
  [ "$set_replicas" = "$REPLICAS" ] || die "the StatefulSet has $set_replicas replicas, not $REPLICAS: somebody scaled it" \
    "run: $kube_words scale statefulset sandstore --replicas=$REPLICAS"
}

partition() {
  change patch statefulset sandstore --type=merge -p "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":$1}}}}" >"$scratch/patched"
}

# Held, the controller replaces nothing by itself, and a pod that dies comes back as what it was.
hold() { partition "$REPLICAS"; }

all_pods() { local i; for ((i = 0; i < REPLICAS; i++)); do printf 'sandstore-%s ' $i; done; }
others_of() { all_pods | tr ' ' '\n' | grep -v "^$1\$" | tr '\n' ' '; }

# Sets next to the pod that is replaced next: one that runs nothing, where it comes back right by
# itself; else the highest ordinal that is not of the wanted revision. Empty when all are.
choose_next() {
  local i stale=''
  next=''
  for ((i = REPLICAS - 1; i >= 0; i--)); do
    look "sandstore-$i"
    [ "$pod_revision" != "$set_update" ] || continue
    stale=${stale:-sandstore-$i}
    if [ "$set_update" = "$set_current" ] && pod_is_dead; then next=sandstore-$i && return 0; fi
  done
  next=$stale
}

# roll_out: every pod to the StatefulSet's template. What is right already is not touched, so that an
# interrupted rollout goes on where it was. broken POD REASON says what happens where a new pod does not work.
roll_out() {
  while :; do
    see_settled_set
    see_pods
    choose_next
    [ -n "$next" ] || break
    replace "$next"
  done
  doing="waiting for all nodes to be in the quorum"
  # shellcheck disable=SC2046 # the names are words
  await_steady "$POD_TIMEOUT" $(all_pods) || die "all pods are replaced, but $missing" "see: make k8s-status"
  still_locked
  partition 0
  see_settled_set
  [ "$set_current" = "$set_update" ] || await_current
}

# The controller calls a rollout done a moment after the last pod is Ready.
await_current() {
  local deadline=$(($(now) + 60))
  while [ "$set_current" != "$set_update" ]; do
    [ "$(now)" -lt "$deadline" ] || die "the rollout ended, but Kubernetes does not call it done" "see: $kube_words describe statefulset sandstore"
    sleep 1
    see_set
  done
}

# replace POD: a living pod goes only while all others are in the quorum, steadily and by their own word.
replace() {
  local pod=$1 deadline
  doing="looking at the others before $pod is replaced"
  look "$pod"
  if ! pod_is_dead; then
    # shellcheck disable=SC2046 # the names are words
    await_steady "$POD_TIMEOUT" $(others_of "$pod") ||
      stop_here "$pod is not replaced, because $missing: another one less could cost the quorum"
  fi
  find_failed_create
  failed_before=$failed
  still_locked
  doing="replacing $pod"
  say "   $pod: replacing"
  known="${rolled:+replaced and in the quorum: $rolled; }$pod was told to be replaced"
  if [ "$set_update" != "$set_current" ]; then
    partition "${pod##*-}" # the controller does it
  elif [ -n "$pod_uid" ] && [ -z "$pod_deleted" ]; then
    # Under the hold it comes back as what runs everywhere else. By hand, because a pod that never
    # became Ready is not replaced by a StatefulSet (kubernetes#67250).
    change delete pod "$pod" --ignore-not-found --wait=false >"$scratch/deleted"
  fi
  await_new "$pod"
}

await_new() {
  local pod=$1 deadline=$(($(now) + POD_TIMEOUT)) trouble not_made=''
  while :; do
    see_pods
    look "$pod"
    if [ -z "$pod_uid" ]; then
      # Said when it is known; a quota may be raised and a webhook come back meanwhile.
      find_failed_create
      if [ "$failed" != "$failed_before" ] && [ "${failed#*|}" != "$not_made" ]; then
        not_made=${failed#*|}
        say "   $pod is not created: $not_made"
      fi
    else
      not_made=''
    fi
    if [ "$pod_revision" = "$set_update" ] && [ -z "$pod_deleted" ]; then
      trouble=$(pod_trouble)
      [ -z "$trouble" ] || broken "$pod" "does not start: $trouble"
      if pod_is_ready && says_ready "$pod"; then
        say "   $pod: ready, in the quorum"
        rolled=${rolled:+$rolled, }$pod
        known="replaced and in the quorum: $rolled"
        return 0
      fi
    fi
    [ "$(now)" -lt "$deadline" ] || broken "$pod" "is not ready after $POD_TIMEOUT s${not_made:+, because it is not created: $not_made}"
    sleep 1
  done
}

# stop_here WHY: nothing is replaced by itself from now on.
stop_here() {
  hold
  complain "$1" "nothing further is replaced; see: make k8s-status" "run it again when they are back"
  state=halted
  exit 1
}
