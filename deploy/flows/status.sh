#!/usr/bin/env bash
# Members, primary, term, applied index and lag, disk use, as the nodes say; then what Kubernetes says.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/rollout.sh"
require_context
find_endpoint
code=0
bin/sandstore status --target "$target" --timeout 10 || code=$?
see_set
see_lock
step "Kubernetes"
if [ -n "$set_name" ]; then
  say "instance   ${set_instance:-none: not made by a deploy of today}"
  say "image      $set_image"
  say "before     ${set_previous:-none to roll back to}"
  say "revisions  current $set_current, update $set_update$([ "$set_current" = "$set_update" ] || printf ': a rollout is half-way')"
  say "partition  $set_partition$([ "$set_partition" = 0 ] || printf ': no pod below it is replaced')"
  see_pods
  for pod in $(all_pods); do
    look "$pod"
    say "$pod  ${pod_revision:-not there}  ready: ${pod_ready:-no}  restarts: ${pod_restarts:-0}${pod_waiting:+  $pod_waiting}  $pod_image"
  done
else
  say "there is no StatefulSet sandstore"
fi
[ -z "$lock_holder" ] || say "at work    $lock_flow, by $lock_holder, since $lock_since"
say ''
ask wide get pods,pvc -l app=sandstore -o wide
# shellcheck disable=SC2154 # ask has set it
say "$wide"
# 69: no primary, as the nodes' table says already; it is what was found and not this flow's failure.
# shellcheck disable=SC2034 # lib.sh reads it
[ $code = 0 ] || state=shown
exit $code
