# `make`: set up, train a toy model, check the claims, build the paper.  `make test`: set up, run every test.
# Both check one seed of each kind of model; `make verify` checks them all.
# An active virtual or conda environment is used; otherwise .venv is made.

ifneq ($(VIRTUAL_ENV)$(CONDA_PREFIX),)
ENVIRONMENT := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))
else
ENVIRONMENT := .venv
endif
PYTHON := $(ENVIRONMENT)/bin/python
READY := $(ENVIRONMENT)/.icl-limits-ready
# xdist takes as many cores as there are
WORKERS ?= auto
CLAIMS = $(PYTHON) -m pytest verify/ -q -n $(WORKERS)

.PHONY: all test lint unit verify paper clean

# sim.train prints the checkpoint's path, also of a run that was finished before
all: $(READY)
	model=$$($(PYTHON) -m sim.train toy) && \
	  $(CLAIMS) --with-model "$$model"
	$(MAKE) -C paper PYTHON=$(abspath $(PYTHON))

$(ENVIRONMENT)/bin/python:
	python3 -m venv $(ENVIRONMENT)

# torch first and by exact version: a range would pull the CUDA build
$(READY): pyproject.toml .ci/constraints.txt | $(ENVIRONMENT)/bin/python
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt \
	  "$$(grep '^torch==' .ci/constraints.txt)"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e ".[dev,dask]"
	touch $@

# all seeds of the zoo: what README's tables are made of
verify: $(READY)
	$(CLAIMS) --all-seeds

paper: $(READY)
	$(MAKE) -C paper PYTHON=$(abspath $(PYTHON))

lint: $(READY)
	$(ENVIRONMENT)/bin/ruff format --check .
	$(ENVIRONMENT)/bin/ruff check .
	$(ENVIRONMENT)/bin/lint-imports
	$(ENVIRONMENT)/bin/pyright --pythonpath $(abspath $(PYTHON))

# one thread a process: numpy's would wait for each other on busy cores
unit: $(READY)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest tests -q -n $(WORKERS)

test: lint unit
	$(CLAIMS)

clean:
	rm -rf runs build verify/rows*.jsonl paper/build
