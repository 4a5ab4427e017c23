# Flow 2's heart, which the deploy begins with. Sourced.
# shellcheck shell=bash
# Seconds in which something must go. A volume with very many files takes its time.
: "${DESTROY_TIMEOUT:=300}"
class=sandstore-local-ssd
kinds=statefulset,service,configmap,serviceaccount,role,rolebinding

find_ours() { ask ours get "$1" -l "$OURS" -o name; }

# Sets volumes: those of our claims; and of claims that had our names and are gone, whose bytes are being wiped.
find_volumes() {
  local all claims
  ask claims get pvc -o "jsonpath={range .items[*]}claim|{.metadata.uid}|{.metadata.labels.app}|{.metadata.labels.sandstore\\.io/instance}{\"\\n\"}{end}"
  ask all get pv -o 'jsonpath={range .items[*]}{.metadata.name}|{.spec.storageClassName}|{.spec.claimRef.namespace}|{.spec.claimRef.name}|{.spec.claimRef.uid}{"\n"}{end}'
  volumes=$(printf '%s\n' "$claims" "$all" | awk -F'|' -v class="$class" '
    $1 == "claim" { alive[$2] = 1; if ($3 == "sandstore" && $4 != "") ours[$2] = 1; next }
    $2 != class || $3 != "default" { next }
    ($5 in ours) || (!($5 in alive) && $4 ~ /^data-(sandstore-[0-9]+|etcd-cluster-0)$/) { print "persistentvolume/" $1 }')
}

find_left() { # pods, claims, volumes, services or other objects: sets left
  case $1 in
  volumes) find_volumes && left=$volumes ;;
  claims) find_ours pvc && left=$ours ;;
  'other objects') find_ours "$kinds" && left=$ours ;;
  *) find_ours "$1" && left=$ours ;;
  esac
}

count() { if [ -z "$1" ]; then printf 0; else printf '%s\n' "$1" | wc -l | tr -d ' '; fi; }

stuck() {
  complain "nothing more went for $DESTROY_TIMEOUT s. What is left:" "$left" \
    "See why:    $kube_words describe pods,pvc -l $OURS" \
    "Force pods: $kube_words delete pods -l $OURS --force --grace-period=0" \
    "Force one of these claims or volumes that is held by a finalizer (its bytes may stay on the disk):" \
    "            $kube_words patch <pvc or pv>/<name> --type=merge -p '{\"metadata\":{\"finalizers\":null}}'" \
    "Then run 'make k8s-destroy' again."
  state=failed
  exit 1
}

# await_gone WHAT: as long as something goes, and DESTROY_TIMEOUT seconds more.
await_gone() {
  local number before='' deadline=0
  while :; do
    find_left "$1"
    [ -n "$left" ] || { known="$known, no $1" && return 0; }
    number=$(count "$left")
    if [ "$number" != "$before" ]; then
      printf '   waiting for %s %s to go\n' "$number" "$1"
      before=$number deadline=$(($(now) + DESTROY_TIMEOUT))
    fi
    [ "$(now)" -lt "$deadline" ] || stuck
    sleep 1
  done
}

# A StorageClass belongs to the whole cluster: it goes only where nobody else uses it.
destroy_storage_class() {
  local users
  find_ours storageclass
  [ -n "$ours" ] || return 0
  ask users get pvc --all-namespaces -o "jsonpath={range .items[?(@.spec.storageClassName==\"$class\")]}{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}"
  if [ -n "$users" ]; then
    class_stays="the StorageClass $class stays, because others use it: $(printf '%s' "$users" | tr '\n' ' ')"
  else
    change delete storageclass -l "$OURS" --ignore-not-found --wait=false
  fi
}

# Removes every trace of Sand Store, data included, and proves it.
destroy() {
  local before kind what there pods_left services_left claims_left volumes_left
  doing="looking at what there is"
  before='' class_stays='' known="at the beginning"
  for kind in statefulset service configmap serviceaccount role rolebinding storageclass pvc pods; do
    find_ours $kind
    before=$before$ours${ours:+$'\n'}
  done
  find_volumes
  before=$before$volumes
  find_foreign sandstore
  if [ -n "$foreign" ]; then
    say "left alone, because it has no label $MARK and so is not ours:"
    printf '%s\n' "$foreign" | sed 's/^/   /'
  fi

  doing="deleting"
  still_locked
  change delete "$kinds" -l "$OURS" --ignore-not-found --wait=false
  change delete pods -l "$OURS" --ignore-not-found --wait=false
  known="everything was told to go"
  await_gone pods
  # A StatefulSet leaves its claims: deleting them is what wipes the disk.
  still_locked
  change delete pvc -l "$OURS" --ignore-not-found --wait=false
  for what in claims volumes services 'other objects'; do await_gone "$what"; done
  destroy_storage_class

  step "receipt"
  doing="counting what is left"
  find_left pods && pods_left=$(count "$left") there=$left
  find_left claims && claims_left=$(count "$left") there=$there${left:+$'\n'}$left
  find_left volumes && volumes_left=$(count "$left") there=$there${left:+$'\n'}$left
  find_left services && services_left=$(count "$left")
  find_left 'other objects' && there=$there${left:+$'\n'}$left
  if [ -n "$before" ]; then
    say "deleted:"
    printf '%s\n' "$before" | awk -v stays="$class_stays" '$0 != "" && !(stays != "" && /^storageclass/) { print "   " $0 }'
  else
    say "deleted: nothing, there was nothing"
  fi
  [ -z "$class_stays" ] || say "$class_stays"
  # Seen to be gone one after the other: somebody may have made one again meanwhile.
  there=${there#$'\n'}
  [ -z "$there" ] || die "something of Sand Store is there again:" "$there" \
    "somebody made it while this flow was at work. Then run 'make k8s-destroy' again."
  say "left: $pods_left pods, $services_left services, $claims_left claims, $volumes_left volumes of Sand Store"
  known="nothing of Sand Store is there"
}
