#!/usr/bin/env bash
# Flow 4: new code, one pod at a time, and not one further than the first that does not work. Interrupted,
# it goes on where it was.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/config.sh"
source "$flows/explain.sh"
source "$flows/rollout.sh"
names_its_end=yes

# An update is code. Configuration that would silently not be applied is refused by name. A key that came with
# the new code stays out of the cluster, whose old code would not know it: the new code then runs with
# its own default, which is what the manifest has (a test compares them).
require_same_configuration() {
  local live differs
  render "$set_instance" "$set_image"
  find_standards
  ask live get configmap sandstore-config -o 'jsonpath={.data}'
  differs=$({
    # One JSON object of texts. A quote within one has a backslash before it, which no value here has.
    printf '%s\n' "$live" | { grep -oE '"SANDSTORE_[A-Z0-9_]*":"[^"]*"' || true; } | sed 's/^"/live=/; s/":"/=/; s/"$//'
    printf '%s\n' "$standards" | sed 's/^/base=/'
    config_of "$rendered/configmap.yaml" | sed 's/^/here=/'
  } | awk '
    { from = substr($0, 1, 4); key = substr($0, 6); value = key; sub(/=.*/, "", key); sub(/^[^=]*=/, "", value) }
    from == "live" { live[key] = value; next }
    from == "base" { base[key] = value; next }
    { here[key] = value }
    !(key in live) { if (value != base[key]) printf "%s: runs without it, here it is \"%s\"\n", key, value; next }
    live[key] != value { printf "%s: runs with \"%s\", here it is \"%s\"\n", key, live[key], value }
    END { for (key in live) if (!(key in here)) printf "%s: runs with \"%s\", here there is no such key\n", key, live[key] }')
  [ -z "$differs" ] || die "the configuration is another one than what runs, and an update changes code only" "$differs" \
    "apply it: make k8s-deploy PROFILE=$PROFILE (it wipes); or take it back"
  case $set_manifests in
  '' | by-hand | "$manifests_sum") ;;
  v2-*) die "the manifests in deploy/k8s are others than those that were deployed, and an update changes code only" \
    "apply them: make k8s-deploy PROFILE=$PROFILE (it wipes); or take the change back" ;;
  *) say "the manifests are not compared: an earlier release noted of them what cannot be compared" ;;
  esac
}

# No further pod is replaced, and the new code starts nowhere else.
broken() { # POD REASON
  local other serving=0
  hold
  save_crash "$1"
  for other in $(others_of "$1"); do
    look "$other"
    if pod_is_ready; then serving=$((serving + 1)); fi
  done
  complain "the rollout is halted: $1 $2. $serving of the $((REPLICAS - 1)) other pods are Ready." \
    "its last words: $crash_file" \
    "look:           make k8s-logs-crash POD=$1" \
    "bring the old image back: make k8s-rollback"
  state=halted
  exit 1
}

require_all_steady() {
  # shellcheck disable=SC2046 # the names are words
  await_steady "$1" $(all_pods) ||
    die "$missing: replacing another pod could cost the quorum" "see: make k8s-status; after a halted rollout: make k8s-rollback"
}

# That nobody could be asked says nothing of a primary.
require_primary() {
  local words code=0
  words=$(bin/sandstore status --target "$target" --timeout 10 2>&1 >/dev/null) || code=$?
  [ "$code" != 0 ] || return 0
  case $code-$words in
  *'sandstore: '*) ;;
  69-*) die "the nodes know no primary" "asked at $target; see: make k8s-status" ;;
  esac
  die "the nodes cannot be asked at $target" "$words" \
    "if the address is wrong from here, set ENDPOINT=host:port; see also: make k8s-status"
}

require_profile
require_registry k8s-update
require_docker
read_profile
require_context
lock k8s-update
require_running
ask running get configmap sandstore-config --ignore-not-found -o 'jsonpath={.data.SANDSTORE_PROFILE}'
# shellcheck disable=SC2154 # ask has set it
[ "$running" = "$profile" ] || die "profile '$running' runs, not '$profile': data of one is nothing to the other" "run: make k8s-deploy PROFILE=$PROFILE (it wipes)"
require_same_configuration
require_all_steady 20
find_endpoint
require_primary

doing="building"
"$flows/build.sh" || { state=refused && exit 1; }
new=$(cat "target/k8s/$profile.image")

# The build took minutes: what was true before it is looked at again.
doing="looking at the cluster again"
still_locked
require_running
require_all_steady "$POD_TIMEOUT"
see_settled_set
# After a rollback that was interrupted the StatefulSet is right, and pods are not.
see_pods
choose_next
if [ "$new" = "$set_image" ] && [ "$set_current" = "$set_update" ] && [ -z "$next" ]; then
  partition 0
  say "the pods run this very image: nothing to do"
  state=updated
  exit 0
fi

step "rolling out $new"
# Nothing is replaced yet: a partition left over from an earlier halt, or none, would decide else.
hold
if [ "$set_current" = "$set_update" ] && [ "$new" != "$set_image" ]; then
  # What a rollback brings back. While a rollout is half-way it stays what it was before that began.
  change annotate statefulset sandstore --overwrite "sandstore.io/previous-image=$set_image" >"$scratch/annotated"
fi
change set image statefulset/sandstore "sandstore=$new"
roll_out
see_set
[ "$set_image" = "$new" ] || die "somebody changed the image to $set_image meanwhile"
say "all pods run $new"
state=updated
