# Everything starts here; the first target explains the others. Nothing but Python 3.11+, make and gcc/g++ is needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Who prepares data needs no torch: what trains, evaluates and tests has a stamp of its own, in the same environment.
STAMP  := $(VENV)/.installed
ALL    := $(VENV)/.everything

.DEFAULT_GOAL := help
.PHONY: help install demo demo-train test check lint bench docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## create .venv and install dataprep into it, all versions pinned; no torch

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt --upgrade pip setuptools wheel
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install -q -e '.[sample,s3]'
	@touch $@

$(ALL): $(STAMP)
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install -q -e '.[sample,s3,clean,profiles,train,eval,dev]'
	@touch $@

demo: $(STAMP) ## real pages -> clean Parquet shards: installs, makes the sample, runs pipelines/web.yaml
	$(BIN)/dataprep models install lid.176
	test -f data/sample/web.warc.gz || $(BIN)/dataprep sample-web data/sample/web.warc.gz --docs
	$(BIN)/dataprep run pipelines/web.yaml
	@echo; echo "Near-duplicates between the two releases of one documentation:"; echo
	$(BIN)/dataprep dropped out/web --stage minhash_dedup --limit 2

# Threads that wait asleep: with anything else on the machine, those that spin take three times as long.
demo-train: export OMP_WAIT_POLICY := passive
demo-train: $(ALL) demo ## the demo's documents -> tokenizer -> tokens -> a small model, its curves, text that it writes
	$(BIN)/dataprep train-tokenizer out/web --output out/tokenizer --vocab-size 4096
	$(BIN)/dataprep tokenize out/web --tokenizer out/tokenizer --output out/web-tokens --set tokenize.validation_ratio=0.04
	$(BIN)/dataprep pretrain pipelines/pretrain-tiny.yaml
	$(BIN)/dataprep report out/tiny
	@for prompt in 'The default value is' 'If you want to' 'Django'; do \
		echo; printf '%s' "$$prompt"; $(BIN)/dataprep generate out/tiny "$$prompt" --max-tokens 60 --temperature 0.5 || exit 1; \
	done

test: check ## install and run everything CI runs: lint, types, import rule, tests

check: $(ALL) lint ## the same as `make test`
	$(BIN)/dataprep models install lid.176
	$(BIN)/python -c 'from dataprep.text.warmup import prepare; prepare(print)'
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(ALL) ## ruff format and lint, mypy --strict, the import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(ALL) ## write what follows from the catalog: the stage reference, what tests know of each stage's output
	$(BIN)/dataprep stages --markdown > dataprep/stages/README.md
	$(BIN)/python tests/test_stage_versions.py

bench: $(ALL) ## every number in the README, measured here
	@for f in benchmarks/bench_*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

clean: ## remove what make made, the sample and the demo's output
	rm -rf $(VENV) out data build .benchmarks .mypy_cache .ruff_cache .pytest_cache .hypothesis
