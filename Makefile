# Two commands are enough: `make run` and `make test`.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz format lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(STAMP) ## set up what is missing, start the whole platform, stop with Ctrl-C
	@scripts/setup broker
	@$(BIN)/dayuan run

test: $(STAMP) check ## set up what is missing, lint, type-check, and run every test
	@scripts/setup broker influxdb postgres browser serial window
	@DAYUAN_REQUIRE_SERVERS=1 $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST)

check: $(STAMP) ## lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fuzz: $(STAMP) ## fuzz the decoders, each for FUZZ seconds (60)
	@$(BIN)/pip install --quiet atheris
	@$(BIN)/python -m tests.fuzz all $(or $(FUZZ),60)

format: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(STAMP) ## pin the newest versions that fit pyproject.toml, with hashes and without addresses
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra server --extra postgres --extra grafana --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --no-header --quiet -o requirements.lock

clean: ## remove what was set up and all local data
	@rm -rf $(VENV) .tools var

$(STAMP): pyproject.toml requirements.lock scripts/setup
	@scripts/setup python
	@touch $@
