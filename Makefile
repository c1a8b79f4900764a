# One command each: `make run`, `make test`, `make check`, `make bench`.
PYTHON ?= python3
WORKERS ?= 4
BIN := .venv/bin
ROOMS := app schema compat_rest resolvers media models tests

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check format bench soak faults sdl release-sdl mapping migrations lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: .venv/.runtime  ## what `make run` needs
	@$(BIN)/vms assets

.venv/.runtime: requirements.lock pyproject.toml
	@test -x $(BIN)/python || { echo "creating .venv"; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -c 'import sys; sys.exit("vms needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@echo "installing packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

setup-dev: setup .venv/.dev  ## what `make test` and `make check` need

.venv/.dev: requirements-dev.lock .venv/.runtime
	@echo "installing development packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: setup  ## everything in one process, with simulated cameras
	@exec $(BIN)/vms demo

# Tests of real time wait more than they compute: four at a time keep two cores busy.
test: setup-dev  ## every test, WORKERS at a time
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: setup-dev  ## ruff, mypy strict, import-linter, what clients of the last release need
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(ROOMS)
	$(BIN)/lint-imports
	$(BIN)/python -m schema.evolution

format: setup-dev  ## ruff puts the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev  ## measurements against a yardstick in the same run
	$(BIN)/python -m tests.benchmarks.recording
	$(BIN)/python -m tests.benchmarks.many
	$(BIN)/python -m tests.benchmarks.detection
	$(BIN)/python -m tests.benchmarks.isolation
	$(BIN)/python -m tests.benchmarks.substream
	$(BIN)/python -m tests.benchmarks.tracking
	$(BIN)/python -m tests.benchmarks.throughput
	$(BIN)/python -m tests.benchmarks.latency
	$(BIN)/python -m tests.benchmarks.lists
	$(BIN)/python -m tests.benchmarks.hostile
	$(BIN)/python -m tests.benchmarks.fanout
	$(BIN)/python -m tests.benchmarks.delivery
	$(BIN)/python -m tests.benchmarks.footage
	$(BIN)/python -m tests.benchmarks.playlists
	$(BIN)/python -m tests.benchmarks.repair
	$(BIN)/python -m tests.benchmarks.export
	$(BIN)/python -m tests.benchmarks.live
	$(BIN)/python -m tests.benchmarks.ingest
	$(BIN)/python -m tests.benchmarks.queries
	$(BIN)/python -m tests.benchmarks.failover
	$(BIN)/python -m tests.benchmarks.spool
	$(BIN)/python -m tests.benchmarks.idle
	$(BIN)/python -m tests.benchmarks.resume

soak: setup-dev  ## an hour of recording cameras that fail in every way; `ARGS="--minutes 10"` makes it shorter
	$(BIN)/python -m tests.benchmarks.soak $(ARGS)

faults: setup-dev  ## every fault at full size, while events flow and subscribers resume
	$(BIN)/python -m tests.scenarios.faults

sdl: setup-dev  ## schema/schema.graphql from the schema
	$(BIN)/python -m schema.sdl

release-sdl: sdl  ## at a release: schema/released.graphql, which later schemas must keep
	cp schema/schema.graphql schema/released.graphql

mapping: setup-dev  ## docs/rest-mapping.md from the routes
	$(BIN)/python -m compat_rest.mapping > docs/rest-mapping.md

migrations: setup-dev  ## a migration for what changed in models/
	$(BIN)/python -m tortoise -c models.database.TORTOISE_ORM makemigrations models
	$(BIN)/ruff format models/migrations

lock:  ## requirements*.lock from pyproject.toml; needs uv
	uv pip compile pyproject.toml --extra install --extra otel --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q --upgrade -o requirements.lock
	uv pip compile pyproject.toml --extra install --extra otel --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q \
	  -c requirements.lock -o requirements-dev.lock
