# Everything starts here; the first target explains the others. Nothing but Python 3.11+, make and gcc/g++ is needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint bench docs clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(STAMP) ## create .venv and install dataprep and its tools into it, all versions pinned

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt --upgrade pip setuptools wheel
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install -q -e '.[sample,s3,dev]'
	@touch $@

demo: $(STAMP) ## real pages -> clean Parquet shards: installs, makes the sample, runs pipelines/web.yaml
	$(BIN)/dataprep models install lid.176
	test -f data/sample/web.warc.gz || $(BIN)/dataprep sample-web data/sample/web.warc.gz --docs
	$(BIN)/dataprep run pipelines/web.yaml
	@echo; echo "Near-duplicates between the two releases of one documentation:"; echo
	$(BIN)/dataprep dropped out/web --stage minhash_dedup --limit 2

test: check ## install and run everything CI runs: lint, types, import rule, tests

check: $(STAMP) lint ## the same as `make test`
	$(BIN)/dataprep models install lid.176
	$(BIN)/python -m pytest

lint: $(STAMP) ## ruff format and lint, mypy --strict, the import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP) ## write what follows from the catalog: the stage reference, what tests know of each stage's output
	$(BIN)/dataprep stages --markdown > dataprep/stages/README.md
	$(BIN)/python tests/test_stage_versions.py

bench: $(STAMP) ## every number in the README, measured here
	@for f in benchmarks/bench_*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

clean: ## remove what make made, the sample and the demo's output
	rm -rf $(VENV) out data build .benchmarks .mypy_cache .ruff_cache .pytest_cache .hypothesis
