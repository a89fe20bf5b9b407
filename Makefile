# make demo   see it work, with no Datadog account
# make quick  lint, types and all tests that start no Airflow
# make test   the whole test suite, with lint and types
# make test-matrix   the test suite on each supported Airflow, and on each Python at hand
# make docs   write the API reference from the docstrings
# make bench  measure it beside Datadog's official client, into docs/benchmark.md
#
# Each makes an environment of its own from pinned versions. They need Python 3.11 or later and make, nothing else.
# AIRFLOW=2.11 tests with the oldest supported Airflow; PYTHON=python3.12 takes another interpreter.

NEWEST := 3.3
AIRFLOW ?= $(NEWEST)
PYTHON ?= python3
VENV := .venv/airflow-$(AIRFLOW)$(patsubst python3%,-python3%,$(filter-out python3,$(notdir $(PYTHON))))
BIN := $(VENV)/bin
PINS := .ci/constraints/airflow-$(AIRFLOW).txt
GROUPS := --group test $(if $(filter $(NEWEST),$(AIRFLOW)),--group newest)
# Lint and types are of the newest Airflow: they are the same text for all. Types are checked by tests/test_types.py.
LINT := $(if $(filter $(NEWEST),$(AIRFLOW)),lint)
# Unbuffered, for progress that is seen through a pipe. Tests that share an Airflow share a process.
WORKERS ?= logical
PYTEST := PYTHONUNBUFFERED=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist loadgroup \
	--durations 10 --override-ini cache_dir=$(VENV)/pytest-cache
# What a run leaves behind is in its environment, so that several may run side by side.
export COVERAGE_FILE := $(CURDIR)/$(VENV)/coverage
# Tests start many processes, which begin in half the time from compiled bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo quick test test-matrix lint types docs bench pins clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

demo: $(VENV)/ready
	@$(BIN)/python -m tools.demo

quick: $(VENV)/ready $(LINT)
	$(PYTEST) -m "not airflow" --hypothesis-profile quick

test: $(VENV)/ready $(LINT)
	$(PYTEST) --cov --cov-report=term --cov-fail-under=98

test-matrix:
	@$(PYTHON) -m tools.matrix

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy --cache-dir $(VENV)/mypy-cache

docs: $(VENV)/ready
	@$(BIN)/python -m tools.reference

bench: $(VENV)/ready
	@$(BIN)/python -m tools.bench

$(VENV)/ready: pyproject.toml $(PINS) airflow_provider_seats/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "Making the environment $(VENV) (a minute or so, once) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint $(PINS) \
		--build-constraint $(PINS) $(GROUPS) --editable .
	@touch $@

pins:
	@$(MAKE) --no-print-directory AIRFLOW=$(NEWEST) .venv/airflow-$(NEWEST)/ready
	UV=.venv/airflow-$(NEWEST)/bin/uv NEWEST=$(NEWEST) .ci/pins $(AIRFLOW)

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
