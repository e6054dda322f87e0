# Each target sets up what it needs in .venv and says what it is doing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.laddvakt-ready
YEARS ?= 1000
SCENARIOS ?= tests/scenarios
POINTS ?= 2000
KILLS ?= 0
SEED ?= 1

.PHONY: demo test check bench bench-long bench-healing bench-diagnosis crash clean fuzz

demo: $(STAMP)
	@echo "== demo: simulated charger, agent and backend, three processes, about 100 s"
	@$(BIN)/laddvakt demo

test: $(STAMP)
	@tests/needs.sh
	@tests/run.sh $(BIN)

check: $(STAMP)
	@echo "== check: ruff, format, import contracts, mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

bench: $(STAMP)
	@tests/needs.sh >&2
	@PYTHONPATH=tests $(BIN)/python -m bench

bench-long: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m bench --long

bench-healing: $(STAMP)
	@echo "== bench-healing: $(YEARS) charger-years under three policies; YEARS=20 for a quick look" >&2
	@PYTHONPATH=tests $(BIN)/python -m bench.healing --years $(YEARS)

bench-diagnosis: $(STAMP)
	@echo "== bench-diagnosis: labelled scenarios below $(SCENARIOS), in virtual time" >&2
	@PYTHONPATH=tests $(BIN)/python -m bench.diagnosis $(SCENARIOS)

crash: $(STAMP)
	@echo "== crash: $(POINTS) points in virtual time; KILLS=200 also kills the real agent" >&2
	@PYTHONPATH=tests $(BIN)/python -m crash --points $(POINTS) --seed $(SEED)
	@test $(KILLS) -eq 0 || PYTHONPATH=tests $(BIN)/python -m crash.kills --kills $(KILLS) --seed $(SEED)

fuzz: $(STAMP)
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@echo "== fuzz: the frame parser for 40 s; longer by LADDVAKT_FUZZ_RUNS=1000000"
	@PYTHONPATH=hal:tests $(BIN)/python tests/fuzz/fuzz_frames.py

$(STAMP): pyproject.toml
	@echo "== setting up $(VENV) (once; again when pyproject.toml changes)" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3-venv is missing: apt install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
