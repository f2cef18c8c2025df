# SPDX-License-Identifier: Apache-2.0
# The one place that says how this project is set up, run and checked.
# tox.ini and .ci/run call these targets; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN ?= $(VENV)/bin
EXTRAS := kwapi,climate,web,osc,fast,mysql,postgresql
# What `make test` and `make test-openstack` run, in this order.  The tests come last: their
# summary ends the output.
STAGES ?= setup lint mypy samples docs releasenotes tests
OPENSTACK_STAGES ?= setup nova nova-older integration
# Two workers: the machine CI runs on has two cores.
WORKERS ?= 2
# How many examples, trials and combinations: quick, ci or thorough, see tests/depth.py.
DEPTH ?= quick
PYTEST ?= $(BIN)/python -m pytest
# xdist takes the largest groups first, then tests one by one: short ones last, so that no
# worker ends long before the other.
PARALLEL = $(PYTEST) --depth $(DEPTH) -n $(WORKERS) --dist loadgroup \
	tests/devstack tests/functional tests/unit

# What must be there first. tox, which sets up its own environments, empties both.
RUNTIME ?= $(VENV)/.runtime
TOOLS ?= $(VENV)/.tools
SERVERS ?= $(VENV)/.servers

# pbr asks git for the version; a tree that is no clone has none to tell.
ifeq ($(shell git rev-parse --git-dir 2>/dev/null),)
export PBR_VERSION ?= 0.0.0
endif

.PHONY: help run test test-thorough test-openstack test-install setup lint format mypy unit \
	functional tests cover nova nova-older integration samples docs screenshot releasenotes bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME)  ## run everything in one process; ARGS="--config-file ..." is passed on
	@exec $(BIN)/kwapi-climate $(ARGS)

test:  ## all that CI checks, except what needs a real OpenStack
	@tools/stages $(STAGES)

test-thorough:  ## the same with all examples, trials and combinations; takes hours
	@DEPTH=thorough tools/stages $(STAGES)

test-openstack:  ## tests in three releases of Nova, and against a real OpenStack
	@tools/stages $(OPENSTACK_STAGES)

test-install: $(TOOLS)  ## the installation pages, followed on a fresh Debian; as root
	@bash tests/install/run $(ARGS)

setup: $(TOOLS) $(SERVERS)  ## install what tests need; every target does so by itself
	@:

lint: $(TOOLS)  ## style, mistakes, imports, sizes of commits; BASE=main fails for a large one
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 allinone climate energybase energyclient kwapi nova_ext tests benchmarks doc setup.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/commit_sizes.py $(if $(BASE),--base $(BASE))

format: $(TOOLS)  ## rewrite the sources in the style that lint wants
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

mypy: $(TOOLS)  ## types, strictly
	$(BIN)/mypy allinone climate energybase energyclient kwapi nova_ext

unit: $(TOOLS)  ## tests that need no server
	$(PYTEST) --depth $(DEPTH) tests/unit $(ARGS)

functional: $(TOOLS) $(SERVERS)  ## tests with a real RabbitMQ, MariaDB, PostgreSQL and snmpd
	$(PYTEST) --depth $(DEPTH) tests/functional $(ARGS)

tests: $(TOOLS) $(SERVERS)  ## unit, functional and devstack tests, on all workers
	$(PARALLEL) $(ARGS)

cover: $(TOOLS) $(SERVERS)  ## the same with coverage, which takes half as long again
	$(PARALLEL) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(ARGS)

nova:  ## nova_ext in an environment of the present Nova
	@PYTHON=$(PYTHON) bash tests/nova/run $(ARGS)

nova-older:  ## nova_ext in environments of the two Novas before
	@PYTHON=$(PYTHON) bash tests/nova/run --release older $(ARGS)

integration: $(TOOLS) $(SERVERS)  ## tests against a real OpenStack
	@bash tests/integration/run $(ARGS)

samples: $(TOOLS)  ## configuration and policy samples, wattmeters' tables: from the code
	$(BIN)/oslo-config-generator --config-file etc/kwapi/config-generator.conf
	$(BIN)/oslopolicy-sample-generator --config-file etc/kwapi/policy-generator.conf
	$(BIN)/oslo-config-generator --config-file etc/climate/config-generator.conf
	$(BIN)/oslopolicy-sample-generator --config-file etc/climate/policy-generator.conf
	$(BIN)/oslo-config-generator --config-file etc/nova/config-generator.conf
	$(BIN)/oslo-config-generator --config-file etc/ceilometer/config-generator.conf
	$(BIN)/python tools/driver_tables.py

docs: $(TOOLS)  ## doc/build/html, without warnings
	$(BIN)/sphinx-build -W --keep-going -q -b html doc/source doc/build/html

screenshot: $(TOOLS) $(SERVERS)  ## the README's picture of the web pages, made by a test
	$(PYTEST) tests/functional/test_pages.py -k screenshot
	cp build/pages.png doc/source/_static/pages.png

releasenotes: $(TOOLS)  ## check the release notes
	@if git rev-parse -q --verify HEAD >/dev/null 2>&1; then $(BIN)/reno lint; \
	else echo "Not checked: reno reads the notes out of git's history, and there is none."; fi

bench: $(TOOLS) $(SERVERS)  ## the benchmarks, each beside its baseline
	$(BIN)/python -m benchmarks.snmp_polling
	$(BIN)/python -m benchmarks.store_save
	$(BIN)/python -m benchmarks.bus flat
	$(BIN)/python -m benchmarks.get_probes
	$(BIN)/python -m benchmarks.rrd_writing
	$(BIN)/python -m benchmarks.ceilometer_polling
	$(BIN)/python -m benchmarks.modbus_polling
	$(BIN)/python -m benchmarks.ipmi_polling
	$(BIN)/python -m benchmarks.snmp_scale
	$(BIN)/python -m benchmarks.many_wattmeters
	$(BIN)/python -m benchmarks.planning --blazar
	$(BIN)/python -m benchmarks.lease_api
	$(BIN)/python -m benchmarks.inventory
	$(BIN)/python -m benchmarks.ranking
	$(BIN)/python -m benchmarks.pages
	PYTHON=$(PYTHON) bash tests/nova/run --install
	OS_NOVA_DISABLE_EVENTLET_PATCHING=true build/nova-34/bin/python -m benchmarks.scheduler

clean:  ## remove all that was made, .venv too
	rm -rf .venv .tox build dist doc/build *.egg-info .coverage .coverage.*
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- set-up
# A stamp is newer than all that it was made from, so nothing is installed twice.

$(VENV)/bin/pip:
	@PYTHON=$(PYTHON) tools/make-venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/pip setup.cfg setup.py pyproject.toml requirements.txt constraints.txt
	@echo "Installing kwapi-climate into $(VENV); this takes a minute the first time."
	$(BIN)/pip install -qq -c constraints.txt -e ".[$(EXTRAS)]"
	@command -v rrdtool >/dev/null || tools/apt-install rrdtool || \
		echo "Going on without rrdtool: there will be no web pages."
	@touch $@

$(VENV)/.tools: $(VENV)/.runtime test-requirements.txt doc/requirements.txt
	@echo "Installing what the tests need into $(VENV)."
	$(BIN)/pip install -qq -c constraints.txt -r test-requirements.txt -r doc/requirements.txt
	@touch $@

$(VENV)/.servers: $(VENV)/.tools bindep.txt
	@BIN=$(BIN) tools/install-packages test
	@touch $@
