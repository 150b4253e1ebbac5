# One command for each habit. CI (.ci/run) calls the same ones.
# uv is used where it is on PATH; otherwise venv and pip. The locked versions are the same either way.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# The first interpreter that is new enough: `python3` is older than 3.11 on some machines.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

PYTEST_ARGS ?=
PROCESSES ?= auto
BENCH_ARGS ?=
DEMO_ARGS ?=
MINUTES ?= 4
SEED ?= 7
SECONDS_EACH ?= 60
ATHERIS := atheris==3.0.0
DCLINT := dclint@3.1.0
CORE_TESTS := tests/models tests/fuzz/test_refused.py

ifdef UV
make_venv = [ -x $(BIN)/python ] || uv venv --quiet $(if $(PYTHON),--python $(PYTHON)) $(VENV)
install = uv pip install --quiet --python $(BIN)/python
else
make_venv = [ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
# Unlike uv, pip compiles every module by default: half of its time, for modules that nobody imports.
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
endif

# $(call install_locked,demo): the lock is complete, so no resolver runs and every file is checked by
# hash. The project itself is then built by the locked backend.
define install_locked
	@$(make_venv)
	@echo "Installing requirements/$(1).lock with $(if $(UV),uv,pip) ..."
	@$(install) --require-hashes --no-deps -r requirements/$(1).lock
	@$(install) --no-deps --no-build-isolation -e .
endef

.PHONY: help setup demo test check lint types coverage compose manifests bench bench-affinity bench-alerts bench-replay bench-rules bench-science bench-throughput bench-lookups bench-freshness bench-timers bench-soak bench-memory bench-scaling chaos contracts dashboards fuzz docs rules sbom lock clean python

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev-ok  ## .venv with everything a developer needs, from requirements/dev.lock

demo: $(VENV)/.demo-ok  ## a year of real purchases through an embedded broker and store
	@$(BIN)/segmenter demo $(DEMO_ARGS)

# Each process has servers of its own, so the tests of a file stay together; tests/conftest.py says in
# which order files are taken.
test: $(VENV)/.dev-ok  ## the whole test suite (PYTEST_ARGS="-k lifecycle" narrows it, PROCESSES=0 debugs)
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: lint types coverage compose contracts  ## style, types, coverage of models/, contracts, Dockerfile and compose linters

lint: $(VENV)/.dev-ok
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/hadolint deploy/Dockerfile

types: $(VENV)/.dev-ok
	@$(BIN)/mypy

# The core is covered by its own tests, without the shell's help. Fewer examples than `make test`
# draws are enough to see which lines run.
coverage: $(VENV)/.dev-ok
	@EXAMPLES=10 $(BIN)/python -m pytest --quiet --numprocesses=$(PROCESSES) --cov=models --cov-branch --cov-fail-under=95 $(CORE_TESTS)

compose:
	@command -v npx >/dev/null || { echo >&2 "make check needs npx (Node.js 20 or newer) for the compose linter $(DCLINT)"; exit 1; }
	@npx --yes $(DCLINT) --max-warnings 0 docker-compose.yml

contracts: $(VENV)/.dev-ok  ## AsyncAPI against its published schema; what has changed since the last release
	@command -v npm >/dev/null || { echo >&2 "make check needs npm for AsyncAPI's published schema"; exit 1; }
	@$(BIN)/python tools/check_asyncapi.py
	@$(BIN)/python tools/compare_contracts.py

# The rendered manifests are committed; where kubectl is, a test holds that they are those.
manifests:  ## render deploy/kustomize (needs kubectl or kustomize)
	@for overlay in dev production production-secured; do \
		$(if $(shell command -v kustomize),kustomize build,kubectl kustomize) deploy/kustomize/overlays/$$overlay \
			> deploy/kustomize/rendered/$$overlay.yaml; done

bench: $(VENV)/.dev-ok  ## lifecycle shares over the real path, beside the expected ones; what rules cost
	@$(BIN)/python -m bench.lifecycle_shares $(BENCH_ARGS)
	@$(BIN)/python -m bench.rules

bench-rules: $(VENV)/.dev-ok  ## what a hundred rule segments cost an event
	@$(BIN)/python -m bench.rules $(BENCH_ARGS)

bench-replay: $(VENV)/.dev-ok  ## a year of real purchases replayed: one core, two, two policies, memory
	@$(BIN)/python -m bench.replay $(BENCH_ARGS)

bench-science: $(VENV)/.dev-ok  ## churn risk, clusters and value on real data, beside their references (long)
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.science $(BENCH_ARGS)

bench-alerts: $(VENV)/.dev-ok  ## how early alerts come, beside a fixed number of days (some minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.alerts_lead $(BENCH_ARGS)

bench-affinity: $(VENV)/.dev-ok  ## what is bought together: time and memory; how well the next category and lookalikes are told
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.affinity $(BENCH_ARGS)

bench-throughput: $(VENV)/.dev-ok  ## records a second of one worker, beside Faust, Quix Streams and a hand-written agent
	@$(BIN)/python -m bench.throughput $(BENCH_ARGS)

bench-lookups: $(VENV)/.dev-ok  ## lookups a second over HTTP, beside a bare aiohttp handler
	@$(BIN)/python -m bench.lookups $(BENCH_ARGS)

bench-freshness: $(VENV)/.dev-ok  ## from a purchase in Kafka until it is in Redis, and a lookup shows it, under load
	@$(BIN)/python -m bench.freshness $(BENCH_ARGS)

bench-timers: $(VENV)/.dev-ok  ## 50,000 of a million deadlines at one midnight, beside a poller
	@$(BIN)/python -m bench.timers $(BENCH_ARGS)

bench-soak: MINUTES = 60
bench-soak: $(VENV)/.dev-ok  ## latency, memory and files at half of what the machine takes (MINUTES=60)
	@$(BIN)/python -m bench.soak --minutes $(MINUTES) $(BENCH_ARGS)

bench-memory: $(VENV)/.dev-ok  ## what a customer takes in Redis, all keys counted; Redis' time for an event
	@$(BIN)/python -m bench.memory $(BENCH_ARGS)

bench-scaling: $(VENV)/.dev-ok  ## past one machine: skew, learning with 1,024 partitions, what gives way first (7 GB)
	@$(BIN)/python -m bench.scaling $(BENCH_ARGS)

chaos: $(VENV)/.dev-ok  ## faults against real processes, then the comparison with the log (MINUTES=4 SEED=7)
	@$(BIN)/python -m chaos --minutes $(MINUTES) --seed $(SEED)

# Not in the lock: it has wheels for Linux on x86-64 only.
fuzz: $(VENV)/.dev-ok  ## every reader of bytes against libFuzzer (SECONDS_EACH=60)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(install) $(ATHERIS)
	@$(BIN)/python -m tests.fuzz.long --seconds $(SECONDS_EACH)

docs: $(VENV)/.dev-ok  ## the documentation site into build/site, and its generated parts and pictures anew
	@$(BIN)/python tools/render_docs.py
	@$(BIN)/python tools/pictures.py
	@$(BIN)/python -m sphinx --builder html --quiet --fresh-env --fail-on-warning --keep-going \
		--conf-dir docs --doctree-dir build/doctrees . build/site
	@echo "build/site/index.html"

dashboards: $(VENV)/.dev-ok  ## Grafana's dashboards, generated
	@$(BIN)/python tools/dashboards.py

rules:  ## the alert rules, on tests of their own (needs promtool)
	@promtool check rules deploy/prometheus/segmenter.rules.yml
	@promtool test rules deploy/prometheus/tests/*.yml

sbom: $(VENV)/.dev-ok  ## what is installed to run, as CycloneDX: deploy/sbom.cdx.json
	@$(BIN)/python tools/sbom.py

# dev.lock first: the smaller locks are cut from it, so one version of a package serves everywhere.
# Pins stay where they can; `make lock UPGRADE=1` moves them.
UV_COMPILE = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock:  ## regenerate requirements/*.lock from pyproject.toml (needs uv; UPGRADE=1 moves the pins)
	@command -v uv >/dev/null || { echo >&2 "make lock needs uv: pip install uv"; exit 1; }
	@$(UV_COMPILE) --group build --extra dev --output-file requirements/dev.lock
	@$(UV_COMPILE) --group build --extra demo --constraints requirements/dev.lock --output-file requirements/demo.lock
	@$(UV_COMPILE) --constraints requirements/dev.lock --output-file requirements/runtime.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
		--constraints requirements/dev.lock --group build --output-file requirements/build.lock

clean:  ## remove .venv and everything generated
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.demo-ok: requirements/demo.lock pyproject.toml | python
	$(call install_locked,demo)
	@touch $@

$(VENV)/.dev-ok: requirements/dev.lock pyproject.toml | python
	$(call install_locked,dev)
	@touch $(VENV)/.demo-ok $@

python:
	@[ -n "$(PYTHON)$(UV)" ] || { echo >&2 "Python 3.11 or newer is needed; none found on PATH."; exit 1; }
