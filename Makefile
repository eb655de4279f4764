# What developers type, and how a release is composed of tasks. `make` alone lists the targets.
#
# VERSION=4.4.0   the z2jh release that `bump` and `release` move to (the newest of its major without it)
# ARGS='--dry'    more flags for the task

SHELL := /bin/bash
.DEFAULT_GOAL := help

venv := .venv
python := $(venv)/bin/python
invoke := $(venv)/bin/invoke
# One more than the cores of a small machine: some of the tests always wait for an answer.
workers := 3
to := $(if $(VERSION),--to '$(VERSION)')

.PHONY: help test test-quick test-pythons faults fuzz bench lint format dist docs engine helm rehearse release auth bump build commit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(venv)/.ready: pyproject.toml tests/machine/venv.sh
	@tests/machine/venv.sh $(venv)
	@touch $@

## -- the project itself

test: $(venv)/.ready ## run all tests, with a real engine (set up where that can be done)
	@tests/machine/engine.sh || { test "$${CI:-false}" != true && echo "engine: its tests are skipped" >&2; }
	@tests/machine/helm.sh .helm $(python) || { test "$${CI:-false}" != true && echo "helm: its tests are skipped" >&2; }
	$(python) -m pytest -n $(workers) $(ARGS)

test-quick: $(venv)/.ready ## run the tests that need neither engine nor helm
	$(python) -m pytest -n $(workers) -m "not engine and not helm" $(ARGS)

test-pythons: ## run the quick tests on every Python from 3.10 on that is found
	@tests/machine/pythons.sh $(ARGS)

helm: $(venv)/.ready ## fetch the helm programs that the tests run
	@tests/machine/helm.sh .helm $(python)

faults: $(venv)/.ready engine ## stop a release at every point with every signal and disk fault; fails where one is lost
	@$(python) -m tests.tools.faults $(ARGS)

fuzz: $(venv)/.ready ## feed every reader with damaged files, for SECONDS=600 (60 without it); fails on a crash
	$(python) -m tests.tools.fuzz $(SECONDS)

bench: $(venv)/.ready engine ## measure the promises of docs/performance.md; fails where one is missed
	@$(python) -m tests.tools.bench $(ARGS)

lint: $(venv)/.ready ## check style, types and the order of the rooms
	$(venv)/bin/ruff check
	$(venv)/bin/ruff format --check
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

format: $(venv)/.ready ## write the files in the project's style
	$(venv)/bin/ruff format
	$(venv)/bin/ruff check --fix

docs: $(venv)/.ready engine ## write docs/settings.md and draw docs/rehearsal.svg anew, from the code and a real run
	$(python) -m tests.docs.settings_page >docs/settings.md
	DRAW_PICTURE=1 $(python) -m pytest -n 0 tests/docs/test_picture.py

dist: $(venv)/.ready ## build wheel and source archive into dist/: the same bytes from the same commit
	SOURCE_DATE_EPOCH=$$(git log -1 --pretty=%ct) $(python) -m hatchling build --target wheel --target sdist

engine: ## put a Docker engine, buildx, a registry and cosign on this machine where they are missing
	@tests/machine/engine.sh

clean: ## remove what the targets above made
	rm -rf $(venv) .venvs .helm .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

## -- the hub image

rehearse: $(venv)/.ready engine ## run a whole release on this machine alone; nothing leaves it
	$(invoke) rehearse --yes $(ARGS)

release: $(venv)/.ready ## auth, bump, commit, build, commit: the plan first, then the question
	$(invoke) release $(to) $(ARGS)

auth: $(venv)/.ready ## sign in, and let Docker push to the image's registry
	$(invoke) auth $(ARGS)

bump: $(venv)/.ready ## move Dockerfile and requirement to a z2jh release
	$(invoke) bump $(to) $(ARGS)

build: $(venv)/.ready ## build, push and prove the hub image, and write its name into values.yaml
	$(invoke) build $(ARGS)

commit: $(venv)/.ready ## commit what bump and build wrote
	$(invoke) commit $(ARGS)
