# Everything that is done to Holdfast, one word each. A fresh machine needs Python 3.11, make and git:
# the first word sets up `.venv` from the locked dependencies, and again when pyproject.toml or the lock change.

BIN := .venv/bin
READY := .venv/.ready
# The first Python on this machine that is new enough and whole (Debian keeps venv in a package of its own).
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# How much of the random suites `make test` runs; `make soak` runs all.
HOLDFAST_SEEDS ?= 2000
HOLDFAST_KILLS ?= 40
# All processors: xdist's own "auto" counts cores, and finds half of them on many virtual machines.
PYTEST_PARALLEL := -n logical --dist worksteal
export HOLDFAST_SEEDS HOLDFAST_KILLS

.PHONY: help run test test-covered test-random test-timed check lint types layers fresh docs proofs bench soak gen lock audit clean

help:                    ## list these words
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

run: $(READY)            ## start a node on examples/quickstart, with its live view
	$(BIN)/holdfast up examples/quickstart

test: test-covered test-random test-timed   ## all tests, a part of the random ones, coverage gates

check: lint types layers fresh docs         ## lint, types, import layers, generated files fresh, docs complete

bench: $(READY)          ## measure side by side with the neighbours; writes build/bench.json
	$(BIN)/python -m tests.bench

soak: HOLDFAST_SEEDS = 100000
soak: HOLDFAST_KILLS = 200
soak: test-random        ## the random suites at full length

gen: $(READY)            ## write the generated files anew: schemas, reference pages
	$(BIN)/python -m tests.checks.generate

lock:                    ## resolve the dependencies anew into requirements.lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet pip-tools
	build/lock/bin/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' > build/dev.in
	CUSTOM_COMPILE_COMMAND="make lock" build/lock/bin/pip-compile --quiet --upgrade --generate-hashes \
		--strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--no-emit-options --output-file requirements.lock pyproject.toml build/dev.in

audit:                   ## hold the locked dependencies against known weaknesses; asks pypi.org
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	build/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

clean:                   ## remove what these words made, node state aside
	rm -rf .venv build dist .hypothesis .ruff_cache .coverage*

# ------------------------------------------------------------------------------------------------------

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "no whole Python 3.11 or later here (on Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "setting up .venv with $(PYTHON), a minute the first time"
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Coverage traces each line, which doubles the time of the long suites and spoils measured ones: they run after.
test-covered: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_PARALLEL) -m "not random and not timed"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage json --quiet
	$(BIN)/python -m tests.checks.coverage_gates

test-random: $(READY)
	$(BIN)/pytest $(PYTEST_PARALLEL) -m random

test-timed: $(READY)
	$(BIN)/pytest -m timed

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports --no-logo

fresh: $(READY)
	$(BIN)/python -m tests.checks.generate --check

docs: $(READY)
	$(BIN)/python -m tests.checks.docs

proofs: $(READY)         ## each requirement has a test, each test's requirement exists
	$(BIN)/python -m tests.checks.requirements
