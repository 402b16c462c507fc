# One environment for everything, made on first use; it is installed anew only when pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= demo-output
WORKERS ?= 2

.PHONY: demo test lint bench bench-smoke clean

demo: $(VENV)/.installed-plot
	$(BIN)/python -m ndfit.demo $(if $(CUBE),"$(CUBE)") --out "$(OUT)"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks --smoke $(ARGS)

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# .installed-EXTRA: the package, editable, with that extra of pyproject.toml.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing ndfit[$*] into $(VENV) ..."
	@$(PIP) --editable ".[$*]"
	@touch $@

# The peers, beside what the tests need.
$(VENV)/.installed-bench: benchmarks/requirements.txt $(VENV)/.installed-test
	@echo "Installing the benchmarks' peers into $(VENV) ..."
	@$(PIP) --requirement benchmarks/requirements.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "ndfit needs Python 3.11 or newer as '$(PYTHON)'; name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
