# The targets of each sample. `include ../sample.mk` at the end of its Makefile, after the variables that differ.
# It needs Python 3.11 or newer; choose another one with `make test PYTHON=python3.13`.

PYTHON ?= python3
# The module with the service.
MODULE ?= app
# The extras of CoWorks.
EXTRAS ?= standard
# The port of `make run`; by default that of `cws run`.
PORT ?=

CLONE := ../..
VENV := $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: help test run
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)

test: $(VENV)/.dev ## run the tests of the sample
	$(BIN)/python -m pytest

run: $(VENV)/.run ## serve the sample on http://127.0.0.1:5000; other port: PORT=8000
	@exec $(BIN)/cws -A $(MODULE) run $(if $(PORT),--port $(PORT))

# A stamp file records the last install; the next command installs again only if one of these files is newer.
$(VENV)/.run: Makefile $(wildcard requirements.txt) $(CLONE)/pyproject.toml | $(BIN)/python
	@echo "Installing the sample in $(VENV)"
	@# CoWorks comes from this clone, all else from the index.
	@sed '/^coworks-async/d' $(wildcard requirements.txt) </dev/null >$(VENV)/requirements.txt
	@$(PIP) --editable '$(CLONE)[$(EXTRAS)]' --requirement $(VENV)/requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(PIP) pytest
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or older than Python 3.11; choose another one: PYTHON=python3.13" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
