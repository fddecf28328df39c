# Each target sets up all it needs, from a bare Python 3.11 or newer; set-up runs once, and again when its inputs change.
#   make demo      see Kepler's third law found in a table of planets
#   make test      everything that must pass: style, types, layers, spelling, tests
#   make PYTHON=/path/to/python3.12 setup      with a Python of your choice

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.closedform-ready
# How many test processes; two fit any machine.
JOBS ?= 2
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*##/  make \1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv with the package and its tools

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(BIN)/python --version); the first time takes some minutes"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,all]"
	@touch $@

demo: $(STAMP)  ## Find known laws in real tables
	@$(BIN)/closedform demo

lint: $(STAMP)  ## Style, types, layers, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

test: lint  ## Lint, then all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

format: $(STAMP)  ## Rewrite the code in the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## Remove what the tools left behind, .venv too
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
