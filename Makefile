# What a developer types. Each target says what it does; the work is in packaging/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

.PHONY: help demo test test-all bench bench-agent bench-inventory bench-line check-windows fleet fleet-herd schema routes deny clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## build, start a controller and show this computer on its page
	cargo build --workspace --bins
	exec target/debug/cos-controller demo --folder demo --agent target/debug/cos-agent

test: ## install what the tests need and run every test that belongs to a change
	packaging/test/install.sh
	packaging/test/run.sh

test-all: test deny check-windows ## the tests, and the slow ones
	packaging/test/run.sh --slow

check-windows: ## type-check the agent for Windows
	packaging/test/check_windows.sh

bench: ## the benchmarks, each figure beside the bare reference in the same run (about fifteen minutes)
	packaging/test/install.sh
	cargo bench -p cos-agent --bench inventory
	cargo bench -p cos-controller --bench validation
	cargo bench -p cos-controller --bench figures

# Slower than the rest: the shipped agent is optimised as a whole.
bench-agent: ## the shipped agent at rest against a real controller: memory, CPU, start, reconnect
	cargo build --profile shipped -p cos-agent
	cargo build -p cos-controller --bin cos-controller
	packaging/test/agent_at_rest.py target/shipped/cos-agent target/debug/cos-controller

bench-inventory: ## an inventory of the shipped agent beside fusioninventory-agent's: CPU, time, memory, processes
	command -v fusioninventory-inventory >/dev/null || apt-get install -y --no-install-recommends fusioninventory-agent
	cargo build --profile shipped -p cos-agent
	packaging/test/inventory_against_fusion.py target/shipped/cos-agent

# How often each row is measured: make bench-line RUNS=200. Needs root: the lines are network namespaces.
RUNS ?= 10

bench-line: ## lines of known rates measured with the probe: accuracy, verdicts, cost: make bench-line RUNS=10
	packaging/test/install.sh
	COS_LINE_RUNS=$(RUNS) cargo bench -p cos-measurement --bench line

# How large the fleet is, how long it lives and which one it is: make fleet N=10000 HOURS=1 PACE=1
N ?= 200
HOURS ?= 4
PACE ?= 600
SEED ?= 1

fleet: ## a simulated fleet against a real controller, with faults: make fleet N=2000
	cargo run --release --quiet -p cos-fleet -- --agents $(N) --hours $(HOURS) --pace $(PACE) --seed $(SEED)

fleet-herd: ## 10,000 agents return at once, after 8 hours and after 100 days
	cargo run --release --quiet -p cos-fleet -- --agents 10000 --herd

schema: ## write the JSON Schema files anew from the types
	UPDATE_SCHEMA=1 cargo test -p inventory-schema --test schema_files

routes: ## write the list of routes and their rights anew
	UPDATE_ROUTES=1 cargo test -p cos-controller --test access

deny: ## check licences, bans and sources of the dependencies
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

clean: ## remove what was built and the demo's folder
	cargo clean
	rm -rf demo
