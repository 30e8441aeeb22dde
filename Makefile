# kaozheng: `make help` lists what there is. Everything runs in .venv, which make builds when it is missing or out of date.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
KAOZHENG_PORT ?= 8000
export KAOZHENG_PORT

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@scripts/make-venv "$(PYTHON)" "$(VENV)"

$(VENV)/.runtime: requirements.lock pyproject.toml scripts/install | $(BIN)/python
	@scripts/install "$(VENV)" requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml scripts/install | $(BIN)/python
	@scripts/install "$(VENV)" requirements-dev.lock
	@touch $@ $(VENV)/.runtime

.PHONY: ask
# The question goes to the shell by the environment, as it was typed: quotes, dollars and lines of any kind stay text.
unexport Q LIBRARY
export ASKED := $(value Q)
export FOLDER := $(value LIBRARY)
ask: $(VENV)/.runtime ## answer a question from real pages: make ask Q="..." [LIBRARY=DIR]
	@$(BIN)/python -m workers.cli ask $${FOLDER:+--library "$$FOLDER"} -- \
	  "$${ASKED:-How do I upgrade Debian to the next stable release?}" || [ $$? = 3 ]  # 3: an honest "nothing found"

.PHONY: serve
serve: $(VENV)/.runtime ## run the REST service on KAOZHENG_PORT (8000)
	@$(BIN)/python -m workers.cli serve

.PHONY: test
test: $(VENV)/.dev ## the whole test suite, after make check
	@scripts/debian-packages
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: check
check: $(VENV)/.dev ## lint, types and the rules of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache | tail -n 9

.PHONY: cases
cases: $(VENV)/.dev ## replay a file of attack cases: make cases SUITE=ssrf|injection [FILE=...]
	@$(BIN)/python -m tests.cases.run_$(SUITE) "$(or $(FILE),tests/cases/$(SUITE).jsonl)"

.PHONY: extraction
extraction: $(VENV)/.dev ## measure extraction beside plain trafilatura: make extraction DIR="..."
	@$(BIN)/python -m tests.extraction.run $(DIR)

.PHONY: eval-support
eval-support: $(VENV)/.dev ## measure the judge of citations: make eval-support FILE="..."
	@$(BIN)/python -m tests.evals.support.run $(FILE)

.PHONY: eval-quoting
eval-quoting: $(VENV)/.dev ## measure the quoting reader beside BM25's first sentence: make eval-quoting DIR="..."
	@$(BIN)/python -m tests.evals.quoting.run $(DIR) $(LIMIT)

.PHONY: eval-conflicts
eval-conflicts: $(VENV)/.dev ## pages that disagree, and pages that do not: make eval-conflicts DIR="..." (rgb/ and xquad/ in it)
	@$(BIN)/python -m tests.evals.disagreement $(DIR)

.PHONY: prompts
prompts: $(VENV)/.dev ## hold the fence's laws in 20,000 generated prompts (a few minutes)
	@$(BIN)/python -m tests.agent.generated_prompts 20000

.PHONY: audit
audit: $(VENV)/.dev ## known vulnerabilities, licences and the bill of materials
	@scripts/audit

.PHONY: mutate
mutate: $(VENV)/.dev ## how many planted faults of the guard and the fence the tests catch
	@scripts/mutate

.PHONY: lock
lock: ## write the lock files anew (needs uv)
	@scripts/lock
	@$(BIN)/python scripts/third-party

.PHONY: live
live: $(VENV)/.dev ## the same questions through the real SGLang on a CPU (10 minutes, 1.6 GB)
	@tests/live/run

.PHONY: torture
torture: $(VENV)/.dev ## 5,000 generated tool calls through SGLang's parsers and ours (2 minutes; needs make live's SGLang)
	@PYTHONPATH=. $(BIN)/python -m tests.torture.run $(or $(COUNT),5000)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## 10,000 malformed requests, and schemathesis for longer (a few minutes)
	@KAOZHENG_MALFORMED=10000 KAOZHENG_FUZZ_EXAMPLES=200 $(BIN)/python -m pytest tests/workers/test_malformed.py

.PHONY: contracts
contracts: $(VENV)/.dev ## the dialects against real clients: the installed openai, and openai 2.8 in .venv-openai28
	@test -x .venv-openai28/bin/python || scripts/make-venv "$(PYTHON)" .venv-openai28
	@.venv-openai28/bin/python -c 'import openai; assert openai.__version__ == "2.8.0"' 2>/dev/null \
	  || .venv-openai28/bin/python -m pip install -q --disable-pip-version-check openai==2.8.0
	@$(BIN)/python -m pytest tests/contracts
	@CONTRACT_PYTHON=.venv-openai28/bin/python $(BIN)/python -m pytest -s tests/contracts/test_openai_clients.py

.PHONY: overload
overload: $(VENV)/.dev ## five times more questions than it can answer for a minute, then a stop (2 minutes)
	@PYTHONPATH=. $(BIN)/python -m tests.overload.run

.PHONY: chaos
chaos: $(VENV)/.dev ## a batch while workers, store and model are killed: make chaos [ROUNDS=20] [SEED=1] [LEASE=5] [AT_ONCE=1] (2 minutes each)
	@$(BIN)/python -m tests.chaos_batch.run --rounds "$(or $(ROUNDS),20)" --seed "$(or $(SEED),1)" --lease "$(or $(LEASE),5)" \
		--at-once "$(or $(AT_ONCE),1)" $(if $(BROKER),--worker "tests.chaos_batch.$(BROKER)") --keep

.PHONY: bench
bench: $(VENV)/.dev ## batches on 1, 2 and 4 workers, what the queue adds to a row, what 100,000 rows weigh, what rows near each other spare a model (6 minutes)
	@$(BIN)/python -m tests.bench.run
	@$(BIN)/python -m tests.bench.prefixes

.PHONY: queue-machine
queue-machine: $(VENV)/.dev ## the queue of batches against a model of it: 500 random orders, 34 planted faults (3 minutes)
	@KAOZHENG_QUEUE_EXAMPLES=500 $(BIN)/python -m pytest -q --timeout=1800 tests/workers/batch/test_queue_machine.py

.PHONY: rabbitmq
rabbitmq: $(VENV)/.dev ## the same batch over a real RabbitMQ, a worker killed (installs rabbitmq-server by apt-get when missing)
	@[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || apt-get install -y --no-install-recommends rabbitmq-server
	@$(BIN)/python -m tests.rabbitmq.run

.PHONY: chaos-model
chaos-model: $(VENV)/.dev ## the model server's 16 faults, 500 callers who leave, an outage (a few minutes)
	@$(BIN)/python -m tests.chaos.run

.PHONY: batch
batch: $(VENV)/.dev ## 1,000 good and bad lines through the real openai client (a minute)
	@KAOZHENG_BATCH_LINES=1000 $(BIN)/python -m pytest tests/workers/batch/test_end_to_end.py

.PHONY: slack-chaos
slack-chaos: $(VENV)/.dev ## kill the Slack bot at 20 random moments: nothing lost, nothing said twice (3 minutes)
	@$(BIN)/python -m tests.workers.slack.chaos $(or $(KILLS),20)

.PHONY: slack-bench
slack-bench: $(VENV)/.dev ## 100 questions from Slack at once: acknowledgements, rate tiers (a minute)
	@$(BIN)/python -m tests.workers.slack.bench $(or $(COUNT),100)

.PHONY: transcript
transcript: $(VENV)/.runtime ## write what `make ask` prints into the READMEs
	@PYTHONPATH=. $(BIN)/python scripts/transcript

.PHONY: screenshots
screenshots: $(VENV)/.dev ## take the READMEs' pictures of the web page anew (needs Chromium and a Chinese font)
	@$(BIN)/python -m tests.page.screenshots

.PHONY: page-fuzz
page-fuzz: $(VENV)/.dev ## 5,000 hostile answers put together at random, shown by a real Chromium: make page-fuzz SEED=1
	@KAOZHENG_PAGE_MIXTURES=5000 KAOZHENG_PAGE_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q -s -p no:cacheprovider tests/page/test_hostile.py -k mixtures

.PHONY: page-bench
page-bench: $(VENV)/.dev ## the web page's longest frame in Chromium's trace while 5,000 tokens stream, and its memory (2 minutes)
	@nice $(BIN)/python -m tests.page.bench_stream

.PHONY: clean
clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .chaos .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
