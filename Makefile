# The two commands of this project are `make demo` and `make test`. Both need `python3` (3.11 or newer) and nothing else.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
# Written last, so an interrupted `make setup` starts over: all of requirements.lock is installed, and then troth itself.
LOCKED := .venv/.locked
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

# Scripts in .venv name their interpreter by its full path: a folder that has moved needs a new one.
setup: ## Create .venv with every extra and the development tools
	@test "$$(cat $(LOCKED) 2>/dev/null)" = "$(CURDIR)" && $(BIN)/python -c '' 2>/dev/null || rm -f $(LOCKED)
	@$(MAKE) --silent --no-print-directory $(READY)

demo: setup ## Compute factorials, and see that what was computed once is never computed again
	@sh scripts/demo.sh

test: setup ## Run all tests (ARGS="tests/kernel -k batch" for some of them)
	@$(BIN)/pytest --numprocesses=auto $(ARGS)

check: setup ## Lint, formatting and strict types, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright

fix: setup ## Mend what lint and formatting can mend by themselves
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Run every benchmark in bench/ (ARGS are passed on)
	@set -e; for bench in bench/bench_*.py; do echo "$$ python $$bench $(ARGS)"; $(BIN)/python "$$bench" $(ARGS); done

lock: ## Pin the dependencies again in requirements.lock (ARGS=--upgrade for newer ones)
	@sh scripts/lock.sh "$(PYTHON)" $(ARGS)

clean: ## Remove .venv and everything generated; data in .troth stays
	@rm -rf .venv dist .pytest_cache .ruff_cache .hypothesis
	@find src tests bench examples -type d -name __pycache__ -prune -exec rm -rf {} +

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "troth needs Python 3.11 or newer, and $(PYTHON) is not. Name another one: make setup PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) --version): about a minute, once."
	@rm -f $(LOCKED) $(READY)
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "$(CURDIR)" > $@

$(READY): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
