# Targets for developers, and tasks for this repository's hub image. `make` lists them.
#
# VERSION=4.4.0   the z2jh release for bump, release, rehearse and preview (default: the newest of the major version)
# ARGS='--dry'    more flags for the task

SHELL := /bin/bash
.DEFAULT_GOAL := help

venv := .venv
python := $(venv)/bin/python
invoke := $(venv)/bin/invoke
# The tasks need only hubpress's own libraries; the whole environment has them too.
ready := $(venv)/.ready
installed := $(or $(wildcard $(ready)),$(venv)/.installed)
# One more than the cores of a small machine: some of the tests always wait for an answer.
workers := 3
to := $(if $(VERSION),--to '$(VERSION)')

.PHONY: help test test-quick test-pythons lint format docs faults fuzz bench dist helm gh engine clean \
	release rehearse auth bump build commit status preview check doctor init

help: ## list the targets
	@awk -F ':.*## ' '/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(ready): pyproject.toml tests/machine/venv.sh
	@tests/machine/venv.sh $(venv) test,lint
	@touch $@

$(venv)/.installed: pyproject.toml tests/machine/venv.sh
	@tests/machine/venv.sh $(venv) ''
	@touch $@

## Hub image

release: $(installed) ## move to a z2jh release, build its hub image, commit both; asks first
	$(invoke) release $(to) $(ARGS)

rehearse: $(installed) engine ## rehearse a release; nothing leaves this machine
	$(invoke) rehearse --yes $(to) $(ARGS)

status: $(installed) ## show the pinned versions, and what release would do
	$(invoke) status $(ARGS)

preview: $(installed) ## show what a release changes in the cluster
	$(invoke) preview $(to) $(ARGS)

check: $(installed) ## fail if the hub repository is inconsistent
	$(invoke) check $(ARGS)

doctor: $(installed) ## check that this machine can run a release
	$(invoke) doctor $(ARGS)

init: $(installed) ## add what a hub repository is missing
	$(invoke) init $(ARGS)

## Steps of a release

auth: $(installed) ## sign in, and let Docker push to the image's registry
	$(invoke) auth $(ARGS)

bump: $(installed) ## move the base image and the requirement to a z2jh release
	$(invoke) bump $(to) $(ARGS)

build: $(installed) ## build, push and verify the hub image, and set it in the values
	$(invoke) build $(ARGS)

commit: $(installed) ## commit the changes of bump and build
	$(invoke) commit $(ARGS)

## Development

test: $(ready) ## run all tests; install an engine if needed and possible
	@tests/machine/engine.sh || { test "$${CI:-false}" != true && echo "engine: its tests are skipped" >&2; }
	@tests/machine/helm.sh .helm $(python) || { test "$${CI:-false}" != true && echo "helm: its tests are skipped" >&2; }
	@tests/machine/gh.sh || { test "$${CI:-false}" != true && echo "gh: its tests are skipped" >&2; }
	$(python) -m pytest -n $(workers) $(ARGS)

test-quick: $(ready) ## run the tests that need no engine, helm or gcloud
	$(python) -m pytest -n $(workers) -m "not engine and not gcloud and not helm" $(ARGS)

test-pythons: ## run the quick tests on every installed Python from 3.10 on
	@tests/machine/pythons.sh $(ARGS)

lint: $(ready) ## check style, types and the order of the rooms
	$(venv)/bin/ruff check
	$(venv)/bin/ruff format --check
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

format: $(ready) ## format the code
	$(venv)/bin/ruff format
	$(venv)/bin/ruff check --fix

docs: $(ready) engine ## update the generated documents: settings, the team's page, the picture
	$(python) -m tests.docs.settings_page
	DRAW_PICTURE=1 $(python) -m pytest -n 0 tests/docs/test_docs.py tests/docs/test_picture.py

## Long tests and packaging

faults: $(ready) engine ## stop a release at every point, and check that nothing is lost
	FAULTS_EVERYWHERE=1 $(python) -m pytest -n $(workers) tests/tools/faults/test_stopped.py $(ARGS)

fuzz: $(ready) ## feed damaged files to every reader, EXAMPLES=2000 to each (default: 200)
	FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(python) -m pytest -n $(workers) --timeout 3600 tests/tools/fuzz

bench: $(ready) engine ## measure the promises of docs/performance.md
	@$(python) -m tests.tools.bench $(ARGS)

dist: $(ready) ## build wheel and source archive in dist/
	SOURCE_DATE_EPOCH=$$(git log -1 --pretty=%ct) $(python) -m hatchling build --target wheel --target sdist

## Machine

gh: ## install the GitHub CLI if it is missing
	@tests/machine/gh.sh

engine: ## install a Docker engine, buildx, a registry and cosign if they are missing
	@tests/machine/engine.sh

helm: $(ready) ## download the helm programs for the tests
	@tests/machine/helm.sh .helm $(python)

clean: ## remove the virtual environments, caches and builds
	rm -rf $(venv) .venvs .helm .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
