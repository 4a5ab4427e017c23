#!/usr/bin/env bash
# Flow 2: removes every trace of Sand Store from the cluster, data included, and proves it.
source "$(dirname "$0")/lib.sh"
source "$flows/cluster.sh"
source "$flows/teardown.sh"
names_its_end=yes

require_profile
require_context
lock k8s-destroy
step "destroying Sand Store in context $KUBE_CONTEXT, data included"
destroy
state=destroyed
