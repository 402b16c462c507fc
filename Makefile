# One environment for everything, made on first use; it is installed anew only when pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= demo-output
WORKERS ?= 2
# Share of the faults that `pytest -m long` does, which takes some three minutes.
FAULT_SHARE ?= 0.06
OLDEST ?= .venv-oldest
DEVELOPMENT ?= .venv-development
FIELDS ?= .venv-fields
# Old releases use what newer ones deprecate.
OLDEST_ARGS ?= -q -W ignore::DeprecationWarning tests/compiler tests/engines/test_accumulate.py tests/engines/test_nist.py \
  tests/parity/test_returned_model.py tests/problem \
  tests/result/test_result.py tests/io/test_fits.py tests/model/test_trace.py

.PHONY: demo format test test-fields test-faults test-gpu coverage test-oldest test-development lint docs bench bench-smoke dist release-check clean

demo: $(VENV)/.installed-plot
	$(BIN)/python -m ndfit.demo $(if $(CUBE),"$(CUBE)") --out "$(OUT)"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

# With the packages of other fields, in an environment of their own.
test-fields: $(FIELDS)/.installed
	$(FIELDS)/bin/python -m pytest -q tests/fields $(ARGS)

test-faults: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) -m faults --fault-share $(FAULT_SHARE) $(ARGS)

# Code for GPUs through NVIDIA's assembler: registers and spills of each model.
test-gpu: $(VENV)/.installed-test $(VENV)/.installed-gpu-test
	$(BIN)/python -m pytest -s -q tests/compiler/test_gpu.py $(ARGS)

# With the oldest releases that pyproject.toml allows, and the newest of what these bring with them.
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(OLDEST_ARGS)

# With the development versions of astropy and dask, and the pre-releases of everything else.
test-development: $(DEVELOPMENT)/.installed
	$(DEVELOPMENT)/bin/python -m pytest -n $(WORKERS) $(ARGS)

coverage: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=term-missing:skip-covered $(ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/private_names.py
	$(BIN)/python tools/house_rules.py
	$(BIN)/python tools/docstrings.py

format: $(VENV)/.installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks --smoke $(ARGS)

# The wheel and the source archive.
dist: $(VENV)/.installed-test
	$(BIN)/python -m hatchling build --directory dist

# Whether version, citation and changelog agree with the tag in GITHUB_REF_NAME; no environment is needed.
release-check:
	$(PYTHON) tools/release.py

clean:
	rm -rf $(VENV) $(OLDEST) $(DEVELOPMENT) $(FIELDS) $(OUT) build dist docs/_build docs/auto_gallery .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# .installed-EXTRA: the package, editable, with that extra of pyproject.toml.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing ndfit[$*] into $(VENV) ..."
	@$(PIP) --editable ".[$*]"
	@touch $@

$(FIELDS)/.installed: pyproject.toml
	@echo "Installing the packages of other fields into $(FIELDS) ..."
	@$(PYTHON) -m venv --clear $(FIELDS)
	@$(FIELDS)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[fields]"
	@touch $@

$(OLDEST)/.installed: pyproject.toml tools/oldest.py
	@echo "Installing the oldest dependencies into $(OLDEST) ..."
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(PYTHON) tools/oldest.py > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --constraint $(OLDEST)/constraints.txt --editable ".[test]"
	@touch $@

$(DEVELOPMENT)/.installed: pyproject.toml
	@echo "Installing development versions into $(DEVELOPMENT) ..."
	@$(PYTHON) -m venv --clear $(DEVELOPMENT)
	@$(DEVELOPMENT)/bin/python -m pip install --quiet --disable-pip-version-check --pre --editable ".[test]"
	@$(DEVELOPMENT)/bin/python -m pip install --quiet --disable-pip-version-check --pre --upgrade \
	  git+https://github.com/astropy/astropy.git git+https://github.com/dask/dask.git \
	  git+https://github.com/dask/distributed.git
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
