# `make demo` and `make test` work on a fresh clone: they make .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check format audit floors soak bench docs docs-serve

setup: .venv/.ready

.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mutualseg needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev,offline]'
	@touch $@

demo: setup
	$(BIN)/python examples/demo.py --out runs/demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py
	$(BIN)/python checks/licenses.py
	$(BIN)/python checks/advisories.py

# The fast tests first, so that a mistake shows early; one thread a test, as many tests as there are cores.
test: check
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not soak"
	$(BIN)/python -m pytest -n auto --dist worksteal -m "slow and not soak"

# Known flaws of what is required; needs a network, and says so where there is none.
audit: setup
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/python checks/advisories.py

# The fast tests with the oldest versions that pyproject.toml allows, in an environment of their own.
floors: setup
	$(BIN)/python checks/floors.py

# What docs/reliability.md quotes: an hour and a half.
soak: setup
	$(BIN)/python soak/attacks.py
	$(BIN)/python soak/damaged_checkpoints.py --tries 1000
	$(BIN)/python soak/bad_files.py --cases 5000 --minutes 20
	$(BIN)/python soak/kills.py --kills 50 --minutes 30
	$(BIN)/python soak/long_run.py --steps 20000 --minutes 45
	$(BIN)/python soak/exports.py
	$(BIN)/python soak/long_run.py --files 100000 --steps 300 --memory-mb 100

bench: setup
	$(BIN)/python benchmarks/semantic_augmentation.py
	$(BIN)/python benchmarks/training_step.py --cases lite0-192 lite0-256
	$(BIN)/python benchmarks/methods.py
	$(BIN)/python benchmarks/precision.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/inference.py --cases lite0-192
	$(BIN)/python benchmarks/data_path.py --largest 100000
	$(BIN)/python benchmarks/check_speed.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation as a site that opens from disk: build/site/index.html.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

docs-serve: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000
