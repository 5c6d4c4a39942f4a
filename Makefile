# `make run` and `make test` set up .venv by themselves, as the lock file has it.
PYTHON ?= python3
CONFIG ?= configs/shapes_anisotropic.py:laptop
RELEASE_PYTHONS ?= 3.11 3.13
BIN := .venv/bin

.PHONY: run test test-all check versions faults accelerator results reference docs notebooks release audit lint setup

run: setup
	$(BIN)/python -m experiments.main --config=$(CONFIG)

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

# Lint, types and the tests of what has changed, for the loop of somebody who contributes.
check: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile $$($(BIN)/python -m tests.changed)

# Other versions than those of the lock file: the lowest that are declared, or the highest.
RESOLUTION ?= lowest-direct
versions: setup
	$(BIN)/uv pip install --quiet --python $(BIN)/python --upgrade --resolution $(RESOLUTION) --group dev --editable '.[experiments]'

faults: setup
	$(BIN)/python -m tests.faults

# A quarter of an hour with a GPU or a TPU; SMOKE=1 rehearses it on any machine.
accelerator: setup
	$(BIN)/python -m experiments.benchmarks.accelerator $(if $(SMOKE),--smoke)

# Tables and figures of experiments/RESULTS.md, from the tables of finished sweeps.
results: setup
	$(BIN)/python -m experiments.findings

# Tables of names in the documents, from the registries.
reference: setup
	$(BIN)/python -m experiments.reference

# The API reference, from the docstrings; takes pdoc from PyPI for the occasion.
docs: setup
	rm -rf dist/docs
	JAX_PLATFORMS=cpu UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv run --quiet --frozen --no-sync --with pdoc==16.0.0 python -W error -m experiments.api_reference

# Runs the notebooks and keeps their outputs; takes Jupyter from PyPI for the occasion.
notebooks: setup
	JAX_PLATFORMS=cpu UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv run --frozen --no-sync --with jupytext==1.19.6 --with nbclient==0.11.0 --with ipykernel==7.4.0 python -m experiments.notebooks

# Builds dist/ as it would be released and tries the wheel and the source archive where
# nothing else is installed; uploads nothing. Asks PyPI.
TRY = ../$(BIN)/uv run --quiet --isolated --no-project
release: setup
	rm -rf dist
	$(BIN)/uv build --quiet
	$(BIN)/uv tool run --quiet twine==7.0.0 check --strict dist/*
	$(BIN)/uv tool run --quiet cffconvert==2.0.0 --validate
	cd dist && set -e; for python in $(RELEASE_PYTHONS); do for archive in *.whl *.tar.gz; do \
	  echo "-- $$archive"; \
	  $(TRY) --python $$python --with ./$$archive python ../tests/wheel.py core; \
	  $(TRY) --python $$python --with "./$$archive[metrics]" python ../tests/wheel.py metrics; \
	done; done
	ls -l dist

# Known vulnerabilities of the locked packages; asks PyPI.
audit: setup
	$(BIN)/uv export --frozen --no-emit-project --quiet --output-file .venv/locked.txt
	$(BIN)/uv tool run pip-audit --strict --require-hashes --disable-pip -r .venv/locked.txt

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

setup: .venv/installed

.venv/installed: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"decomp needs Python >= 3.11; $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --inexact --quiet --extra experiments
	@touch $@
