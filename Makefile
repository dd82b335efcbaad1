# Everything that a developer does, by name; `make` alone lists it. Needs only make and Python 3.11 or newer.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format soak bench science clean

help: ## List these targets
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'Options: ARGS="..." is passed on (demo, test, soak, bench); PYTHON=python3.12 chooses the interpreter of setup.'

setup: $(VENV)/.ready ## Create .venv with hogwild and all that its tests need
	@echo "hogwild is ready: $(BIN)/hogwild"

demo: $(VENV)/.ready ## See hogwild at work
	@$(BIN)/hogwild demo $(ARGS)

test: lint $(VENV)/.nets $(VENV)/.browser ## Check style, types and architecture, then run the tests
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/.ready ## Check style, types and architecture only
	$(BIN)/python -m ruff check --quiet .
	$(BIN)/python -m mypy --no-error-summary
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.ready ## Format the code and mend what can be mended
	$(BIN)/python -m ruff check --fix-only .
	$(BIN)/python -m ruff format .

soak: $(VENV)/.nets ## Run 10,000 random plans of faults, 50 on real Ray, and the Hypothesis tests for long
	$(BIN)/python -m hogwild.testing.soak
	$(BIN)/python -m hogwild.testing.kills
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=soak -o faulthandler_timeout=7200 $(ARGS)

bench: $(VENV)/.bench ## Race hogwild against its peers; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(ARGS)

science: $(VENV)/.nets ## Find the findings of papers again; writes docs/science/ and docs/how-to-choose.md
	$(BIN)/python -m science $(ARGS)

clean: ## Remove caches and builds; "rm -rf .venv" starts afresh
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is written only after its step succeeded, so that an interrupted one starts again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { \
	    found=$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null) || found="not there"; \
	    echo "hogwild needs Python 3.11 or newer, but $(PYTHON) is $$found: install one, or name yours, as in 'make setup PYTHON=python3.12'." >&2; \
	    exit 1; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.ready: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing hogwild and its development tools into $(VENV) (a few minutes the first time) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev]' </dev/null
	@touch $@

$(VENV)/.nets: $(VENV)/.ready
	@echo "Installing PyTorch and Ray into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev,nets,cluster]' </dev/null
	@touch $@

# A browser is a program of the system: without one, and without the right to install it, its tests say so and are skipped.
$(VENV)/.browser: $(VENV)/.made
	@command -v chromium >/dev/null || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium ..." && \
	    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null 2>&1; } || \
	    echo "There is no Chromium, and it cannot be installed here: pages are not opened in tests."
	@touch $@

$(VENV)/.bench: $(VENV)/.ready
	@echo "Installing the benchmarks' peers into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev,bench,nets,cluster]' </dev/null
	@touch $@
