# Every target does its own set-up; `make` alone lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

BIN := .venv/bin
SETUP := sh deploy/local/setup.sh

# What to pass on, e.g. `make unit ARGS="-k names -x"`.
ARGS ?=

.PHONY: help setup demo test unit contract pages integration chart e2e cluster cluster-down images lint \
	format gallery bench bench-intake bench-quality crds clean

help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install uv, the environment, Chromium and its fonts, where missing
	@$(SETUP) env browser tools

demo: setup ## Start a farm, print 250 invoices, check them, stop the farm
	@$(BIN)/python deploy/examples/demo.py $(ARGS)

test: setup ## Run the unit, contract and integration tests
	@$(SETUP) clients
	$(BIN)/pytest $(ARGS)

unit: setup ## Run the unit tests: seconds, no servers
	$(BIN)/pytest tests/unit $(ARGS)

contract: setup ## Run the suites that twins and real adapters share
	@$(SETUP) clients
	$(BIN)/pytest tests/contract $(ARGS)

pages: setup ## Print the golden pages and check them
	$(BIN)/pytest tests/pages $(ARGS)

gallery: setup ## Print the built-in documents into docs/gallery
	PYTHONPATH=tests:tests/pages $(BIN)/python -m gallery

integration: setup ## Run the tests against a real farm
	$(BIN)/pytest tests/integration $(ARGS)

chart: setup ## Test the Helm chart (where helm is installed)
	$(BIN)/pytest tests/chart $(ARGS)

e2e: setup cluster ## Test the farm on a real Kubernetes: the one of KUBECONFIG, or our own
	@deploy/cluster/binaries.sh helm minio
	@deploy/images/build.sh gateway operator worker finalizer nats minio
	@deploy/cluster/load.sh
	@PRESSROOM_TEST_KUBECONFIG=$${KUBECONFIG:-$${PRESSROOM_CLUSTER_DIR:-.cluster}/kubeconfig} \
		$(BIN)/pytest tests/e2e tests/chart $(ARGS)

cluster: ## Start a real one-node Kubernetes (as root; at first it is built: 15 min)
	@deploy/cluster/up.sh

cluster-down: ## Stop that Kubernetes and remove all of it
	@deploy/cluster/down.sh

images: ## Build the container images
	@deploy/images/build.sh

lint: ## Check style, types, layers, and the committed CRDs
	@$(SETUP) env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy bench deploy/examples
	$(BIN)/lint-imports
	$(BIN)/python -m pressroom.crds --check

format: ## Format the code and apply the safe fixes
	@$(SETUP) env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure the farm against the ceiling (some minutes; wants an idle machine)
	@$(BIN)/python -m bench.run $(ARGS)

bench-intake: setup ## Measure what the gateway takes in, and what asking who it is costs
	@$(BIN)/python -m bench.intake $(ARGS)

bench-quality: setup ## Measure what the quality gate costs a row
	@$(BIN)/python -m bench.quality $(ARGS)

crds: ## Write the CRDs from the models
	@$(SETUP) env
	$(BIN)/python -m pressroom.crds

clean: ## Remove the environment, caches, outputs and the local farm's state
	rm -rf .venv .tools out .pressroom dist
	rm -rf .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
