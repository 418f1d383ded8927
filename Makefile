# Everything happens in .venv, made from pyproject.toml under constraints.txt. A stamp says that it is up to date, so a second run does no work twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo models alone lint test test-slow test-anywhere docs soak bench fuzz licences sbom hashes clean

help: ## these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter (3.10 or newer; now: $(PYTHON))."
	@echo "  For torch without CUDA (some 200 MB instead of gigabytes) set PIP_EXTRA_INDEX_URL to PyTorch's CPU index, see pytorch.org."

setup: $(READY) ## the virtual environment .venv

demo: $(READY) ## train, evaluate, predict, report; DATA=DIR for real images instead of phantoms
	$(BIN)/saywhere demo $(if $(DATA),--data "$(DATA)")

MODELS := general lung-infection
# Of model $$name: each part of its recipe after the other, from the weights of the one before (the last
# one of `general`: from the average of both before); then $$run is the last one.
# $(1): what their names end with, before -more and -last. $(2): more options.
PARTS = suffix= from= run=; for part in . more last; do file=configs/models/$$part/$$name.toml; if [ -f $$file ]; then \
	  [ $$part = . ] || suffix=-$$part; \
	  if [ $$part/$$name = last/general ]; then from="--from runs/general$(1)-blend"; [ -e runs/general$(1)-blend ] || \
	    $(BIN)/saywhere models blend runs/general$(1)-more runs/general$(1) --share 0.5 --out runs/general$(1)-blend || exit 1; fi; \
	  run=runs/$$name$(1)$$suffix resume=; if [ -e $$run ]; then resume=--resume; \
	  if [ -z "$(RESUME)" ]; then echo "$$run is there already: remove it, or RESUME=1 to go on with it" >&2; exit 1; fi; fi; \
	  $(BIN)/saywhere train $$file $$from --out $$run $(2) $$resume || exit 1; from="--from $$run"; fi; done
ALONE := $(addprefix --set ,fusion.name=none fusion.words_first=0 data.mosaic=0 data.half=0 data.absent=0 'data.also_called=[]' text.blank=0)

models: $(READY) ## train, measure and pack the models of src/saywhere/models/; MODELS=general for one; needs the sets (some 6 hours of one core)
	for name in $(MODELS); do \
	  if [ $$name = general ] && [ ! -e runs/five/manifest.jsonl ]; then \
	    $(BIN)/python benchmarks/measure/general_manifest.py runs/five || exit 1; fi; \
	  $(call PARTS,) && \
	  $(BIN)/saywhere calibrate $$run && \
	  $(BIN)/saywhere evaluate $$run && \
	  $(BIN)/saywhere probe mosaic $$run --cases 200 && \
	  $(BIN)/saywhere probe halves $$run --cases 200 && \
	  $(BIN)/saywhere models push $$run src/saywhere/models/$$name --about configs/models/about/$$name.toml --replace || exit 1; \
	done

# Without words `general` cannot know which target is meant: nothing to compare it with.
alone: $(READY) ## after `make models`: image-only networks trained as long, and what a blank prompt costs beside them, kept in benchmarks/results
	for name in $(filter-out general,$(MODELS)); do \
	  $(call PARTS,-alone,$(ALONE)) && \
	  $(BIN)/saywhere evaluate $$run --words right && \
	  $(BIN)/python benchmarks/measure/blank.py $$name runs/$$name$$suffix $$run --keep || exit 1; \
	done

lint: $(READY_DEV) ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# A file's tests stay together and in their order: what they set up is set up once.
AT_ONCE ?= $(shell $(BIN)/python -c 'import os; print(min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))')
test-anywhere: SHELL := bash
test: lint ## lint, then all tests but the slow ones; AT_ONCE=N side by side (default: one a core, at most 4)
	$(BIN)/pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder

# Each processor's kernels meet each number of threads, and each order: all pairs, in six runs.
ANYWHERE := default:1:normal default:2:reversed avx2:1:reversed avx2:2:normal :1:normal :2:reversed
test-anywhere: $(READY_DEV) ## the tests as other processors run them: kernels, threads and order differ (some 2 hours)
	for run in $(ANYWHERE); do \
	  IFS=: read -r kernels threads order <<< "$$run"; echo "kernels $${kernels:-this machine}, threads $$threads, order $$order"; \
	  env $${kernels:+ATEN_CPU_CAPABILITY=$$kernels} OMP_NUM_THREADS=$$threads SAYWHERE_TEST_THREADS=$$threads SAYWHERE_TEST_ORDER=$$order \
	    $(BIN)/pytest --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder || exit 1; \
	done

test-slow: $(READY_DEV) ## the statistical and long tests
	$(BIN)/pytest -m slow

docs: $(READY_DEV) ## the documentation as a site, in site/; `.venv/bin/mkdocs serve` shows it while you write
	$(BIN)/python docs/write_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

soak: $(READY_DEV) ## the service for 10 minutes of good, bad and aborted requests, kept in benchmarks/results; RUN=DIR, else the demo's
	$(BIN)/python benchmarks/measure/load.py $(or $(RUN),runs/demo/run) --minutes 10 --clients 4 --keep soak

bench: $(READY) ## training and prediction beside the naive way, and our goals; kept in benchmarks/results (7 minutes of a quiet machine)
	$(BIN)/saywhere bench --out benchmarks/results/performance_$(or $(DEVICE),cpu).json --device $(or $(DEVICE),cpu)
	$(BIN)/python benchmarks/pages/tables.py

fuzz: $(READY_DEV) ## 20,000 requests made from the service's own description, counted in benchmarks/results; SAYWHERE_FUZZ=N for another number
	$(if $(SAYWHERE_FUZZ),,SAYWHERE_FUZZ_KEEP=benchmarks/results/fuzz.json) $(BIN)/pytest -m slow tests/unit/serve/test_fuzz.py

licences: $(READY_DEV) ## no package at run time has a licence that deploy/licences.toml does not list
	$(BIN)/python deploy/supply_chain.py licences

sbom: $(READY_DEV) ## the packages at run time as CycloneDX JSON, in build/sbom.json
	mkdir -p build && $(BIN)/python deploy/supply_chain.py sbom --out build/sbom.json

hashes: $(READY_DEV) ## sha256 of the development set's wheels, for `pip install --require-hashes`; WHEELS=DIR that holds them
	mkdir -p build && $(BIN)/python deploy/supply_chain.py hashes --wheels "$(WHEELS)" --out build/hashes.txt

clean: ## remove .venv, caches and builds; runs/ stays
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "saywhere: no $(PYTHON) here; install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "saywhere: $(PYTHON) is $$($(PYTHON) --version 2>&1); 3.10 or newer is needed: name one with make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "saywhere: $(PYTHON) cannot make a virtual environment (Debian and Ubuntu: apt install python3-venv)" >&2; exit 2; }
	@echo "installing Saywhere into $(VENV) (about 2 GB and a few minutes, once)"
	$(PIP) --editable .
	@touch $@

$(READY_DEV): $(READY)
	$(PIP) --editable '.[dev]'
	@touch $@
