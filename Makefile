# Everything a person needs to try, test and change the project. `make` alone prints what there is.

VENV := .venv
PY := $(VENV)/bin/python
SECONDS :=
BOOTSTRAP :=
SEED :=
ARGS :=
KAFKA := 4.4.0
# The version of uv that writes the requirement files; nothing else uses it.
UV := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench chaos lock upgrade lock-kafka clean

help: ## Print this
	@echo "usage: make TARGET; needs Python 3.11 to 3.14 (PYTHON=... names one) and a network at the first run"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Stamps: what is installed is looked at again only when the files that say what to install have changed.
INPUTS := requirements/install.sh pyproject.toml

$(VENV)/.local: requirements/local.txt $(INPUTS)
	@requirements/install.sh local
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(INPUTS)
	@requirements/install.sh dev
	@touch $(VENV)/.local $@

install: $(VENV)/.dev ## Make .venv with everything in it

demo: $(VENV)/.local ## A fleet, a hijack and its alerts, live [SECONDS=60] [BOOTSTRAP=host:port]
	@$(VENV)/bin/telematics-simulate demo \
	    $(if $(SECONDS),--seconds $(SECONDS)) $(if $(BOOTSTRAP),--bootstrap $(BOOTSTRAP))

test: $(VENV)/.dev ## The whole suite on a real Kafka; summary in build/tests.txt [ARGS='-k fences']
	@$(PY) -m pytest --durations=15 --junit-xml=build/tests.xml $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy, import contracts, spelling
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/codespell

format: $(VENV)/.dev ## Put the code into its form
	@$(VENV)/bin/ruff check --fix
	@$(VENV)/bin/ruff format

bench: $(VENV)/.dev ## Measure on a real Kafka; figures in build/bench.json [ARGS=--quick]
	@$(PY) -m bench $(ARGS)

chaos: $(VENV)/.dev ## Kill, stop and cut off monitors and brokers, and miss no alert; build/chaos.json [SEED=n] [ARGS=--short]
	@$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

build/uv/bin/uv: Makefile
	@$(PY) -m venv build/uv
	@build/uv/bin/pip install --quiet uv==$(UV)
	@touch $@

COMPILE = build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE)

lock: $(VENV)/.dev build/uv/bin/uv ## Write requirements/*.txt anew after a change in pyproject.toml
	@$(COMPILE) pyproject.toml requirements/build.in --extra dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml requirements/build.in --extra local -c requirements/dev.txt -o requirements/local.txt
	@$(COMPILE) pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/runtime.txt

upgrade: ## As lock, with the newest versions that fit
	@$(MAKE) lock UPGRADE=--upgrade

lock-kafka: $(VENV)/.dev ## Write jgo.lock.toml anew [KAFKA=4.4.0]
	@$(PY) -m telematics.stream.local.jars $(KAFKA)

clean: ## Remove what these commands made: build/, caches, .venv
	rm -rf build dist .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
