# make demo and make test are all that a fresh machine with Python 3.11+ needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRA ?= dev

.PHONY: demo test check examples bench soak wheel-test clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRA)]'
	touch $@

demo: $(STAMP)
	$(BIN)/python examples/demo.py --out report

test: $(STAMP)
	$(BIN)/python -m pytest --cov --cov-report=term

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

examples: $(STAMP)
	for script in examples/*.py; do $(BIN)/python $$script --quick || exit 1; done

bench: $(STAMP)
	$(BIN)/python benchmarks/all.py --out report/benchmarks.md

# An hour at least: a hundred thousand damaged files and commands, and as many random instances for the exact solvers.
SOAK ?= 100000
SOAK_SECONDS ?= 7200
soak: $(STAMP)
	$(BIN)/python benchmarks/truth.py --number $(SOAK) --seconds $(SOAK_SECONDS) --jobs 2 --out report/false-claims
	EDGEOPT_FUZZ=100000 $(BIN)/python -m pytest -q tests/test_fuzz.py
	EDGEOPT_TRUTH=100000 EDGEOPT_TRUTH_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -q -s tests/test_truth.py tests/test_concurrency.py

# The built wheel, not the checkout: what users install must be whole.
wheel-test: $(STAMP)
	rm -rf build/wheel && $(BIN)/python -m build --quiet --wheel --outdir build/wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/wheel/site build/wheel/*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import edgeopt; assert 'build/wheel/site' in edgeopt.__file__"
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -m pytest -q -p no:cacheprovider -c ../../pyproject.toml \
		--rootdir ../.. ../../tests/conformance

clean:
	rm -rf $(VENV) build dist report .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
