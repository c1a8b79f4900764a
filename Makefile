# One command each: `make run`, `make test`, `make check`, `make bench`.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check bench sdl migrations lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: .venv/.runtime  ## everything that `make run` needs

.venv/.runtime: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

setup-dev: .venv/.dev  ## everything that `make test` and `make check` need

.venv/.dev: requirements-dev.lock pyproject.toml .venv/.runtime
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

check: setup-dev  ## ruff, mypy strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy app schema compat_rest resolvers media models tests
	$(BIN)/lint-imports

test: setup-dev  ## every test
	$(BIN)/pytest
