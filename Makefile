# Everything a contributor runs. Each target makes the environment that it needs, from nothing but
# python3 (>= 3.11), make and git; stamp files in it say what is installed, pyproject.toml renews them.

SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
PYTHONS ?= 3.11 3.12 3.13
WORKERS ?= auto
ROUNDS ?= 20
CONTRACTS ?= tests/stores
GOAL := test-plain
PYTEST_ARGS ?=
BENCH_ARGS ?=

PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
PYTEST := -m pytest -q --numprocesses=$(WORKERS) --maxprocesses=4
# Coverage makes a test two to three times as slow. These tests suffice for the gate: the rules, and
# the contracts on memory and SQLite, and what is each backend's own. Others run the same lines again,
# such as those of races, of crashes and of simulations.
REPEATING := tests/experiments/stats/test_validity_simulations.py $(addprefix tests/sql/test_, \
	bank.py cache_races.py cancelled.py crashes.py deadlocks.py double_spend.py drivers.py \
	hold_races.py ledger_cancelled.py ledger_model.py limits_races.py retries.py)
MEASURED := tests/unit tests/kit tests/importers tests/flags tests/contrib \
	tests/stores/test_memory.py tests/stores/test_sqlite.py \
	$(filter-out $(REPEATING),$(wildcard $(addsuffix /test_*.py, \
	tests/sql tests/experiments tests/experiments/stats tests/quests))) \
	tests/metrics tests/alerts tests/health \
	$(addprefix tests/limits/test_,failures.py leases_and_headers.py waiting.py) \
	$(addprefix tests/memcached/test_,items.py opening.py port.py) \
	$(addprefix tests/redis/test_,failures.py opening.py rules.py) \
	$(addprefix tests/redis/test_cache_,backend.py opening.py) \
	$(addprefix tests/cache/test_,async.py cache.py decorator.py serializers.py two_tiers.py)
# Options such as `-k` may leave nothing of one part: pytest then exits with 5.
NO_TESTS := [ $$? -eq 5 ]

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The tests start some hundred programs; without Python's caches each would compile the kit anew.
unexport PYTHONDONTWRITEBYTECODE
# Two pips must not write into one environment.
.NOTPARALLEL:
.PHONY: help demo test test-unit test-plain test-pythons contracts-20 check bench docs clean \
	env env-check

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## See it work: the guided tour in examples/demo.py
	@$(BIN)/python examples/demo.py

env: $(VENV)/.test
env-check: $(VENV)/.test $(VENV)/.lint $(VENV)/.docs

test: env ## Run all tests, on every backend this machine has: MEASURED with coverage, then the rest
	@rm -f .coverage .coverage.*
	@echo "== With coverage: the tests that suffice for it"
	@$(BIN)/coverage run $(PYTEST) $(MEASURED) $(PYTEST_ARGS) || $(NO_TESTS)
	@echo "== Without coverage: all other tests"
	@$(BIN)/python $(PYTEST) tests $(addprefix --ignore=,$(MEASURED)) $(PYTEST_ARGS) || $(NO_TESTS)
	@echo "== Coverage"
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-unit: env ## Run the tests that need no server, without coverage
	@$(BIN)/python $(PYTEST) -m "not postgres and not redis and not memcached and not slow" $(PYTEST_ARGS)

test-plain: env ## Run all tests without coverage
	@$(BIN)/python $(PYTEST) $(PYTEST_ARGS)

test-pythons: $(addprefix test-python-,$(PYTHONS)) ## Run test-plain on each Python here (QUICK=1: only on those that `test` does not use)

test-python-%:
	@if ! python=$$(.ci/find-python $*); then \
		echo "Python $*: not on this machine, skipped"; \
	elif [ -n "$(QUICK)" ] && [ "$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$*" ]; then \
		echo "Python $*: is what $(VENV) runs on, skipped"; \
	else \
		echo "Python $*: $$python"; \
		$(MAKE) --no-print-directory VENV=.venv-$* PYTHON="$$python" $(GOAL); \
	fi

contracts-20: env ## Run the contract tests 20 times in a row (ROUNDS=...)
	@round=1; while [ $$round -le $(ROUNDS) ]; do \
		echo "Round $$round of $(ROUNDS)"; \
		$(BIN)/python $(PYTEST) $(CONTRACTS) $(PYTEST_ARGS) || exit 1; \
		round=$$((round + 1)); \
	done

check: env-check ## Style, types, docs, and everything the docs and examples show
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & mypy=$$!; $(BIN)/pyright --pythonpath $(BIN)/python && wait $$mypy
	@$(MAKE) --no-print-directory docs
	$(BIN)/python $(PYTEST) --dist=loadfile README.md docs src tests/test_examples.py

bench: $(VENV)/.bench ## Measure: runs the package benchmarks (BENCH_ARGS=...)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(VENV)/.docs ## Build the documentation into docs/_build, warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build

clean: ## Remove environments, caches and builds
	rm -rf .venv .venv-* build dist docs/_build htmlcov .coverage .coverage.* \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ----------------------------------------------------------------------------

$(VENV)/.made:
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python) && \
		echo "Making $(VENV) with $$python" && \
		"$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.made
	@echo "Installing habitkit into $(VENV)"
	@$(PIP) install --editable '.[rich]'
	@touch $@

# Dependency groups need pip >= 25.1, and a new environment may hold an older one.
$(VENV)/.pip: $(VENV)/.made
	@$(PIP) install --no-compile --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.bench: $(VENV)/.%: pyproject.toml $(VENV)/.pip
	@echo "Installing habitkit and what '$*' needs into $(VENV)"
	@$(PIP) install --no-compile --editable . --group $*
	@touch $@
