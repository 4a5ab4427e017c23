#!/usr/bin/env bash
# The pushed image of a profile under Docker Compose on this computer, tried from outside.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/compose-lib.sh"

require_profile
require_registry compose-up
require_docker
SANDSTORE_IMAGE=$(pushed_image)
export SANDSTORE_IMAGE

step "etcd and three nodes: $SANDSTORE_IMAGE"
compose up --detach --wait --wait-timeout 120 || {
  compose ps --all
  compose logs --tail 20
  die "not everything came up" "more: docker compose -f deploy/docker/compose.yaml logs; take it down: make compose-down"
}
compose ps
"$(dirname "$0")/compose-smoke.sh"
