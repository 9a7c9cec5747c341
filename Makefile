# Everything happens in .venv inside this checkout: no root, nothing preinstalled but Python 3.11 or later.
# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# -qq: errors only. No progress bars either, so that a log of this stays readable.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# The number of test processes; `make test JOBS=0` runs them in one, for a debugger.
JOBS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help up test browser chaos cycles bench check fmt docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(STAMP) ## run Daybook with its own PostgreSQL and Valkey (PORT and DAYBOOK_DATA are honoured)
	@exec $(BIN)/daybook up

test: $(STAMP) ## run all tests, the fault tests in a short form (make test ARGS="-k name" for some of them)
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

browser: ## install the browser that the tests of the screens use (Debian and Ubuntu, as root or by sudo)
	@$$(test "$$(id -u)" = 0 || echo sudo) sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium-headless-shell fonts-liberation' >/dev/null

chaos: $(STAMP) ## the fault tests with thousands of events, then ten thousand made-up requests (CHAOS_SEED repeats a run, CHAOS_ROUNDS=3 makes three)
	@seed=$${CHAOS_SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}; echo "CHAOS_SEED=$$seed"; \
		CHAOS_SEED=$$seed CHAOS_ROUNDS=$${CHAOS_ROUNDS:-1} CHAOS_SALES=$${CHAOS_SALES:-600} CHAOS_CYCLES=$${CHAOS_CYCLES:-60} \
		FUZZ_REQUESTS=$${FUZZ_REQUESTS:-10000} \
		$(BIN)/python -m pytest -n $(JOBS) tests/api/test_fuzz.py tests/chaos $(ARGS)

cycles: $(STAMP) ## 2,000 recurring charges with kill -9 and cut lines at random moments, in about nine minutes (CHAOS_SEED repeats a run)
	@CHAOS_CYCLES=$${CHAOS_CYCLES:-2000} $(BIN)/python -m pytest -s tests/chaos/test_charging.py $(ARGS)

bench: $(STAMP) ## speed and cost on this machine as ratios of one run, in about ten minutes (ARGS="--quick")
	@$(BIN)/python -m bench $(ARGS)

check: $(STAMP) ## lint, formatting, strict types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(STAMP) ## format the code and mend what the linter can
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

docs: $(STAMP) ## write docs/settings.md, docs/metrics.md and docs/states.md anew from the code
	@$(BIN)/python -m worker.docs

# Two locks of the same versions: everything for a checkout, and what a production image needs.
COMPILE := $(VENV)-lock/bin/uv pip compile --quiet --no-annotate --no-header --generate-hashes --universal \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

lock: ## write both locks anew from pyproject.toml (ARGS="--upgrade" for newer versions)
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip --disable-pip-version-check -qq install uv
	@$(COMPILE) --all-extras $(ARGS) pyproject.toml -o requirements.lock
	@$(COMPILE) --constraint requirements.lock pyproject.toml -o deploy/requirements.lock
	@rm -rf $(VENV)-lock

clean: ## remove .venv and every cache (never the data directory)
	rm -rf $(VENV) $(VENV)-lock build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Made again when the lock or the project file changes. An environment that was left half made has no stamp, so it is
# completed; one whose interpreter is gone is made from nothing.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Daybook needs Python 3.11 or later, and "$(PYTHON)" is not. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	@echo 'Setting up .venv from requirements.lock (about half a minute, once) ...'
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || { \
		echo '"$(PYTHON) -m venv" does not work. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PIP) install --require-hashes -r requirements.lock && $(PIP) install --no-deps --no-build-isolation -e . || { \
		echo 'The packages could not be installed: see the lines above, mend the cause, run make again.' >&2; exit 1; }
	@touch $@
