# The project's commands; each sets up what it needs, once.
PYTHON ?= python3 python3.13 python3.12 python3.11
DATA ?= ../shared/data
ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.has-server
DEV := $(VENV)/.has-dev
TRAINING := $(VENV)/.has-training
BUF_VERSION := 1.75.0
BUF := .tools/buf-$(BUF_VERSION)/node_modules/.bin/buf
UV_VERSION := 0.13.8
UV := .tools/uv-$(UV_VERSION)/bin/uv
CHROMA_VERSION := 1.5.9
CHROMA := .tools/chroma-$(CHROMA_VERSION)/bin/chroma

# The lock also holds what pip builds with: older pips read the first of these for that, newer ones the second.
export PIP_CONSTRAINT := requirements.lock
export PIP_BUILD_CONSTRAINT := requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Tests start hundreds of processes: each would compile our code anew where the environment tells Python to keep nothing.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo serve test torture check proto bench bench-search bench-long bench-load bench-recall bench-recommend eval train-mini eval-mini lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' Makefile

setup: $(RUN) ## make .venv with the server and the command line (PYTHON=… picks the Python)
	@echo "Ready: make demo, or $(BIN)/samekind --help"

demo: $(RUN) ## start a server; classify, search and recommend; stop it
	$(BIN)/samekind demo $(ARGS)

serve: $(RUN) ## start a server on localhost:50051 (ARGS="--port 50052")
	$(BIN)/samekind serve $(ARGS)

# In the order of their names: left to itself, xdist keeps files of few and long tests for the end, where one of its processes waits for the other.
test: $(DEV) ## run the tests, two files at a time (ARGS="-k word", WORKERS=0: one by one)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

torture: $(DEV) ## what takes too long for every day: a million odd requests, kills, whole models (ARGS="--fuzz-calls 100000")
	$(BIN)/python -m pytest tests/test_bulk.py tests/test_fuzz.py tests/test_http.py tests/test_load.py tests/test_examples.py tests/test_catalog_kills.py tests/test_power_loss.py tests/test_packing.py tests/test_rot.py tests/test_label_set_kills.py tests/test_events.py tests/test_event_kills.py \
		tests/test_parity.py --fuzz-calls 1000000 --kills 500 --events 1000000 --power-losses 500 --packed 100000 --flips 1000 --files 100000 --all-examples --whole-models $(ARGS)

check: $(DEV) $(BUF) ## lint, types, protos, Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BUF) lint
	@tag=$$(git tag --merged HEAD --list 'v*' --sort=-v:refname | head -n 1); \
	if [ -n "$$tag" ]; then set -x; $(BUF) breaking --against ".git#tag=$$tag"; \
	else echo "buf breaking: no release (a v* tag) is here yet, so there is none to break"; fi
	$(BIN)/python proto/generate.py --check client
	$(BIN)/python -m proto.reference --check docs/reference
	$(BIN)/python -m proto.openapi --check client/samekind/v1/openapi.json
	$(BIN)/hadolint Dockerfile

proto: $(DEV) ## make client/samekind/v1, its openapi.json and docs/reference from the protos
	$(BIN)/python proto/generate.py client
	$(BIN)/python -m proto.reference docs/reference
	$(BIN)/python -m proto.openapi client/samekind/v1/openapi.json

bench: $(RUN) ## measure speed (searches: make bench-search)
	$(BIN)/python -m benchmarks $(ARGS)

bench-search: $(RUN) $(CHROMA) ## measure searches through servers, beside Chroma's (ARGS="--items 10000")
	$(BIN)/python -m benchmarks.search $(ARGS)

bench-long: ARGS += --items 1000000 --seconds 20
bench-long: bench-search ## measure searches among a million vectors

bench-load: $(RUN) ## measure a server under more load than it can bear (ARGS="--seconds 15")
	$(BIN)/python -m benchmarks.load $(ARGS)

bench-recommend: $(RUN) ## measure recommendations beside searches (ARGS="--items 20000 --events 100000")
	$(BIN)/python -m benchmarks.recommend $(ARGS)

bench-recall: $(RUN) ## measure recall under filters at 100,000 items (ARGS="--count 20000")
	$(BIN)/python -m benchmarks.recall $(ARGS)

eval: $(RUN) ## measure quality on DATA
	$(BIN)/python -m benchmarks.quality --data $(DATA) $(ARGS)
	$(BIN)/python -m benchmarks.quality.recommendation --data $(DATA)

train-mini: $(TRAINING) ## train the built-in model on DATA
	$(BIN)/python -m training --data $(DATA) $(ARGS)

eval-mini: $(TRAINING) ## measure the built-in model on DATA
	$(BIN)/python -m training.evaluate --data $(DATA) $(ARGS)

lock: $(UV) ## bring requirements.lock in step with pyproject.toml (ARGS=--upgrade: newest versions)
	$(UV) pip compile -q --universal --all-extras --no-annotate --custom-compile-command "make lock" -o requirements.lock $(ARGS) pyproject.toml

clean: ## remove all that these commands made
	rm -rf $(VENV) .tools build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@for python in $(PYTHON); do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
		echo "Making $(VENV) with $$($$python --version)"; \
		$$python -m venv $(VENV) && touch $@ && exit; \
		echo "$$python could not make $(VENV); on Debian it needs: apt-get install python3-venv" >&2; exit 1; \
	done; \
	echo "samekind needs Python 3.11, 3.12 or 3.13, and none of these is one: $(PYTHON). Name one: make setup PYTHON=/path/to/python3" >&2; exit 1

$(RUN): $(VENV)/.made pyproject.toml requirements.lock
	@echo "Installing the server and the command line: up to 3 GB the first time, mostly torch"
	$(BIN)/pip install -c requirements.lock -e '.[cli,server]'
	@touch $@

$(DEV): $(RUN)
	@echo "Installing what tests and checks need"
	$(BIN)/pip install -c requirements.lock -e '.[cli,server,dev]'
	@touch $@

$(TRAINING): $(RUN)
	@echo "Installing what training needs"
	$(BIN)/pip install -c requirements.lock -e '.[cli,server,training]'
	@touch $@

$(BUF):
	@command -v npm >/dev/null || { echo "make check needs npm, to install buf: install Node.js (on Debian: apt-get install npm)" >&2; exit 1; }
	npm install --silent --no-save --no-package-lock --prefix .tools/buf-$(BUF_VERSION) @bufbuild/buf@$(BUF_VERSION)

$(UV):
	python3 -m venv .tools/uv-$(UV_VERSION)
	.tools/uv-$(UV_VERSION)/bin/pip install uv==$(UV_VERSION)

# In an environment of its own: its dependencies are not ours.
$(CHROMA):
	python3 -m venv .tools/chroma-$(CHROMA_VERSION)
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= .tools/chroma-$(CHROMA_VERSION)/bin/pip install chromadb==$(CHROMA_VERSION)
