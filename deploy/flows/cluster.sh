# The only way to the cluster. Sourced by the flows that have one.
#
# A query that fails is never an empty answer: ask repeats it, and where the cluster does not answer for
# QUERY_TIMEOUT seconds the flow ends there, as 'unknown', with what it knows. So that this holds in
# conditions, lists and loops as well, where the shell forgives every failure, ask and change put
# their answers into variables: in a $(...) or a pipe, 'exit' would end a subshell only.
# shellcheck shell=bash
source "$flows/lock.sh"
: "${QUERY_TIMEOUT:=60}"

# Every call of kubectl names its context: nothing ever uses the current one.
kube() { kubectl --context="$KUBE_CONTEXT" --namespace=default --request-timeout=15s "$@"; }

# How a person writes the same call.
kube_words="kubectl --context=$KUBE_CONTEXT --namespace=default"

# Ours is what carries our label and the mark that the deploy gave it (by-hand after 'kubectl apply').
MARK=sandstore.io/instance
OURS=app=sandstore,$MARK

# --- Queries and changes ---

known=            # what a flow has learned, for the end 'unknown'
answer='' refusal=''  # of the last call

# An answer of the API server that asking again does not change. All else is repeated: refused
# connections, timeouts, an API server that is coming up.
definite() {
  printf '%s' "$refusal" | grep -qE \
    -e 'Error from server \((Forbidden|Invalid|NotFound|BadRequest|AlreadyExists|MethodNotAllowed|Unauthorized)\)' \
    -e '^(The [A-Za-z]+ .* is invalid|error: (You must be logged in|error validating|error executing|error parsing|unknown|invalid))'
}

# call WORDS...: one call of kubectl, repeated. True with its output in answer, or false with the API
# server's definite words in refusal. Without an answer it does not come back.
call() {
  [ "$BASH_SUBSHELL" = 0 ] || { complain "a query in a subshell: kubectl $*"; kill -TERM $$; }
  local began
  began=$(now)
  until answer=$(kube "$@" 2>"$scratch/words"); do
    refusal=$(cat "$scratch/words")
    if definite; then return 1; fi
    [ $(($(now) - began)) -lt "$QUERY_TIMEOUT" ] || unknown "$*"
    sleep 1
  done
  refusal=
}

unknown() {
  complain "the cluster does not answer (asked for $QUERY_TIMEOUT s: kubectl $1)" "$refusal" \
    "known: ${known:-nothing yet}${changed:+; what was begun may be half done}" \
    "nothing else is known of the cluster now; when it answers again, run the same command"
  state=unknown
  exit 1
}

# ask VARIABLE WORDS...
ask() {
  local into=$1
  shift
  call "$@" || die "the cluster refuses: kubectl $*" "$refusal"
  printf -v "$into" '%s' "$answer"
}

# change WORDS...: what it does must bear repetition, because an answer can be lost.
change() {
  changed=yes
  call "$@" || die "the cluster refuses: kubectl $*" "$refusal"
  [ -z "$answer" ] || say "$answer"
}

# --- Which cluster ---

# The cluster must be the remote one: by name and by where its API server is.
require_context() {
  local server
  command -v kubectl >/dev/null || die "kubectl is not installed"
  server=$(kubectl --context="$KUBE_CONTEXT" config view --minify -o 'jsonpath={.clusters[0].cluster.server}' 2>"$scratch/words") ||
    die "kubectl knows no context '$KUBE_CONTEXT'" "$(cat "$scratch/words")" \
      "kubectl config get-contexts lists them; set KUBE_CONTEXT"
  if [ -z "$ALLOW_LOCAL_CLUSTER" ]; then
    case $KUBE_CONTEXT in
    docker-desktop | docker-for-desktop | rancher-desktop | orbstack | colima* | kind-* | k3d-*)
      die "context '$KUBE_CONTEXT' is a cluster on this computer, not the remote one" \
        "set KUBE_CONTEXT; or, if you mean it, ALLOW_LOCAL_CLUSTER=1" ;;
    esac
    case $server in
    *//localhost[:/]* | *//localhost | *//127.* | *//\[::1\]* | *//0.0.0.0* | *docker.internal*)
      die "context '$KUBE_CONTEXT' points to $server, which is this computer and not the remote cluster" \
        "set KUBE_CONTEXT; or, if you mean it, ALLOW_LOCAL_CLUSTER=1" ;;
    esac
  fi
  answers ||
    die "the cluster of context '$KUBE_CONTEXT' does not answer at $server" "$(cat "$scratch/words")" "try: $kube_words get nodes"
}

# Once would be enough, but for a moment in which it does not.
answers() {
  local attempt
  for attempt in 1 2 3; do
    if kube get --raw=/version >/dev/null 2>"$scratch/words"; then return 0; fi
    [ "$attempt" = 3 ] || sleep 2
  done
  return 1
}

# Somebody must have said which node has the SSD.
require_ssd_node() {
  local nodes
  ask nodes get nodes -l sandstore.io/storage=ssd -o name
  [ -z "$nodes" ] || return 0
  ask nodes get nodes -o 'jsonpath={.items[*].metadata.name}'
  die "no node of the cluster is labelled as having the SSD; label it:" \
    "$kube_words label node <node> sandstore.io/storage=ssd" "nodes: $nodes"
}

# Sets target: where clients outside reach the cluster. ENDPOINT, else the first node's address, our port.
find_endpoint() {
  target=${ENDPOINT:-}
  [ -z "$target" ] || return 0
  ask target get nodes -o 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}'
  target=${target%% *}:$NODE_PORT
}

# --- What runs ---

# see_pods: one look at all nodes. Then 'look POD' sets pod_... to what was seen of one; all are empty
# for a pod that is not there.
see_pods() {
  local container='.status.containerStatuses[*]'
  ask pods get pods -l "$OURS,component=node" -o "jsonpath={range .items[*]}{.metadata.name}|{.metadata.uid}|{.metadata.labels.controller-revision-hash}|{.status.conditions[?(@.type==\"Ready\")].status}|{.metadata.deletionTimestamp}|{$container.restartCount}|{$container.state.waiting.reason}|{$container.state.running.startedAt}|{.spec.containers[*].image}{\"\\n\"}{end}"
}

look() {
  local name
  while IFS='|' read -r name pod_uid pod_revision pod_ready pod_deleted pod_restarts pod_waiting pod_started pod_image; do
    [ "$name" != "$1" ] || return 0
  done <<<"$pods"
  pod_uid='' pod_revision='' pod_ready='' pod_deleted='' pod_restarts='' pod_waiting='' pod_started='' pod_image=''
}

pod_is_ready() { [ "$pod_ready" = True ] && [ -z "$pod_deleted" ]; }

# It runs nothing: to replace it takes nothing from anybody.
pod_is_dead() { [ -z "$pod_uid" ] || { [ -z "$pod_started" ] && [ "$pod_ready" != True ]; }; }

# Why a pod does not come up, in words; empty while it may.
pod_trouble() {
  case $pod_waiting in
  CrashLoopBackOff | ImagePullBackOff | ErrImagePull | InvalidImageName | CreateContainerConfigError | CreateContainerError | RunContainerError)
    printf '%s' "$pod_waiting" ;;
  *) if [ "${pod_restarts:-0}" -gt 0 ]; then printf 'crashed (%s restarts)' "$pod_restarts"; fi ;;
  esac
}

# A node's own word, now: Kubernetes hears of it some seconds later. Anything but yes is no; but that
# nobody was asked is asked again.
says_ready() {
  local attempt
  for attempt in 1 2 3; do
    if kube get --raw="/api/v1/namespaces/default/pods/$1:9080/proxy/readyz" >/dev/null 2>"$scratch/words"; then return 0; fi
    if grep -q '^Error from server' "$scratch/words"; then return 1; fi
  done
  return 1
}

# await_steady SECONDS POD...: until all these pods were Ready, in Kubernetes' eyes and by their own word, for
# STEADY seconds without a break or a restart. False after SECONDS, with the reason in missing.
: "${STEADY:=3}"
await_steady() {
  local deadline=$(($(now) + $1)) since='' before='' seen pod time
  shift
  while :; do
    see_pods
    missing='' seen=''
    for pod in "$@"; do
      look "$pod"
      seen="$seen $pod_uid:$pod_restarts"
      if ! pod_is_ready; then
        missing="$pod is not Ready"
      elif ! says_ready "$pod"; then
        missing="$pod does not say that it is in the quorum: $(head -1 "$scratch/words")"
      fi
      [ -z "$missing" ] || break
    done
    time=$(now)
    if [ -n "$missing" ]; then
      since=''
    elif [ -z "$since" ] || [ "$seen" != "$before" ]; then
      since=$time
    elif [ $((time - since)) -ge "$STEADY" ]; then
      return 0
    fi
    before=$seen
    [ "$time" -lt "$deadline" ] || { missing=${missing:-"they are Ready for moments only"} && return 1; }
    sleep 1
  done
}

# --- Whose it is ---

# find_foreign [LABEL]: objects that have our names and not our mark; with LABEL, also those that have only our
# label. Somebody else's, or older than the mark. Sets foreign to one 'kind/name' a line.
find_foreign() {
  local kind names
  foreign=''
  for kind in statefulset service configmap serviceaccount role rolebinding storageclass pvc pod; do
    ask names get "$kind" -l "!$MARK" -o "jsonpath={range .items[*]}$kind/{.metadata.name}|{.metadata.labels.app}{\"\\n\"}{end}"
    foreign=$foreign$(printf '%s\n' "$names" | awk -F'|' -v label="${1:-no}" '
      $2 == label || $1 ~ /\/(sandstore|sandstore-config|sandstore-headless|sandstore-client|sandstore-local-ssd|sandstore-pull|sandstore-[0-9]+|etcd-cluster|etcd-cluster-0|data-sandstore-[0-9]+|data-etcd-cluster-0)$/ { print $1 ";" }')
  done
  foreign=$(printf '%s' "$foreign" | tr -d '\n' | tr ';' '\n')
}
