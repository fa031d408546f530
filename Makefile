# Needs python3 (3.11 to 3.14) with venv, and make. Everything else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SDK_INSTALLED := .venv-sdk/.installed
SDK3_INSTALLED := .venv-sdk3/.installed
SPARK_INSTALLED := .venv-spark/.installed
SCALE_INSTALLED := .venv-scale/.installed
POSTGRES_INSTALLED := $(VENV)/.installed-postgres
CELERY_INSTALLED := $(VENV)/.installed-celery
LOWEST_INSTALLED := .venv-lowest/.installed
DOCS_INSTALLED := .venv-docs/.installed
PYTEST := $(BIN)/python -m pytest
GOLDEN := tests/definition/test_golden.py
# Two lanes of about the same length, each with an Airflow of its own.
E2E_SECOND := $(addprefix tests/e2e/test_, $(addsuffix .py, account_bundle assets callback emr for_each schedules selection tuning))
E2E_FIRST := $(filter-out $(E2E_SECOND), $(wildcard tests/e2e/test_*.py))

.DEFAULT_GOAL := help
.PHONY: help install demo docs test test-unit lint types unit golden loopback browser integration e2e e2e-first e2e-second compose integration-and-compose sdk sdk3 modules-and-sdk docker attacks scale soak lowest bench bench-rehearsal schemas constraints constraints-docs constraints-sdk constraints-sdk3

help:
	@echo "make install      create .venv with the package and its tools"
	@echo "make demo         run the example pipeline on a real Airflow and a local AWS (ARGS='--max-mse 1')"
	@echo "make docs         build the site of docs/, in site/"
	@echo "make test         lint, types, unit, golden, loopback, integration, SDK and end-to-end tests"
	@echo "make test-unit    only what takes seconds: lint, types, unit and golden tests"
	@echo "make sdk          compare with the SageMaker SDK, which gets an environment of its own"
	@echo "make sdk3         the same with version 3 of the SDK, which takes 1 GB"
	@echo "make docker       run images in Docker, and Spark, which gets an environment of its own (0.5 GB)"
	@echo "make attacks      attack a real Airflow on PostgreSQL (ARGS='1a 3 --times 2'; ARGS=--help lists the attacks)"
	@echo "make scale        measure a real Airflow on PostgreSQL at size, and beside hand-written DAGs (ARGS='steps chain'; ARGS=--help)"
	@echo "make soak         a thousand faults, then the invariants from AWS's own records (ARGS='--seed 7 --faults 1000')"
	@echo "make lowest       unit and golden tests, and the demo, with the lowest versions that pyproject.toml allows"
	@echo "make bench        measure"
	@echo "make bench-rehearsal   measure what a rehearsal costs"
	@echo "make schemas      renew docs/schemas, the JSON Schemas of the commands' reports"
	@echo "make constraints  renew constraints.txt and constraints-lowest.txt: the newest and the lowest versions"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || \
		{ echo "Python 3.11 to 3.14 is needed, e.g. make install PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

# The SDK does not go together with constraints.txt: it gets an environment in which the tests run it as a program.
$(SDK_INSTALLED): constraints-sdk.txt
	$(PYTHON) -m venv .venv-sdk
	.venv-sdk/bin/python -m pip install --quiet --disable-pip-version-check 'sagemaker<3' -c constraints-sdk.txt
	@touch $@

$(SDK3_INSTALLED): constraints-sdk3.txt
	$(PYTHON) -m venv .venv-sdk3
	.venv-sdk3/bin/python -m pip install --quiet --disable-pip-version-check 'sagemaker>=3' -c constraints-sdk3.txt
	@touch $@

demo: install
	@$(BIN)/sm-pipelines demo $(ARGS)

# Broken links end the build (not with --quiet: MkDocs would not count them). Its libraries get an environment of their own.
docs: $(DOCS_INSTALLED)
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --clean

$(DOCS_INSTALLED): constraints-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check mkdocs-material -c constraints-docs.txt
	@touch $@

# What fails soonest comes first. End-to-end tests mostly wait for a scheduler: four lanes share the time.
test: install $(CELERY_INSTALLED)
	$(MAKE) lint
	$(MAKE) types
	$(MAKE) -j4 --output-sync=target e2e-first e2e-second integration-and-compose modules-and-sdk

integration-and-compose: install
	$(MAKE) integration
	$(MAKE) compose

modules-and-sdk: install
	$(MAKE) unit
	$(MAKE) golden
	$(MAKE) loopback
	$(MAKE) browser
	$(MAKE) docs
	$(MAKE) sdk
	$(MAKE) sdk3

test-unit: install
	$(MAKE) lint
	$(MAKE) types
	$(MAKE) unit
	$(MAKE) golden

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

unit: install
	$(PYTEST) -m "not loopback and not integration and not e2e and not sdk and not docker and not browser" --ignore $(GOLDEN)

golden: install
	$(PYTEST) $(GOLDEN)

schemas: install
	$(BIN)/python -m tests.report_schemas

loopback: install
	$(PYTEST) -m loopback

# Needs Chromium and its driver; on Debian: apt-get install chromium chromium-driver. Installs them if it may.
browser: install
	@command -v chromedriver >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } || \
		{ echo "chromedriver is required; on Debian: apt-get install chromium chromium-driver" >&2; exit 1; }
	$(PYTEST) -m browser tests/browser

integration: install
	$(PYTEST) -m integration

e2e: e2e-first e2e-second

e2e-first: install
	$(PYTEST) -m e2e $(E2E_FIRST)

e2e-second: install
	$(PYTEST) -m e2e $(E2E_SECOND)

# What docker-compose.yaml starts, as processes. Needs PostgreSQL and Redis; on Debian: apt-get install postgresql
# redis-server. Installs them if it may.
compose: install $(CELERY_INSTALLED)
	@{ command -v redis-server && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq postgresql redis-server; } || \
		{ echo "PostgreSQL and Redis are required; on Debian: apt-get install postgresql redis-server" >&2; exit 1; }
	$(PYTEST) -m e2e tests/compose

$(CELERY_INSTALLED): tests/compose/requirements.txt $(POSTGRES_INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/compose/requirements.txt -c constraints.txt
	@touch $@

sdk: install $(SDK_INSTALLED)
	$(PYTEST) -m sdk tests/oracle tests/sdk

sdk3: install $(SDK3_INSTALLED)
	$(PYTEST) -m sdk tests/sdk3

# Needs Docker, busybox and Java; on Debian: apt-get install docker.io busybox-static default-jre-headless. Takes about
# four minutes. If no Docker answers, the tests start one, as root.
docker: install $(SPARK_INSTALLED)
	$(PYTEST) -m docker tests/local/docker

$(SPARK_INSTALLED): tests/local/docker/requirements.txt
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check -r tests/local/docker/requirements.txt
	@touch $@

# Needs PostgreSQL's programs; on Debian: apt-get install postgresql. All attacks, ten times each, take about two hours.
attacks: install $(POSTGRES_INSTALLED)
	@$(BIN)/python -m tests.attacks.run $(ARGS)

# Needs the same. docs/soak.md says what it does, and how long it takes.
soak: install $(POSTGRES_INSTALLED)
	@$(BIN)/python -m tests.soak.run $(ARGS)

$(POSTGRES_INSTALLED): tests/airflow_on_postgres/requirements.txt $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/airflow_on_postgres/requirements.txt
	@touch $@

# Needs PostgreSQL's programs, as the attacks do. The amazon provider's deferrable operators, with which it compares, need
# an older boto3 than constraints.txt has: everything here runs in an environment of its own.
scale: $(SCALE_INSTALLED)
	@.venv-scale/bin/python -m tests.scale.run $(ARGS)

$(SCALE_INSTALLED): pyproject.toml constraints.txt tests/scale/requirements.txt
	$(PYTHON) -m venv .venv-scale
	grep -Ev '^(boto3|botocore|s3transfer)==' constraints.txt > .venv-scale/constraints.txt
	.venv-scale/bin/python -m pip install --quiet --disable-pip-version-check -e . -r tests/scale/requirements.txt \
		-c .venv-scale/constraints.txt
	@touch $@

# Takes an estimated four minutes on two idle cores. Not part of `make test`: CI runs it as a job of its own.
lowest: $(LOWEST_INSTALLED)
	.venv-lowest/bin/python -m pytest -m "not newest and not loopback and not integration and not e2e and not sdk and not docker and not browser"
	.venv-lowest/bin/sm-pipelines demo

$(LOWEST_INSTALLED): pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints-lowest.txt
	@touch $@

bench: install
	$(BIN)/python -m tests.bench.bench
	$(BIN)/python -m tests.bench.step_cost

bench-rehearsal: install
	$(BIN)/python -m tests.bench.rehearsal

# uv resolves for every Python and platform at once, from the oldest Python that pyproject.toml admits; pip only for its own.
OLDEST_PYTHON := 3.11.0
RESOLVE := pip compile pyproject.toml --extra dev --universal --python-version $(OLDEST_PYTHON) \
	--strip-extras --no-header --no-annotate --no-config --quiet

constraints:
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/python" -m pip install --quiet --disable-pip-version-check uv && \
	"$$scratch/bin/uv" $(RESOLVE) --output-file "$$scratch/newest" && \
	"$$scratch/bin/uv" $(RESOLVE) --resolution lowest-direct --output-file "$$scratch/lowest" && \
	{ echo "# The newest versions of what .[dev] installs. Made by: make constraints"; cat "$$scratch/newest"; } \
		> constraints.txt && \
	{ echo "# The lowest versions that pyproject.toml allows, for make lowest. Made by: make constraints"; \
		cat "$$scratch/lowest"; } > constraints-lowest.txt

constraints-docs:
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/python" -m pip install --quiet --disable-pip-version-check mkdocs-material && \
	{ \
		echo "# Exact versions of what mkdocs-material installs. Made by: make constraints-docs"; \
		"$$scratch/bin/python" -m pip freeze; \
	} > "$$scratch/constraints-docs.txt" && \
	cp "$$scratch/constraints-docs.txt" constraints-docs.txt

constraints-sdk:
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/python" -m pip install --quiet --disable-pip-version-check 'sagemaker<3' && \
	{ \
		echo "# Exact versions of what 'sagemaker<3' installs. Made by: make constraints-sdk"; \
		"$$scratch/bin/python" -m pip freeze; \
	} > "$$scratch/constraints-sdk.txt" && \
	cp "$$scratch/constraints-sdk.txt" constraints-sdk.txt

constraints-sdk3:
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/python" -m pip install --quiet --disable-pip-version-check 'sagemaker>=3' && \
	{ \
		echo "# Exact versions of what 'sagemaker>=3' installs. Made by: make constraints-sdk3"; \
		"$$scratch/bin/python" -m pip freeze; \
	} > "$$scratch/constraints-sdk3.txt" && \
	cp "$$scratch/constraints-sdk3.txt" constraints-sdk3.txt
