#!/usr/bin/env bash
# The pushed image of a profile under Docker Compose on this computer, tried from outside.
source "$(dirname "$0")/lib.sh"
source "$flows/config.sh"
source "$flows/compose-lib.sh"

require_profile
require_registry compose-up
require_docker
read_profile
require_free_port
find_pushed_image
export SANDSTORE_IMAGE=$image

step "etcd and three nodes: $SANDSTORE_IMAGE"
compose up --detach --wait --wait-timeout 120 || {
  compose ps --all
  compose logs --tail 20
  die "not everything came up" "more: docker compose -f deploy/docker/compose.yaml logs; take it down: make compose-down"
}
compose ps
"$flows/compose-smoke.sh"
