# Two commands: `make demo` shows the whole journey, `make test` checks everything. Both set up .venv first: demo with
# the core alone, lint and types with the development tools as well, test with every extra. It is the same .venv, which grows.
#   PYTHON=  the interpreter that a new environment is made with; without it, the first suitable one of PYTHONS
#   TORCH=   the torch that a new environment gets, as pip names it; without it, the pin in constraints.txt
#   VENV=    an environment beside .venv, to try another Python or torch: make test VENV=.venv-next TORCH=torch==2.14.1
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
TORCH ?= $(shell grep '^torch==' constraints.txt)
VENV := .venv
EXTRAS :=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/constraints.txt

.PHONY: demo test lint types unit slow docs faults install results clean

install: $(VENV)/.all

# An interpreter that is found may still not run (a pyenv shim of a version that is not selected), so each is tried.
$(BIN)/python:
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
	  if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then echo "$$python -m venv $(VENV)"; exec "$$python" -m venv $(VENV); fi; \
	done; \
	echo "jsnas needs Python 3.11 to 3.14 with its venv module, and '$(or $(PYTHON),$(PYTHONS))' names none that runs;" \
	  "install one or name one: make PYTHON=/path/to/python" >&2; exit 1

# A torch that is already in the environment stays, whatever its version; everything else follows constraints.txt.
define install
@grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
@$(BIN)/python -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null || $(PIP) '$(TORCH)' || \
  { echo "pip cannot install '$(TORCH)' for this Python; name another, or TORCH=torch for the newest" >&2; exit 1; }
@$(BIN)/python -c 'import importlib.metadata as m; print("torch==" + m.version("torch"))' >> $(VENV)/constraints.txt
$(PIP) -e '.$(EXTRAS:%=[%])'
@touch $@
endef

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(install)

$(VENV)/.dev: private EXTRAS := dev
$(VENV)/.dev: $(VENV)/.core
	$(install)

$(VENV)/.all: private EXTRAS := dev,onnx,track,pg,dashboard,nni,video,ncnn,native,docs
$(VENV)/.all: $(VENV)/.dev
	$(install)

demo: $(VENV)/.core
	rm -rf demo
	$(BIN)/nas demo --out demo

test: install lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m 'not slow'

# what takes longer than the ten minutes of 'make test' leave room for
slow: $(VENV)/.all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m slow

# the manual, as a website in docs/_build/html; a warning is an error
docs: $(VENV)/.all
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W -b html docs docs/_build/html

# faults of every kind, some 30,000 of them: the table of what was tried, survived and lost (results/faults.md)
faults: $(VENV)/.all
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults --out results/faults.md

# every figure of results/figures from the rows and runs in results/: the commands are in results/figures/manifest.yaml
results: $(VENV)/.core
	$(BIN)/python -m results.make

clean:
	rm -rf demo runs build dist docs/_build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
