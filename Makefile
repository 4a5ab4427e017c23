# Sand Store. 'make help' lists what there is to make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export JAVA_HOME := $(shell bin/find-jdk 2>/dev/null)
MVN := mvn -B -ntp
SOURCES := $(shell find . -path ./.git -prune -o \( -path '*/src/main/*' -o -name pom.xml \) -type f -print 2>/dev/null)

.PHONY: help demo up status down test build format clean sim jdk tools

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: build ## three nodes, real files in and out, a killed leader, nothing left behind
	@bin/sandstore demo

up: build ## start three nodes on this machine and keep them
	@bin/sandstore cluster up

status: build ## what the nodes say of themselves
	@bin/sandstore status

down: build ## stop the nodes; WIPE=1 removes their data as well
	@bin/sandstore cluster down $(if $(WIPE),--wipe)

build: cli/target/lib/.built ## compile and assemble bin/sandstore's parts

cli/target/lib/.built: $(SOURCES) | jdk tools
	@echo "building (the first time takes a minute or two)"
	@mkdir -p target
	@$(MVN) -DskipTests package > target/build.log 2>&1 || { grep -E 'ERROR|^.WARNING. .*java' target/build.log | head -40; echo "the build failed; all of it: target/build.log"; exit 1; }
	@touch $@

test: | jdk tools ## all tests: formatting, lint, unit, contract, simulation, real processes
	$(MVN) verify

sim: build ## replay one simulation: make sim SEED=42 STEPS=2000
	@$(JAVA_HOME)/bin/java --add-opens java.base/java.lang=ALL-UNNAMED -XX:+UseSerialGC -cp 'sim/target/classes:cli/target/lib/*' io.sandstore.sim.Replay $(or $(SEED),1) $(or $(STEPS),2000)

format: | jdk tools ## format all sources
	@$(MVN) -q spotless:apply

clean: ## remove everything that was built
	@$(MVN) -q clean

jdk:
	@bin/find-jdk > /dev/null

tools:
	@command -v mvn > /dev/null || { echo "Maven is missing: apt install maven, or brew install maven" >&2; exit 1; }
