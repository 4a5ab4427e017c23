#!/usr/bin/env bash
# Flow 1: builds the image of a profile and pushes it. Never touches the cluster.
source "$(dirname "$0")/lib.sh"

# The registry's credentials are there: it answers without any, or docker has some that it accepts.
require_login() {
  local host=${REGISTRY_URL%%/*} config=${DOCKER_CONFIG:-$HOME/.docker}/config.json
  case $host in *.* | *:* | localhost) ;; *) host= ;; esac # a bare name is the default registry's user
  if [ -n "$host" ]; then
    curl -fsS -m 10 -o /dev/null "https://$host/v2/" 2>/dev/null && return
    case $host in localhost* | 127.*) curl -fsS -m 10 -o /dev/null "http://$host/v2/" 2>/dev/null && return ;; esac
  fi
  if grep -qE '"(credsStore|credHelpers)"' "$config" 2>/dev/null || grep -qF "\"${host:-https://index.docker.io/v1/}\"" "$config" 2>/dev/null; then
    # shellcheck disable=SC2086 # no host: the default registry
    docker login $host </dev/null >/dev/null 2>&1 && return
  fi
  die "not logged in to the registry of $REGISTRY_URL; run: docker login${host:+ $host}"
}

require_profile
require_registry k8s-build
require_docker
require_login

# The image knows what lies in profiles/. What a file of somewhere else is made of, it is told.
parts=
case $PROFILE in */* | *.conf) read_profile && parts=$(setting SANDSTORE_PROFILE_PARTS) ;; esac

tag=$(image_tag)
mkdir -p target/k8s
step "building $tag"
# shellcheck disable=SC2086 # the flags are words
DOCKER_BUILDKIT=1 docker build --platform linux/amd64 \
  --build-arg PROFILE="$profile" --build-arg PROFILE_PARTS="$parts" --build-arg TARGETOS=linux --build-arg TARGETARCH=amd64 \
  ${DOCKER_BUILD_FLAGS:-} --tag "$tag" . 2>&1 | tee target/k8s/build.log ||
  die "the image was not built; the cluster was not touched (all of it: target/k8s/build.log)"

step "pushing $tag"
docker push "$tag" 2>&1 | tee target/k8s/push.log ||
  die "the image was not pushed; the cluster was not touched (all of it: target/k8s/push.log)"
digest=$(sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' target/k8s/push.log | tail -1)
[ -n "$digest" ] || die "docker push named no digest (target/k8s/push.log)"
say "pushed ${tag%:*}@$digest"
printf '%s\n' "${tag%:*}@$digest" >"target/k8s/$profile.image"
