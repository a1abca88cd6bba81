# Two commands: `make demo` shows the whole journey, `make test` checks everything. Both set up .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types unit install results clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	command -v $(PYTHON) >/dev/null || { echo "jsnas needs Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,onnx,track,pg,dashboard,nni]'
	touch $(STAMP)

demo: install
	rm -rf demo
	$(BIN)/nas demo --out demo

test: lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

unit: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

# every figure of results/figures from the rows and runs in results/: the commands are in results/figures/manifest.yaml
results: install
	$(BIN)/python -m results.make

clean:
	rm -rf demo runs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
