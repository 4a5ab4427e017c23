# One flow at a time: a Lease in the cluster says who changes it, what for, and since when.
# Sourced by cluster.sh.
# shellcheck shell=bash
LEASE=sandstore-flow
: "${TAKE_OVER:=}"
holder=           # this flow's name in the Lease; empty while it holds none

# lock FLOW: or the end of this flow, with the words of whoever is at work.
lock() {
  local mine time
  mine="$(id -un)@$(hostname):$$"
  time=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)
  cat >"$scratch/lease.yaml" <<YAML
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: $LEASE
  annotations: {sandstore.io/flow: "$1"}
spec: {holderIdentity: "$mine", acquireTime: "$time"}
YAML
  until call create -f "$scratch/lease.yaml"; do
    case $refusal in *AlreadyExists*) ;; *) die "the cluster refuses the lock" "$refusal" ;; esac
    see_lock
    # The answer to our own creation may have been lost.
    if [ "$lock_holder" = "$mine" ]; then break; fi
    [ -n "$lock_name" ] || continue # released meanwhile
    [ -n "$lock_holder" ] || die "the Lease $LEASE has no holder, so that no flow made it" \
      "if nobody needs it: $kube_words delete lease $LEASE"
    may_take_over || die "another flow is at work: $lock_flow, by $lock_holder, since $lock_since" \
      "wait until it ends. If it is gone (its computer was switched off), take its place:" \
      "TAKE_OVER=$lock_holder make $1"
    say "taking the place of $lock_flow by $lock_holder, which began at $lock_since and is gone"
    # Only if nobody else did so meanwhile.
    if call patch lease $LEASE --type=json -p "[{\"op\":\"test\",\"path\":\"/spec/holderIdentity\",\"value\":\"$lock_holder\"},{\"op\":\"replace\",\"path\":\"/spec/holderIdentity\",\"value\":\"$mine\"},{\"op\":\"replace\",\"path\":\"/spec/acquireTime\",\"value\":\"$time\"},{\"op\":\"replace\",\"path\":\"/metadata/annotations/sandstore.io~1flow\",\"value\":\"$1\"}]"; then break; fi
  done
  holder=$mine
}

see_lock() {
  local lease
  ask lease get lease $LEASE --ignore-not-found -o 'jsonpath={.metadata.name}|{.spec.holderIdentity}|{.metadata.annotations.sandstore\.io/flow}|{.spec.acquireTime}'
  IFS='|' read -r lock_name lock_holder lock_flow lock_since <<<"$lease"
}

# Somebody says so; or the holder ran on this computer and does so no more (it was killed).
may_take_over() {
  [ "$TAKE_OVER" != "$lock_holder" ] || return 0
  case $lock_holder in
  "$(id -un)@$(hostname):"*) if runs "${lock_holder##*:}"; then return 1; fi ;;
  *) return 1 ;;
  esac
}

# One that has ended and whose parent has not noticed yet (a zombie) does not.
runs() {
  kill -0 "$1" 2>/dev/null || return 1
  case $(ps -o stat= -p "$1" 2>/dev/null) in Z*) return 1 ;; esac
}

# Before every step that hurts: somebody may have taken this flow's place.
still_locked() {
  see_lock
  [ "$lock_holder" = "$holder" ] || {
    local by=${lock_holder:-nobody}
    holder=''
    die "this flow was replaced: the lock is held by $by now" "it goes no further; see: make k8s-status"
  }
}

# Best effort, on the way out: where it fails, the next flow on this computer sees that this one is gone.
release() {
  local attempt
  for attempt in 1 2 3; do
    [ -n "$holder" ] || return 0
    if [ "$(kube get lease $LEASE --ignore-not-found -o 'jsonpath={.spec.holderIdentity}' 2>/dev/null)" = "$holder" ] &&
      kube delete lease $LEASE --ignore-not-found --wait=false >/dev/null 2>&1; then
      holder=''
    fi
  done
}
