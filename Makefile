# Every verb of the project; `make help` prints this list.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv and install everything, pinned

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server,otel,trainer,tensorboard,mlflow,wandb,dev]'
	touch $(INSTALLED)

demo: setup ## the main job: train the starter model to read handwritten digits, through the service
	$(BIN)/python examples/digits/demo.py

look: setup ## what the demo has trained, in a browser (Ctrl-C stops the service)
	$(BIN)/tuneyard up --data-dir .tuneyard/demo --open

up: setup ## start the service here and keep it running (Ctrl-C stops it)
	$(BIN)/tuneyard up

clients: setup ## make .venv-clients with the clients of OpenAI that the tests run, pinned
	$(BIN)/python -m tests.clients.environments

chromium: ## install the browser that tests look at the dashboard with, where apt-get and root are
	@command -v chromium > /dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } \
		|| echo "No chromium, and none can be installed here: the tests of the dashboard's pages will be skipped"

screenshots: setup chromium ## write docs/screenshots/ from a service with jobs of the demo
	$(BIN)/python -m tests.browser.screenshots

vendor: setup ## take the dashboard's libraries anew, as api/dashboard/vendor.py pins them (needs npm)
	$(BIN)/python -m api.dashboard.vendor

# By file, since what a file's tests share is dear: a service, a browser, a model. Four at most, for the memory.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test: setup clients chromium ## the whole test suite
	$(PYTEST)

test-all: setup clients chromium ## the same with the long matrices: every family with every method, learned by heart
	$(PYTEST) -m ''

SEEDS ?= 1
SECONDS ?= 60
DATABASE ?= sqlite
chaos: setup ## kill and freeze parts of the service at random; SEEDS="1 2 3" SECONDS=120 DATABASE=postgresql CHAOS="--real"
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --seconds $(SECONDS) --database $(DATABASE) $(CHAOS)

.venv-bench/.installed: constraints.txt $(wildcard benchmarks/peers/*.txt)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--constraint benchmarks/peers/constraints.txt --requirement benchmarks/peers/requirements.txt
	touch .venv-bench/.installed

bench-setup: .venv-bench/.installed ## make .venv-bench with what we are measured against, pinned

bench: setup bench-setup ## measure what was promised and write docs/benchmarks.md; ONLY="training memory", QUICK=1 to try it
	$(BIN)/python -m benchmarks $(ONLY) $(if $(QUICK),--quick)

families: setup ## measure every family and write what came out into docs/families.md
	$(BIN)/python -m pytest tests/families -m '' --write-families

docs: setup ## build the documents into site/, references included; a link that leads nowhere fails
	$(BIN)/python -m handbook.settings
	$(BIN)/python -m handbook

client-sync: setup ## make the synchronous Python client from the asynchronous one
	$(BIN)/python -m tests.sync_form

check: setup ## format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pins: setup ## renew constraints.txt from what .venv holds
	@{ head -n 1 constraints.txt; $(BIN)/pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove .venv and everything built
	rm -rf .venv .venv-bench .venv-clients .cache build dist docs/reference site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.PHONY: help setup demo look up clients chromium screenshots vendor test test-all chaos bench-setup bench families docs client-sync check pins clean
