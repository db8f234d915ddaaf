# make demo   a whole call on this machine: two participants, slides, a recording that is judged
# make test   everything the tests need, then all of them
#             (ARGS="tests/engine -k sdp": some of them)
# make quick  the tests without real media and without a browser
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

CLIENT := tests/interop

.PHONY: demo test check pytest quick docs system client clean

demo: $(VENV)/.installed
	@$(BIN)/pexrtc demo $(ARGS)

test:
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target system client check
	@$(MAKE) --no-print-directory pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

pytest: $(VENV)/.installed-test
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest -m "not timed" --numprocesses auto --maxprocesses 8 --dist loadfile
	$(BIN)/python -m pytest -m timed
else
	$(BIN)/python -m pytest $(ARGS)
endif

quick: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not live" $(ARGS)

docs: $(VENV)/.installed-test
	$(BIN)/python -m tests.api_table

system:
	@sh tests/system-packages.sh

client: $(CLIENT)/node_modules/.installed

$(CLIENT)/node_modules/.installed: $(CLIENT)/package-lock.json | system
	@echo "Installing the vendor's client into $(CLIENT)/node_modules ..."
	@npm ci --prefix $(CLIENT) --prefer-offline --loglevel=error >/dev/null
	@touch $@

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Run: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 3; }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	@echo "Installing pexrtc-py into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.created pyproject.toml
	@echo "Installing pexrtc-py and what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) $(CLIENT)/node_modules dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis
