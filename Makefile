# Every target installs what it needs into VENV.
VENV ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: dev test lint bench coverage mutants memcheck
dev: $(VENV)/installed
test: dev
	python -m pytest
	python -m pytest --doctest-modules lrcore
lint: dev
	ruff check && ruff format --check && mypy && python -m mypy.stubtest --ignore-missing-stub --mypy-config-file pyproject.toml lrcore._core
	cython-lint src && clang-format --dry-run -Werror src/*/*.[ch] benchmarks/peers/*.c
bench: dev  # for example: make bench ASV="--quick --bench Step"
	cd benchmarks && asv machine --yes >/dev/null && asv check --python=same && asv run --python=same $(ASV)
coverage: dev
	python tests/tools/coverage_report.py $(COVERAGE)
mutants: dev  # for example: make mutants MUTANTS="--files step/step.c --sample 50"
	nice python tests/tools/mutants.py $(MUTANTS)
memcheck: dev
	python -P tests/tools/memcheck.py $(MEMCHECK)

$(VENV)/bin/python:
	python3 -m venv $(VENV)
$(VENV)/installed: $(VENV)/bin/python pyproject.toml CMakeLists.txt $(wildcard src/*/*)
	$(VENV)/bin/pip install -q -e '.[test,lint,bench,coverage]'
	touch $@
