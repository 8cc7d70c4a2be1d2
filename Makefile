# make demo and make test are all that a fresh machine with Python 3.11 to 3.14 needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRA ?= dev

# One worker a core, each with one thread (tests/conftest.py).
PYTEST = $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test test-all check examples bench soak wheel-test clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRA)]'
	touch $@

demo: $(STAMP)
	$(BIN)/python examples/demo.py --out report

# Under five minutes on two cores; no data set, no browser, no network.
test: $(STAMP)
	$(PYTEST) -m 'not slow and not data and not browser'

# Everything, with branch coverage. Coverage cannot see into compiled loops: their tests run again, not compiled.
test-all: export EDGEOPT_FAMILIES = 30
test-all: $(STAMP)
	$(PYTEST) --cov --cov-report= --cov-fail-under=0
	NUMBA_DISABLE_JIT=1 $(PYTEST) -m compiled --cov --cov-append --cov-report=term

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

examples: $(STAMP)
	for script in examples/*.py; do $(BIN)/python $$script --quick || exit 1; done

bench: $(STAMP)
	$(BIN)/python benchmarks/all.py --out report/benchmarks.md

# An hour at least: a hundred thousand programs of each ill-scaled family, damaged files and commands, random instances
# for the exact solvers, and new examples for every law. What it finds becomes a test.
SOAK ?= 100000
SOAK_SECONDS ?= 7200
soak: export EDGEOPT_HYPOTHESIS = explore
soak: $(STAMP)
	$(BIN)/python benchmarks/truth.py --number $(SOAK) --seconds $(SOAK_SECONDS) --jobs 2 --out report/false-claims
	EDGEOPT_FUZZ=$(SOAK) $(PYTEST) -q tests/test_fuzz.py
	$(PYTEST) -q -m 'not slow and not data and not browser' --ignore tests/test_fuzz.py
	EDGEOPT_TRUTH=$(SOAK) EDGEOPT_TRUTH_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -q -s tests/test_truth.py tests/test_concurrency.py

# The built wheel, not the checkout: what users install must be whole.
wheel-test: $(STAMP)
	rm -rf build/wheel && $(BIN)/python -m build --quiet --wheel --outdir build/wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/wheel/site build/wheel/*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import edgeopt; assert 'build/wheel/site' in edgeopt.__file__"
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -m pytest -q -n auto --dist worksteal -p no:cacheprovider \
		-c ../../pyproject.toml --rootdir ../.. ../../tests/conformance

clean:
	rm -rf $(VENV) build dist report .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
