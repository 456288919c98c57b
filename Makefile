# `make` lists the commands. It needs Python 3.11 or newer; choose another one with `make test PYTHON=python3.13`.

PYTHON ?= python3
# The sample that `make run` serves: a folder of samples/, or a service of samples/docs.
APP ?= first
# The port of `make emulator`, and of `make run` if given.
PORT ?= 4566
# Test processes, at least 4, because many tests wait; 0 runs the tests in one process.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ "$$n" -gt 4 ] && echo "$$n" || echo 4)
# Those of the end-to-end tests, which mostly wait for other programs.
END_TO_END_WORKERS ?= 4
# Further arguments for pytest: `make test ARGS="-k binding"`; of `make lock` for uv: `make lock ARGS=--upgrade`.
ARGS ?=

VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# One lock for all supported versions of Python and all platforms. It contains no URL of an index.
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header
# The extras that `make run` needs for the samples.
EXTRAS := admin profiler standard xray
PYTEST := pytest -n $(WORKERS) $(ARGS)
# Programs that the end-to-end tests start. Each is named as its Debian package, except chromedriver, initdb and node.
TOOLS := chromium chromedriver curl fish git initdb make node npm wrk zsh

.PHONY: help setup run emulator test test-all check lint coverage docs docs-serve parity aws-parity format bench dist lock audit \
	screenshots clean tools
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' Makefile

setup: $(VENV)/.dev ## create the environment with all tools for development, and add the checks to `git commit`
	$(BIN)/pre-commit install

ifneq ($(wildcard samples/$(APP)/tech/app.py),)
run: # a project, which has an environment with its own requirements
	@$(MAKE) --no-print-directory -C samples/$(APP) run
else
run: $(VENV)/.run ## serve samples/docs/tech/first.py on http://127.0.0.1:5000; others: APP=simple APP=website PORT=8000
	@cd samples/docs && exec "$(CURDIR)/$(BIN)/cws" -A $(APP) -p tech run $(if $(filter file,$(origin PORT)),,--port $(PORT))
endif

emulator: $(VENV)/.run ## start an AWS emulator on http://127.0.0.1:4566 for `cws deploy --local`; other port: PORT=4567
	@exec $(BIN)/python scripts/emulator --port $(PORT) --bin $(BIN)

test: $(VENV)/.dev ## run the tests that start no Terraform, browser, shell or deploy
	$(BIN)/python -m $(PYTEST)

test-all: tools $(VENV)/.dev ## run all tests, with all cases; installs the programs they need
	$(BIN)/python -m $(PYTEST) -m "" --dist loadfile --hypothesis-profile exhaustive

check: lint coverage ## run lint and coverage

lint: $(VENV)/.dev ## check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# Modules of different samples have the same names, such as app.
	for sample in $(patsubst %/tech/app.py,%,$(wildcard samples/*/tech/app.py)); do \
		MYPYPATH=$$sample/tech $(BIN)/mypy $$sample || exit 1; done
	$(BIN)/lint-imports --no-logo

coverage: tools $(VENV)/.dev ## run all tests once; every line and branch of coworks_async must run
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST)
	@# A file stays in one process, so that its tests share what they deploy.
	$(BIN)/coverage run -m pytest -n $(END_TO_END_WORKERS) $(ARGS) -m "end_to_end and not exhaustive" --dist loadfile
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(VENV)/.dev ## build the documentation in site/; any warning is an error
	@# Not the announcement of the theme's authors.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(VENV)/.dev ## serve the documentation on http://127.0.0.1:8000 and rebuild it after each change
	$(BIN)/mkdocs serve --livereload

parity: $(VENV)/.dev ## print how many contract tests pass over each transport and deployed, as a table
	@# A file stays in one process, so that each deploy is made once.
	$(BIN)/python -m pytest -m "" -p tests.parity -n $(WORKERS) --dist loadfile -q -rfE

aws-parity: $(VENV)/.dev ## print this table for a deploy to your AWS account, and destroy it: PROFILE=name BUCKET=name REGION=name
	@[ -n "$(PROFILE)" ] && [ -n "$(BUCKET)" ] || { echo 'Set PROFILE and BUCKET: make aws-parity PROFILE=name BUCKET=name' >&2; exit 1; }
	@$(BIN)/python scripts/aws_parity --profile "$(PROFILE)" --bucket "$(BUCKET)" $(if $(REGION),--region "$(REGION)")

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure against Starlette, FastAPI and raw ASGI (needs wrk)
	$(BIN)/python benchmarks/http.py
	$(BIN)/python benchmarks/inprocess.py
	$(BIN)/python benchmarks/aws.py
	$(BIN)/python benchmarks/native.py
	$(BIN)/python benchmarks/bodies.py

dist: $(VENV)/.dev ## build the sdist and the wheel in dist/, check them and print their hashes
	rm -rf dist
	@# The same commit gives the same bytes: with the locked hatchling, and the commit's date for all files.
	date=$$(git log -1 --format=%ct) && SOURCE_DATE_EPOCH=$$date \
		$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python
	$(BIN)/twine check --strict dist/*
	@$(BIN)/python -m pip hash dist/*

# The packages of `make run` have the same versions in both.
lock: $(VENV)/.run ## write the versions and hashes of all packages to locks/; newer versions: ARGS=--upgrade
	$(BIN)/$(LOCK) --all-extras --group dev --output-file locks/dev.txt $(ARGS)
	$(BIN)/$(LOCK) $(foreach extra,$(EXTRAS),--extra $(extra)) --group build --constraint locks/dev.txt \
		--output-file locks/run.txt $(ARGS)

audit: $(VENV)/.dev ## look for known vulnerabilities in the locked packages
	$(BIN)/python scripts/audit.py

# pngquant reduces the colours, and so the size, of screenshots.
screenshots: TOOLS += pngquant
screenshots: tools $(VENV)/.dev ## take the screenshots of Admin and Profiler in docs/img and measure its first load
	$(BIN)/python scripts/screenshots

clean: ## remove environments, caches and builds
	rm -rf .venv .venv-* .coverage .coverage.* .hypothesis .schemathesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		build dist site samples/*/.venv samples/*/.venv-* samples/*/.pytest_cache
	find benchmarks coworks_async samples tests -name __pycache__ -type d -prune -exec rm -rf {} +

tools: ## install the programs that end-to-end tests start
	@# Debian installs the programs of a PostgreSQL server outside of PATH.
	@for folder in /usr/lib/postgresql/*/bin; do PATH="$$PATH:$$folder"; done; \
	missing=; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "Missing:$$missing. Install them, then run this again." >&2; exit 1; }; \
	missing=$$(echo "$$missing" | sed 's/chromedriver/chromium-driver/; s/initdb/postgresql/; s/\bnode\b/nodejs/'); \
	echo "Installing with apt-get:$$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $$missing

# A stamp file records the last install; the next command installs again only if pyproject.toml or the lock is newer, or
# if another install has replaced the editable one, such as that of a wheel: edits would have no effect.
EDITABLE = $(shell grep -lsE '"editable": ?true' $(VENV)/lib/python*/site-packages/coworks_async-*.dist-info/direct_url.json)

.PHONY: reinstall
reinstall:

$(VENV)/.run: pyproject.toml locks/run.txt $(if $(EDITABLE),,reinstall) | $(BIN)/python
	@echo "Installing CoWorks Async in $(VENV)"
	@$(PIP) --require-hashes --requirement locks/run.txt
	@# With the locked hatchling.
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.run
	@echo "Installing the development tools in $(VENV)"
	@$(PIP) --require-hashes --requirement locks/dev.txt
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or older than Python 3.11; choose another one: PYTHON=python3.13" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot create virtual environments; install its venv module (Debian: python3-venv)" >&2; exit 1; }
	@echo "Creating $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
