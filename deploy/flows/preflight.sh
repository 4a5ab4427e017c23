# What can be known before the first byte is deleted. Sourced by the deploy.
# shellcheck shell=bash
: "${PULL_TIMEOUT:=120}"

preflight() {
  local file
  doing="checking what it would apply"
  refuse_foreign
  refuse_taken_port
  for file in "$rendered"/*.yaml; do dry_run "$file"; done
  dry_run_pods statefulset-etcd
  dry_run_pods statefulset-sandstore
  require_quota
  try_pull
}

refuse_foreign() {
  find_foreign
  [ -z "$foreign" ] || die "there are objects with the names of Sand Store that no deploy made (no label $MARK)" \
    "$foreign" "they are in the way. If one is yours, mark it, and the next deploy or destroy removes it:" \
    "$kube_words label <kind>/<name> app=sandstore $MARK=adopted"
}

refuse_taken_port() {
  local services taken
  ask services get services --all-namespaces -o "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}|{.metadata.labels.app}|{.metadata.labels.sandstore\\.io/instance}|{.spec.ports[*].nodePort} {\"\\n\"}{end}"
  taken=$(printf '%s\n' "$services" | awk -F'|' -v port=" $NODE_PORT " '
    index(" " $4 " ", port) && !($1 ~ /^default\// && $2 == "sandstore" && $3 != "") { print $1 }')
  [ -z "$taken" ] || die "port $NODE_PORT of the nodes belongs to another Service: $taken" \
    "give that one another nodePort, or change it in deploy/k8s/service-nodeport.yaml"
}

# dry_run FILE: would the API server take it? Under other names, so that what is there now, and is
# destroyed afterwards, is not compared with it.
dry_run() {
  sed -e 's/^  name: .*/&-dry-run/' -e "s/, nodePort: $NODE_PORT//" "$1" >"$scratch/dry-run.yaml"
  call create --dry-run=server -f "$scratch/dry-run.yaml" -o name ||
    excused || die "the cluster would not take $1; nothing was deleted" "$refusal"
}

# A quota that is full of what the destroy removes is no reason; require_quota has reckoned with that.
excused() {
  case $refusal in *'exceeded quota'*) ;; *) return 1 ;; esac
  find_ours pods,pvc
  [ -n "$ours" ]
}

# dry_run_pods NAME: a StatefulSet is taken whatever becomes of its pods and claims. Limit ranges, quotas and pod
# security speak of these.
dry_run_pods() {
  local spec labels claim volume='{"name":"data","emptyDir":{}}'
  read_template "$1" .spec.template.spec && spec=$answer
  read_template "$1" .spec.template.metadata.labels && labels=$answer
  read_template "$1" '.spec.volumeClaimTemplates[*].spec' && claim=$answer
  # The claim's volume comes with the StatefulSet, and the account with the deploy.
  spec=$(printf '%s' "$spec" | sed 's/"serviceAccountName":"[^"]*",*//')
  case $spec in
  *'"volumes":['*) spec=${spec/'"volumes":['/'"volumes":['"$volume",} ;;
  *) spec="{\"volumes\":[$volume],${spec#\{}" ;;
  esac
  try_taken "a pod of $1" '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"sandstore-dry-run","labels":'"$labels"'},"spec":'"$spec"'}'
  try_taken "a claim of $1" '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"sandstore-dry-run","labels":'"$labels"'},"spec":'"$claim"'}'
}

read_template() {
  call create --dry-run=client -f "$rendered/$1.yaml" -o "jsonpath={$2}" || die "kubectl cannot read $rendered/$1.yaml" "$refusal"
}

try_taken() { # WHAT JSON
  printf '%s\n' "$2" >"$scratch/dry-run.json"
  call create --dry-run=server -f "$scratch/dry-run.json" -o name ||
    excused || die "the cluster would not take $1; nothing was deleted" "$refusal"
}

# --- Quotas ---

# Would everything fit, once what is ours now is gone? A dry run asks for one pod at a time.
require_quota() {
  local quotas pods claims short
  ask quotas get resourcequota -o 'jsonpath={range .items[*]}{.metadata.name}|{.status.hard}|{.status.used}{"\n"}{end}'
  [ -n "$quotas" ] || return 0
  ask pods get pods -l "$OURS" -o 'jsonpath={range .items[*]}pod|{.spec.containers[*].resources.requests.cpu}|{.spec.containers[*].resources.requests.memory}|{.spec.containers[*].resources.limits.cpu}|{.spec.containers[*].resources.limits.memory}{"\n"}{end}'
  ask claims get pvc -l "$OURS" -o 'jsonpath={range .items[*]}claim|{.spec.resources.requests.storage}{"\n"}{end}'
  find_ours "$kinds"
  short=$({ printf '%s\n' "$pods" "$claims" && printf '%s\n' "$ours" | sed 's/^/object|/' && cat "$rendered"/*.yaml && printf 'quota|%s\n' "$quotas" | sed 's/^\([^q]\)/quota|\1/'; } | awk '
    function quantity(text,  number, unit) {
      number = text + 0
      unit = text
      sub(/^[0-9.]*/, "", unit)
      return number * (unit in factor ? factor[unit] : 1)
    }
    function add(sum, cpu, memory, limit_cpu, limit_memory) {
      sum["pods"]++; sum["count/pods"]++
      sum["requests.cpu"] += quantity(cpu); sum["requests.memory"] += quantity(memory)
      sum["limits.cpu"] += quantity(limit_cpu); sum["limits.memory"] += quantity(limit_memory)
    }
    function object(sum, kind, group) { # service, .apps
      sum["count/" kind "s" group]++
      if (kind == "service" || kind == "configmap") sum[kind "s"]++
    }
    function value(line, key) { # of {key: value, ...}
      if (!match(line, key ": *\"?[0-9.]+[A-Za-z]*")) return 0
      line = substr(line, RSTART, RLENGTH); sub(/.*[: "]/, "", line)
      return line
    }
    BEGIN {
      factor["m"] = 0.001; factor["k"] = 1000; factor["M"] = 1e6; factor["G"] = 1e9; factor["T"] = 1e12
      factor["Ki"] = 1024; factor["Mi"] = 1024 ^ 2; factor["Gi"] = 1024 ^ 3; factor["Ti"] = 1024 ^ 4
    }
    /^pod\|/ { split($0, p, "|"); add(goes, p[2], p[3], p[4], p[5]) }
    /^claim\|/ { split($0, p, "|"); goes["persistentvolumeclaims"]++; goes["count/persistentvolumeclaims"]++; goes["requests.storage"] += quantity(p[2]) }
    /^object\|service\/sandstore-client$/ { goes["services.nodeports"]++ }
    /^object\|[a-z]/ { split(substr($0, 8), p, "/"); group = p[1]; sub(/^[a-z]*/, "", group); object(goes, substr(p[1], 1, length(p[1]) - length(group)), group) }
    /^apiVersion:/ { group = $2 ~ /\// ? "." $2 : ""; sub(/\/.*/, "", group) }
    /^kind:/ { object(comes, tolower($2), group) }
    /nodePort: *[0-9]/ { comes["services.nodeports"]++ }
    /^  replicas:/ { replicas = $2 }
    /^ *requests: .*storage/ { comes["persistentvolumeclaims"] += replicas; comes["count/persistentvolumeclaims"] += replicas; comes["requests.storage"] += replicas * quantity(value($0, "storage")); next }
    /^ *requests:/ { cpu = value($0, "cpu"); memory = value($0, "memory") }
    /^ *limits:/ { for (i = 0; i < replicas; i++) add(comes, cpu, memory, value($0, "cpu"), value($0, "memory")) }
    /^quota\|/ {
      split($0, q, "|")
      hard = q[3]; gsub(/[{}"]/, "", hard); gsub(/[{}"]/, "", q[4])
      n = split(q[4], pairs, ","); for (i = 1; i <= n; i++) { split(pairs[i], pair, ":"); used[pair[1]] = quantity(pair[2]) }
      n = split(hard, pairs, ",")
      for (i = 1; i <= n; i++) {
        split(pairs[i], pair, ":"); key = pair[1]
        if (key == "cpu" || key == "memory") key = "requests." key
        if (!(key in comes)) continue
        if (used[pair[1]] - goes[key] + comes[key] > quantity(pair[2]) + 1e-6)
          printf "ResourceQuota %s: %s is at most %s; %g are used by others, Sand Store needs %g\n", q[2], pair[1], pair[2], used[pair[1]] - goes[key], comes[key]
      }
    }')
  [ -z "$short" ] || die "a quota leaves no room for what would be deployed; nothing was deleted" "$short" \
    "see: $kube_words describe resourcequota"
}

# --- The images, from where they are pulled ---

# A pod that only pulls: whether this computer reaches the registry says nothing of the cluster. Its time is
# not lost: the nodes' pods find the image there.
try_pull() {
  local deadline=$(($(now) + PULL_TIMEOUT)) seen reason words pulled
  find_etcd_image
  doing="letting the cluster pull the images"
  step "letting the cluster pull the images"
  cat >"$scratch/pull.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: sandstore-pull
  labels: {app: sandstore, component: pull, $MARK: "$instance"}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  tolerations:
    - {key: sandstore.io/storage, operator: Equal, value: ssd, effect: NoSchedule}
  nodeSelector: {sandstore.io/storage: ssd}
  containers:
$(for each in "$image" "$etcd_image"; do pull_container "$each"; done)
YAML
  still_locked
  end_pull
  if ! call create -f "$scratch/pull.yaml"; then
    case $refusal in
    *AlreadyExists*) ;; # its answer was lost
    *) say "not tried, because the cluster takes no pod for it: $refusal" && return 0 ;;
    esac
  fi
  while :; do
    ask seen get pod sandstore-pull --ignore-not-found -o 'jsonpath={range .status.containerStatuses[*]}{.name}|{.imageID}|{.state.waiting.reason}|{.state.waiting.message}{"\n"}{end}'
    pulled=0
    while IFS='|' read -r _ id reason words; do
      if [ -n "$id" ]; then pulled=$((pulled + 1)); fi
      case $reason in
      ImagePullBackOff | ErrImagePull | InvalidImageName | ErrImageNeverPull)
        find_events sandstore-pull
        end_pull
        die "the cluster cannot pull an image; nothing was deleted" "$reason: $words" \
          "$(printf '%s\n' "$events" | awk '/^Failed: Failed/ { last = $0 } END { print last }')" "images: $image, $etcd_image" ;;
      esac
    done <<<"$seen"
    [ $pulled -lt 2 ] || break
    if [ "$(now)" -ge "$deadline" ]; then
      say "not known after $PULL_TIMEOUT s: the deploy goes on" && break
    fi
    sleep 1
  done
  end_pull
}

pull_container() { # IMAGE
  case $1 in *sandstore-node*) printf '    - name: node\n' ;; *) printf '    - name: etcd\n' ;; esac
  cat <<YAML
      image: $1
      command: ["/bin/true"]
      resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 100m, memory: 32Mi}}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
YAML
}

end_pull() {
  local seen=pod
  call delete pods -l "$OURS,component=pull" --ignore-not-found --wait=false ||
    die "the cluster refuses to delete pod/sandstore-pull" "$refusal"
  while [ -n "$seen" ]; do
    ask seen get pods -l "$OURS,component=pull" -o name
    [ -z "$seen" ] || sleep 1
  done
}
