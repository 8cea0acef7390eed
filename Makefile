# Two commands: `make bench` measures, `make test` checks.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 3
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt
# a plain path: the default of setuptools, a finder, costs every Python that starts 20 ms
EDITABLE := --config-settings editable_mode=compat --editable

.PHONY: bench test check lint clean

bench: $(VENV)/.core
	@$(BIN)/harness run suites/quickstart.yaml

test: $(VENV)/.test
	@$(MAKE) --no-print-directory --jobs=2 lint check

check: $(VENV)/.test
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "error: no '$(PYTHON)' found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -f $(BIN)/python; exit 2; }

$(VENV)/.core: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "installing into $(VENV) ..."
	$(PIP) $(EDITABLE) .
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "installing into $(VENV), with the test extra ..."
	$(PIP) --no-compile $(EDITABLE) '.[test]'
	@touch $@
