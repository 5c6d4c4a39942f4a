# `make run` and `make test` set up .venv by themselves, as the lock file has it.
PYTHON ?= python3
CONFIG ?= configs/shapes_anisotropic.py:laptop
BIN := .venv/bin

.PHONY: run test test-all faults results audit lint setup

run: setup
	$(BIN)/python -m experiments.main --config=$(CONFIG)

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

faults: setup
	$(BIN)/python -m experiments.faults

# Tables and figures of experiments/RESULTS.md, from the tables of finished sweeps.
results: setup
	$(BIN)/python -m experiments.findings

# Known vulnerabilities of the locked packages; asks PyPI.
audit: setup
	$(BIN)/uv export --frozen --no-emit-project --quiet --output-file .venv/locked.txt
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip -r .venv/locked.txt

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

setup: .venv/installed

.venv/installed: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"decomp needs Python >= 3.11; $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --inexact --quiet
	@touch $@
