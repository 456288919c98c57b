# `make` alone lists the commands. Nothing is needed but Python 3.11 or newer; another one: `make test PYTHON=python3.13`.

PYTHON ?= python3
# The sample that `make run` serves.
APP ?= first
# Where `make emulator` serves, and `make run` where it is given.
PORT ?= 4566
# How many processes share the tests; 0 runs them in one.
WORKERS ?= auto
# More words for pytest, as in `make test ARGS="-k binding"`.
ARGS ?=

VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST := pytest -n $(WORKERS) $(ARGS)
# What the tests start that is no Python package: the name of the program is that of its Debian package, but for one.
TOOLS := chromium chromedriver curl fish git make wrk zsh

.PHONY: help run emulator test test-all check lint coverage parity format bench screenshots clean tools
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' Makefile

run: $(VENV)/.run ## serve samples/docs/tech/first.py on http://127.0.0.1:5000, or another: APP=simple PORT=8000
	@cd samples/docs && exec "$(CURDIR)/$(BIN)/cws" -A $(APP) -p tech run $(if $(filter file,$(origin PORT)),,--port $(PORT))

emulator: $(VENV)/.run ## an AWS on http://127.0.0.1:4566 for `cws deploy --local`; another port: PORT=4567
	@exec $(BIN)/python scripts/emulator --port $(PORT) --bin $(BIN)

test: $(VENV)/.dev ## run the tests; one that lacks a tool is skipped, and says so
	$(BIN)/python -m $(PYTEST)

test-all: tools ## run the tests with every tool, installing those that are missing
	CWS_TEST_ALL=1 $(MAKE) --no-print-directory test

check: lint coverage ## lint, types, import contracts, and the tests with 100 % coverage

lint: $(VENV)/.dev ## the part of check that runs no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

coverage: $(VENV)/.dev ## the tests, and every line and branch of coworks_async run by them
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

parity: $(VENV)/.dev ## the contract over every transport, and deployed, as a table
	@# A file stays in one process, so that what is deployed is deployed once.
	CWS_TEST_ALL=1 $(BIN)/python -m pytest -p tests.parity -n $(WORKERS) --dist loadfile -q -rfE

format: $(VENV)/.dev ## put the code in the project's form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure against Starlette, FastAPI and raw ASGI (needs wrk)
	$(BIN)/python benchmarks/http.py
	$(BIN)/python benchmarks/inprocess.py
	$(BIN)/python benchmarks/aws.py

# Pictures of a page have few colours, which it makes small.
screenshots: TOOLS += pngquant
screenshots: tools $(VENV)/.dev ## take the pictures of the page of Admin for docs/img, and measure its first load
	$(BIN)/python scripts/screenshots

clean: ## remove what these commands made
	rm -rf .venv .venv-* .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		build dist
	find benchmarks coworks_async samples tests -name __pycache__ -type d -prune -exec rm -rf {} +

tools: ## install what tests start that is no Python package
	@missing=; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "Missing:$$missing. Install them, then run this again." >&2; exit 1; }; \
	missing=$$(echo "$$missing" | sed s/chromedriver/chromium-driver/); \
	echo "Installing with apt-get:$$missing"; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo apt-get install -qq --yes --no-install-recommends $$missing

# A stamp tells when an install ended, so that the next command starts at once unless pyproject.toml is newer.
$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "Installing CoWorks Async and what it runs on in $(VENV)"
	@$(PIP) --editable '.[admin,profiler,standard,xray]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing what tests and checks need in $(VENV)"
	@# The pip that Python 3.11 brings knows no dependency groups.
	@$(PIP) 'pip>=25.1'
	@$(PIP) --group dev
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or older than Python 3.11: name another, as in PYTHON=python3.13" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make environments: install its venv module (Debian: python3-venv)" >&2; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
