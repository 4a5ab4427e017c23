# Sand Store. 'make help' lists what there is to make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export JAVA_HOME := $(shell bin/find-jdk 2>/dev/null)
MVN := mvn -B -ntp
SOURCES := $(shell find . -path ./.git -prune -o \( -path '*/src/main/*' -o -name pom.xml -o -path './profiles/*.conf' \) -type f -print 2>/dev/null)

# The cluster and the registry of the k8s targets; see docs/kubernetes.md. The profile is a name in profiles/, or a
# file: PROFILE=../mine.conf; see docs/profiles.md.
KUBE_CONTEXT ?= minikube-laptop
PROFILE ?= raft
export KUBE_CONTEXT PROFILE REGISTRY_URL ENDPOINT ETCD_IMAGE ALLOW_LOCAL_CLUSTER DOCKER_BUILD_FLAGS POD TAIL FOLLOW COMPOSE_PORT TAKE_OVER

.PHONY: help demo man models chaos soak compare up status down check test build format clean sim jdk tools k8s-build k8s-destroy k8s-deploy k8s-update \
	k8s-rollback k8s-logs k8s-logs-crash k8s-status k8s-smoke compose-up compose-smoke compose-down parity e2e

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: build ## three nodes, real files in and out, a killed primary, nothing left behind: PROFILE=raft
	@bin/sandstore demo --profile '$(PROFILE)'

up: build ## start three nodes on this machine and keep them: PROFILE=raft, or ../mine.conf
	@bin/sandstore cluster up --profile '$(PROFILE)'

status: build ## what the nodes say of themselves
	@bin/sandstore status

down: build ## stop the nodes; WIPE=1 removes their data as well
	@bin/sandstore cluster down $(if $(WIPE),--wipe)

man: build ## man pages, of what --help says, in target/man
	@$(JAVA_HOME)/bin/java -cp 'cli/target/lib/*' io.sandstore.cli.ManPages target/man
	@echo "read one: man -l target/man/man1/sandstore-put.1"

build: cli/target/lib/.built ## compile and assemble bin/sandstore's parts

cli/target/lib/.built: $(SOURCES) | jdk tools
	@echo "building (the first time takes a minute or two)"
	@mkdir -p target
	@$(MVN) -DskipTests -Dspotless.check.skip package > target/build.log 2>&1 || { grep -E 'ERROR|^.WARNING. .*java' target/build.log | head -40; echo "the build failed; all of it: target/build.log"; exit 1; }
	@# Makes the archives of loaded classes, of jars whose classes all can be in one; where a port is taken,
	@# the first run makes the nodes'.
	@$(JAVA_HOME)/bin/java -cp cli/target/classes io.sandstore.cli.ClassFiles cli/target/lib/picocli-*.jar
	@rm -f cli/target/*.jsa; bin/sandstore node --check-profile raft >/dev/null 2>&1 || true; bin/sandstore start-up || true
	@touch $@

check: | jdk tools ## before a commit: format, lint, unit tests, 50 seeds of the simulation; some minutes
	@$(MVN) -q test -Dtest.excluded=cluster,slow -Dsim.seeds=50
	@echo "formatted, compiled, tested, and 50 seeds of the simulation run. NOT run: what needs a cluster (make e2e), and"
	@echo "what is slow (make test):" $$(grep -rl --include='*Test.java' '@Tag("slow")' */src/test | xargs -n 1 basename -s .java | sort)

test: | jdk tools ## all tests, or some: MODULE=raft TEST=LogStoreTest, TEST='LogStoreTest#aTorn*'
	@bin/test-names '$(MODULE)' '$(TEST)'
	$(MVN) verify $(if $(MODULE),-pl $(MODULE) -am) $(if $(TEST),-Dtest='$(TEST)' -Dsurefire.failIfNoSpecifiedTests=false)

sim: build ## replay simulations: SEED=42 STEPS=2000, SEEDS=50 of them, PROFILE=raft
	@$(JAVA_HOME)/bin/java --add-opens java.base/java.lang=ALL-UNNAMED -XX:+UseSerialGC -cp 'sim/target/classes:cli/target/lib/*:extensions/*' io.sandstore.sim.Replay $(or $(SEED),1) $(or $(STEPS),2000) $(or $(SEEDS),1) '$(PROFILE)'

models: ## search the models of docs/models and their planted faults; needs spin and gcc, two minutes
	@bin/check-models

chaos: build ## hurt three real nodes under load, judge the histories: MINUTES=3, PROFILE=raft; needs root
	@bin/chaos --profile '$(PROFILE)' --minutes $(or $(MINUTES),3) $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED))

soak: build ## a steady load on three nodes of 512 MiB: what they hold must stay flat: MINUTES=100, PROFILE=raft
	@bin/soak --profile '$(PROFILE)' --minutes $(or $(MINUTES),100) $(if $(SEED),--seed $(SEED))

compare: build ## Sand Store against etcd and HDFS on this machine, in turns: ROUNDS=3, PEERS=..., PROFILE=raft,flash
	@$(MVN) -q -Pcompare -pl compare -am -DskipTests -Dspotless.check.skip package > target/build.log 2>&1 || { tail -30 target/build.log; exit 1; }
	@bin/compare --profiles '$(PROFILE)' $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PEERS),--peers $(PEERS))

format: | jdk tools ## format all sources
	@$(MVN) -q spotless:apply

clean: ## remove everything that was built
	@$(MVN) -q clean

# What a file of somewhere else says is understood here; what lies in profiles/, where the image is built.
k8s-build: $(if $(filter %.conf,$(PROFILE)),build) ## build a profile's image and push it: REGISTRY_URL=..., PROFILE=raft
	@deploy/flows/build.sh

k8s-destroy: ## remove Sand Store from the cluster of KUBE_CONTEXT, data included
	@deploy/flows/destroy.sh

k8s-deploy: build ## destroy, then a new cluster of the pushed image, tried from outside
	@deploy/flows/deploy.sh

k8s-update: build ## build, push and roll out under load, one pod at a time
	@deploy/flows/update.sh

k8s-rollback: ## bring back the image from before the last update
	@deploy/flows/rollback.sh

k8s-logs: ## all pods' logs in one stream
	@deploy/flows/logs.sh

k8s-logs-crash: ## the last words of a pod's dead container: POD=sandstore-0
	@deploy/flows/logs-crash.sh

k8s-status: build ## members, primary, term, lag, disk use, pods and claims
	@deploy/flows/status.sh

k8s-smoke: build ## the smoke test from outside, through the NodePort
	@deploy/flows/smoke.sh

compose-up: build ## the pushed image under Docker Compose on this computer: REGISTRY_URL=..., PROFILE=raft
	@deploy/flows/compose-up.sh

compose-smoke: build ## the smoke test through Compose's published port
	@deploy/flows/compose-smoke.sh

compose-down: build ## stop what compose-up started, volumes included
	@deploy/flows/compose-down.sh

parity: build ## Kubernetes against Docker Compose on this computer, in turns; wipes both
	@deploy/flows/parity.sh

e2e: build ## all flows and sad paths on the cluster of KUBE_CONTEXT, which they wipe; needs REGISTRY_URL
	$(MVN) verify -pl deploy -am -Dspotless.check.skip -Dtest=KubernetesTest -Dsurefire.failIfNoSpecifiedTests=false \
	  -Dtest.groups=cluster -Dtest.excluded=none

jdk:
	@bin/find-jdk > /dev/null

tools:
	@command -v mvn > /dev/null || { echo "Maven is missing: apt install maven, or brew install maven" >&2; exit 1; }
