# Everything from nothing: Python 3.11+, make and a package index.
PYTHON ?= python3
VENV   ?= .venv
DEMO   ?= _demo
BIN    := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo pretrain-demo test lint bench soak clean

demo: $(VENV)/.core       ## gate a hundred real landings
	$(BIN)/dq demo $(DEMO)

ADULT := tests/data/adult/adult
pretrain-demo: $(VENV)/.core  ## check a public training set before training; it fails, and says why
	$(BIN)/dq pretrain --train $(ADULT)-train.csv.gz --test $(ADULT)-test.csv.gz --suite suites/adult.pretrain.yaml \
	  || test $$? -eq 1

# What tests start would be compiled anew each time.
unexport PYTHONDONTWRITEBYTECODE
test: $(VENV)/.test       ## all tests, under 8 minutes on 2 cores
	$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test       ## style, imports, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test      ## speed as ratios in one run; writes tests/bench/README.md
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.on_s3

soak: $(VENV)/.test       ## the long-running tests
	$(BIN)/pytest -q -m soak

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.core
	$(BIN)/pip install -q -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) _demo .mypy_cache .ruff_cache .hypothesis
