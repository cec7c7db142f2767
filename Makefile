# Two commands matter to a newcomer: `make demo` and `make test`. Nothing but git, make and python3-venv is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
TEST_READY := $(VENV)/.test-ready

.PHONY: demo test check bench soak module deb format clean

demo: $(RUN_READY)
	@$(BIN)/pushgate demo $(if $(DEMO_ANSWER),--answer $(DEMO_ANSWER))

test: $(TEST_READY) module
	@$(BIN)/python -m pytest $(PYTEST_OPTIONS)

check: $(TEST_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests benchmarks
	$(BIN)/lint-imports

bench: $(TEST_READY) module
	$(BIN)/python -m benchmarks

soak: $(TEST_READY) module
	$(BIN)/python -m pytest --soak $(PYTEST_OPTIONS)

format: $(TEST_READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

module: $(TEST_READY)
	@if command -v gcc >/dev/null && [ -e /usr/include/security/pam_modules.h ]; then $(MAKE) --no-print-directory -C pam_module; fi

deb: $(RUN_READY)
	@PIP=$(abspath $(BIN)/pip) sh packaging/debian/build.sh

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Hashes come first, our own package afterwards without dependencies: pip refuses hashes for a local folder.
$(RUN_READY): requirements/run.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(TEST_READY): requirements/test.txt requirements/logintc.txt pyproject.toml tests/system/install-debian-packages.sh | $(VENV)/bin/python
	@sh tests/system/install-debian-packages.sh
	$(BIN)/pip install --quiet --require-hashes -r requirements/test.txt
	$(BIN)/pip install --quiet --require-hashes --no-deps --no-build-isolation -r requirements/logintc.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(RUN_READY)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	$(MAKE) -C pam_module clean
