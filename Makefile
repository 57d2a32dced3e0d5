# Thin on purpose: every target hands over to tools/, which needs nothing but Python's standard library.
# Works with GNU make 3.81 (macOS). Another interpreter: make PYTHON=/path/to/python3.12 demo

# Prints the first interpreter of the list $(1) that runs and is new enough.
first_python = $(shell for name in $(1); do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then command -v "$$name"; break; fi; done)

ifndef PYTHON
PYTHON := $(call first_python,python3.13 python3.12 python3.11 python3 python)
endif
# The lowest TensorFlow has no wheels for Python 3.13.
LOWEST_PYTHON ?= $(or $(call first_python,python3.11 python3.12),$(PYTHON))

run = @$(if $(1),"$(1)" -m tools.$(2),echo "This needs Python 3.11 or newer, and none was found. \
Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12) \
or name it: make PYTHON=/path/to/python3 $@" >&2; exit 1)

.PHONY: help demo test test-lowest bench notebooks docs js lint clean

help:
	@echo "make demo         set up, run the quickstart once, show its result, start JupyterLab on it"
	@echo "make test         every test: Python, JavaScript, real browser; linters and types too"
	@echo "make test-lowest  the Python tests on the oldest versions that are allowed"
	@echo "make bench        opening, splitting, planning and drawing against what others do"
	@echo "make notebooks    every tutorial in full"
	@echo "make docs         the documentation, into build/docs"
	@echo "make js           build the JavaScript bundle in place"
	@echo "make lint         linters and types only"
	@echo "make clean        remove everything that the targets above made"

demo:
	$(call run,$(PYTHON),make demo)

test:
	$(call run,$(PYTHON),make test)

test-lowest:
	$(call run,$(LOWEST_PYTHON),make test-lowest)

bench:
	$(call run,$(PYTHON),make bench)

notebooks:
	$(call run,$(PYTHON),make notebooks)

docs:
	$(call run,$(PYTHON),make docs)

js:
	$(call run,$(PYTHON),make js)

lint:
	$(call run,$(PYTHON),make lint)

clean:
	rm -rf .venv .venv-lowest build dist js/node_modules benchmarks/peers/node_modules .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find kerassplit_widget tests tools benchmarks docs -type d -name __pycache__ -prune -exec rm -rf {} +
