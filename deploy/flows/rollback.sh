#!/usr/bin/env bash
# Brings the code back that ran before the last update, or before a rollout that is half-way, whoever began
# it: pods that have something else are replaced, one at a time.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/explain.sh"
source "$flows/rollout.sh"
names_its_end=yes

broken() { # POD REASON
  hold
  complain "$1 $2, with what ran before" "see: make k8s-logs-crash POD=$1, make k8s-status" "nothing further is replaced; run k8s-rollback again to go back to what the others run"
  state=halted
  exit 1
}

require_context
lock k8s-rollback
require_running
see_settled_set
if [ "$set_current" != "$set_update" ]; then
  # Half-way: all of the template that most pods have, not only its image.
  ask number get controllerrevision "$set_current" -o 'jsonpath={.revision}'
  hold
  step "rolling back to what ran before this rollout (revision $number)"
  change rollout undo statefulset/sandstore "--to-revision=$number"
elif [ -n "$set_previous" ] && [ "$set_previous" != "$set_image" ]; then
  hold
  step "rolling back to $set_previous"
  change set image statefulset/sandstore "sandstore=$set_previous"
elif [ -z "$set_previous" ] && [ "$set_partition" = 0 ]; then
  see_pods
  choose_next
  [ -n "$next" ] || die "there was no update to roll back in context $KUBE_CONTEXT"
fi
roll_out
see_set
change annotate statefulset sandstore sandstore.io/previous-image- >"$scratch/annotated"
say "all pods run $set_image"
state=rolled-back
