# `make demo` shows the main job, `make test` checks it; both set up .venv from the pinned constraints.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: demo check test test-long format screenshots

demo: $(READY)
	$(BIN)/workbench demo

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not thorough" tests/unit tests/contract

test: check
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "thorough and not slow" tests/unit
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" tests/flow tests/tui tests/faults

test-long: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,long,scale]'
	HYPOTHESIS_PROFILE=random $(BIN)/python -m pytest -q -n 2 --dist loadfile
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" --cov=workbench.store --cov-branch \
		--cov-report=term:skip-covered --cov-fail-under=98 tests/unit/store tests/unit/services tests/faults

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(READY)
	$(BIN)/python docs/screenshots.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)
