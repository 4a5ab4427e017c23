# What Kubernetes knows about trouble, in a person's words. Sourced.
# shellcheck shell=bash

# find_events NAME [UID]: what was said of it, oldest first: 'reason: message' a line. Events outlive what they
# are of: with UID they are not those of an earlier object of this name.
find_events() {
  ask events get events --field-selector="involvedObject.name=$1${2:+,involvedObject.uid=$2}" --sort-by=.lastTimestamp \
    -o 'jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}'
}

last_event() { # REASON: the last of the events that have it
  printf '%s\n' "$events" | awk -v reason="$1: " 'index($0, reason) == 1 { last = $0 } END { print last }'
}

# Sets trouble to why a StatefulSet does not get its pods, and hopeless where waiting does not help.
# One sentence for each kind of cause; empty while all may still be well.
find_trouble() { # STATEFULSET REPLICAS
  local set=$1 replicas=$2 i pod name phase scheduled waiting words said all uid
  trouble='' hopeless=''
  ask all get pods -l "$OURS" -o 'jsonpath={range .items[*]}{.metadata.name}|{.status.phase}|{.status.conditions[?(@.type=="PodScheduled")].message}|{.status.containerStatuses[*].state.waiting.reason}|{.status.containerStatuses[*].state.waiting.message}{"\n"}{end}'
  for ((i = 0; i < replicas; i++)); do
    pod=$set-$i said=''
    while IFS='|' read -r name phase scheduled waiting words; do
      [ "$name" = "$pod" ] || continue
      said=yes
      [ "$phase" = Pending ] || continue
      if [ -n "$scheduled" ]; then
        trouble_line "$pod is Pending: $scheduled"
        case $scheduled in *persistentvolumeclaim* | *'volume node affinity'*) claim_trouble "$pod" ;; esac
      else
        case $waiting in
        ErrImagePull | ImagePullBackOff | InvalidImageName | ErrImageNeverPull)
          trouble_line "$pod: its image cannot be pulled ($waiting): $words" && hopeless=yes ;;
        CreateContainerConfigError | CreateContainerError)
          trouble_line "$pod: its container cannot be made ($waiting): $words" ;;
        esac
      fi
    done <<<"$all"
    if [ -z "$said" ]; then
      ask uid get statefulset "$set" --ignore-not-found -o 'jsonpath={.metadata.uid}'
      find_events "$set" "${uid:-none}"
      words=$(last_event FailedCreate)
      if [ -n "$words" ]; then trouble_line "$pod was not created: ${words#*: }" && hopeless=yes; fi
      break # the others are not there for the same reason
    fi
  done
}

# Sets failed to the last that was said of a pod that the StatefulSet sandstore could not make, with its time:
# where it is another than before, it is of now. Empty while there is none.
find_failed_create() {
  local uid
  ask uid get statefulset sandstore --ignore-not-found -o 'jsonpath={.metadata.uid}'
  ask failed get events --field-selector="involvedObject.uid=${uid:-none},reason=FailedCreate" --sort-by=.lastTimestamp \
    -o 'jsonpath={range .items[*]}{.lastTimestamp} {.count}|{.message}{"\n"}{end}'
  failed=${failed##*$'\n'}
}

trouble_line() { trouble=$trouble${trouble:+$'\n'}$1; }

claim_trouble() { # POD
  local claim phase uid words
  ask claim get pvc "data-$1" --ignore-not-found -o 'jsonpath={.status.phase}|{.metadata.uid}'
  IFS='|' read -r phase uid <<<"$claim"
  find_events "data-$1" "${uid:-none}"
  words=$(printf '%s\n' "$events" | tail -1)
  trouble_line "its claim data-$1 is ${phase:-not there}: ${words:-no event yet; is there a provisioner (rancher.io/local-path)?}"
}

# What the user's document wants said of pods that stay Pending.
ssd_hint() {
  local claims
  ask claims get pvc -l "$OURS" -o 'jsonpath={range .items[*]}  {.metadata.name} {.status.phase} asks {.spec.resources.requests.storage}{"\n"}{end}'
  printf '       claims:\n' >&2
  printf '%s\n' "$claims" | sed 's/^/       /' >&2
  printf '       check that the SSD has room for the claims (df -h on the node), and the requests in deploy/k8s/statefulset-sandstore.yaml\n' >&2
}

# --- After a crash ---

# explain POD: how its last container ended, as Kubernetes knows it. An OOM kill leaves no words at all.
explain() {
  local c='.status.containerStatuses[*]' seen
  local reason code signal finished message restarts waiting limit status_reason status_message
  ask seen get pod "$1" --ignore-not-found -o "jsonpath={$c.lastState.terminated.reason}|{$c.lastState.terminated.exitCode}|{$c.lastState.terminated.signal}|{$c.lastState.terminated.finishedAt}|{$c.lastState.terminated.message}|{$c.restartCount}|{$c.state.waiting.reason}|{.spec.containers[*].resources.limits.memory}|{.status.reason}|{.status.message}"
  [ -n "$seen" ] || { say "$1: there is no such pod now" && return 0; }
  IFS='|' read -r reason code signal finished message restarts waiting limit status_reason status_message <<<"${seen//$'\n'/ }"
  say "$1: ${restarts:-0} restarts, memory limit ${limit:-none}${waiting:+, now $waiting}${status_reason:+, $status_reason: $status_message}"
  [ -n "$reason$code" ] || { say "no container of it has ended since it was created" && return 0; }
  case ${code:-0} in
  129 | 13? | 14? | 15?) signal=$((code - 128)) ;;
  esac
  say "its last container ended${finished:+ at $finished}: ${reason:-no reason given}, exit code ${code:-unknown}${signal:+, signal $signal ($(kill -l "$signal" 2>/dev/null || true))}${message:+: $message}"
  case $reason-$code in
  OOMKilled-*) say "the kernel killed it at its memory limit of ${limit:-the node}: what it said last says nothing of that" ;;
  *-137) say "it was killed from outside: by the kubelet (liveness, eviction, end of the grace period) or by somebody on the node" ;;
  *-0) say "it ended by itself, with success" ;;
  esac
}

# find_last_words POD: sets words to the log of its dead container. False with 1 where there is none, in the
# API server's words, and with 2 where nobody could be asked: a container's own node may be what is away, and
# that is no end of the flow. Between two crashes the kubelet names a container for some seconds that is gone
# already, and kubectl says so on standard output, with exit code 0.
find_last_words() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if words=$(kube logs "$1" --previous 2>"$scratch/words"); then
      case $words in 'unable to retrieve container logs'*) ;; *) return 0 ;; esac
    else
      refusal=$(cat "$scratch/words")
      words=$refusal
      ! definite || return 1
    fi
    [ "$attempt" = 10 ] || sleep 1
  done
  return 2
}

# post_mortem POD: how it ended, what it said, what was said of it.
post_mortem() {
  local words='' found=0
  explain "$1"
  step "its last words"
  find_last_words "$1" || found=$?
  case $found in
  0) say "${words:-(it said nothing)}" ;;
  1) say "the dead container's log is not there: $words" ;;
  *) say "what it said is not known, because its log cannot be had: $words" ;;
  esac
  if [ "$found" != 0 ]; then
    step "the words of the one that is there now"
    kube logs "$1" --tail=50 2>&1 || say "(they cannot be had, see above)"
  fi
  find_events "$1"
  step "events"
  say "${events:-none}"
}

# save_crash POD: a post mortem, kept where a rollback cannot lose it. Sets crash_file.
save_crash() {
  crash_file=target/k8s/crash-$1-$(date +%Y%m%d-%H%M%S).log
  mkdir -p target/k8s
  post_mortem "$1" >"$crash_file"
}
