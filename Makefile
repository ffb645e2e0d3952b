# `make` alone lists the targets. Everything is installed into .venv; nothing outside this folder is changed.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# Each test worker runs a control plane of its own and mostly waits: three keep two cores busy without starving them.
WORKERS ?= 3
SECONDS_EACH ?= 5
# Whoever sets it, tests start many Pythons: what is not kept compiled costs each start a second of a core.
unexport PYTHONDONTWRITEBYTECODE
UV_VERSION := 0.13.9
UV_COMPILE = "$$tools/bin/uv" pip compile --quiet --upgrade --universal --generate-hashes --no-config \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help demo run install test test-all test-kubelet test-abuse check bench bench-relay fuzz mutants crds docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## watch keypool do its job on this machine: cluster, keys, rotation, repair, deletion
	@$(BIN)/python -m keypool_lab demo

run: install ## a cluster with provider simulator and operator in the foreground; Ctrl-C ends it
	@$(BIN)/python -m keypool_lab up --foreground

install: $(STAMP) ## .venv with the locked dependencies and keypool itself

test: install ## all tests that need no set-up of minutes (WORKERS=n for more at once)
	@$(BIN)/python -m keypool_lab binaries  # pytest would hide the first build's progress
	@$(BIN)/python -m keypool_lab gateways
	@$(BIN)/python -m tests.sdk.installed
	-@$(BIN)/python -m tests.kubelet.prepare
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS)

test-all: install ## the same, with a real LiteLLM: needs Node.js, and 0.8 GB in the cache
	@$(BIN)/python -m keypool_lab gateways --litellm
	@$(MAKE) --no-print-directory test

test-kubelet: install ## images, manifests/base and injected relays on a real kubelet, with figures, in 20 minutes: root on Debian
	@$(BIN)/python -m keypool_lab binaries
	@$(BIN)/python -m tests.kubelet.prepare --injected
	@$(BIN)/python -m pytest -s -m "full or not full" tests/kubelet

test-abuse: install ## two tenants, one attacks: what the other one gets, under the memory limit, in half an hour
	@$(BIN)/python -m keypool_lab binaries
	@$(BIN)/python -m pytest -s -m "full or not full" tests/abuse

check: install ## style, types, import rules, and whether generated files are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy operator tests client/keypool_client
	$(BIN)/mypy client/tests
	$(BIN)/lint-imports
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(BIN)/python -m keypool.api.crd "$$fresh" && \
		for file in "$$fresh"/*.yaml; do diff -u "crds/$${file##*/}" "$$file" || { echo "run: make crds" >&2; exit 1; }; done

bench: install ## how fast pools become Ready, and at what cost, in 5 minutes (FULL=1: 5,000 pools; PROFILE=1)
	@$(BIN)/python -m keypool_lab bench $(if $(FULL),--full) $(if $(PROFILE),--profile)

bench-relay: install ## what the relay costs beside nginx and others, and what fails under trouble, in 8 minutes (SHORT=1)
	@$(BIN)/python -m keypool_lab bench-relay $(if $(SHORT),--short)

fuzz: install ## fuzzes every parser of what others say, SECONDS_EACH=5: with atheris where it installs
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@$(BIN)/python -m tests.fuzz $(SECONDS_EACH)

mutants: install ## would the tests notice? sows defects into a copy of the code, one at a time, in 5 minutes
	@$(BIN)/python -m keypool_lab mutants

crds: install ## generate crds/ from the models
	$(BIN)/python -m keypool.api.crd crds

docs: install ## generate docs/{conditions,lifecycle,settings,tests}.md and the tables in README.md from the code
	$(BIN)/python -m keypool_lab.docs docs/
	$(BIN)/python -m keypool_lab.readme
	$(BIN)/python -m keypool_lab.alerts
	$(BIN)/python -m keypool_lab.argocd

lock: ## resolve the dependencies anew and pin them with hashes in requirements/
	@$(FIND_PYTHON) && tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
		"$$python" -m venv "$$tools" && "$$tools/bin/pip" install --quiet uv==$(UV_VERSION) && \
		$(UV_COMPILE) --output-file requirements/image.txt pyproject.toml && \
		$(UV_COMPILE) --output-file requirements/dev.txt --extra dev --constraint requirements/image.txt pyproject.toml && \
		$(UV_COMPILE) --output-file requirements/relay.txt --extra relay --extra share --constraint requirements/image.txt client/pyproject.toml && \
		echo hatchling | $(UV_COMPILE) --output-file requirements/build.txt --constraint requirements/dev.txt - && \
		for gateway in anyllm-gateway litellm postgresql fuzz sdks openai-before; do \
			$(UV_COMPILE) --output-file requirements/$$gateway.txt requirements/$$gateway.in || exit; done

clean: ## remove .venv, caches and build output
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Sets $$python to an interpreter that is new enough, or says what is missing.
define FIND_PYTHON
for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 ""; do \
	test -n "$$python" || { echo "keypool needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
done
endef

$(STAMP): pyproject.toml client/pyproject.toml requirements/dev.txt
	@$(FIND_PYTHON) && echo "installing the locked dependencies into $(VENV), a minute or two on a fresh machine ..." && \
		{ test -x $(BIN)/python || "$$python" -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e client
	@touch $@
