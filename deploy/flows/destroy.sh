#!/usr/bin/env bash
# Flow 2: removes every trace of Sand Store from the cluster, data included, and proves it.
source "$(dirname "$0")/lib.sh"
# Seconds in which something must go. A volume with very many files takes its time.
: "${DESTROY_TIMEOUT:=300}"
class=sandstore-local-ssd

ours() { kube get "$1" -l app=sandstore -o name --ignore-not-found; }
volumes() { kube get pv -o "jsonpath={range .items[?(@.spec.storageClassName==\"$class\")]}persistentvolume/{.metadata.name}{'\n'}{end}"; }
count() { grep -c . || true; }

stuck() {
  printf 'error: nothing more went for %s s. What is left:\n' "$DESTROY_TIMEOUT" >&2
  { ours pods; ours pvc; ours services; volumes; } | sed 's/^/         /' >&2
  cat >&2 <<TEXT
       See why:    $kube_words describe pods,pvc -l app=sandstore
       Force pods: $kube_words delete pods -l app=sandstore --force --grace-period=0
       Force a claim or volume that is held by a finalizer (its bytes may stay on the disk):
                   $kube_words patch <pvc or pv>/<name> --type=merge -p '{"metadata":{"finalizers":null}}'
       Then run 'make k8s-destroy' again.
TEXT
  exit 1
}

# await WHAT COMMAND...: until the command prints nothing.
await() {
  local what=$1 left before= deadline=0
  shift
  while left=$("$@" | count) && [ "$left" -gt 0 ]; do
    if [ "$left" != "$before" ]; then
      printf '   waiting for %s %s to go\n' "$left" "$what"
      before=$left deadline=$(($(now) + DESTROY_TIMEOUT))
    fi
    [ "$(now)" -lt "$deadline" ] || stuck
    sleep 1
  done
}

require_profile
require_context
step "destroying Sand Store in context $KUBE_CONTEXT, data included"
before=$({ for kind in statefulset pod service configmap serviceaccount role rolebinding storageclass pvc; do ours $kind; done; volumes; })
kube delete -f deploy/k8s/ --ignore-not-found=true --wait=false
kube delete pods -l app=sandstore --ignore-not-found=true --wait=false
await pods ours pods
# A StatefulSet leaves its claims: deleting them is what wipes the disk.
kube delete pvc -l app=sandstore --ignore-not-found=true --wait=false
await claims ours pvc
await volumes volumes
await services ours services

step "receipt"
if [ -n "$before" ]; then
  say "deleted:"
  printf '%s\n' "$before" | sed 's/^/   /'
else
  say "deleted: nothing, there was nothing"
fi
say "left: $(ours pods | count) pods, $(ours services | count) services, $(ours pvc | count) claims, $(volumes | count) volumes of Sand Store"
