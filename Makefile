# `make` alone prints the targets. Every target makes its own environment (.venv) first; PY=python uses another one.
PROFILE ?= mini
JOBS ?= 2
REPORTS_DIR ?= reports
export DATA LISTS VALIDATION EXECUTOR DATA_DIR RUNS_DIR REPORTS_DIR WEIGHTS_DIR WEIGHTS_STAND_INS

# Two notebooks side by side gain only when each keeps to its own core; profiles fix torch's threads for the same results
# to the bit.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM = false
# glibc would hand each large tensor back to the system and fetch its pages anew: half of CLIP-lite's time to answer
export MALLOC_MMAP_MAX_ ?= 0
export MALLOC_TRIM_THRESHOLD_ ?= 1000000000
# Without its compiled files each process would compile torch and the rest anew, eight seconds of work
unexport PYTHONDONTWRITEBYTECODE
# the outermost make's number: what it starts ends with it, however it ends (yogalib.processes)
export YOGALIB_ENDS_WITH := $(shell echo $$PPID)
# Debian's and conda's pythons must not lend their packages to ours
export PYTHONNOUSERSITE = 1

VENV = .venv
UV = env VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip
TORCHES = $(shell grep -oE '^torch(vision)?==[0-9.]+' requirements.lock)
# what only torch's build for NVIDIA cards needs; nvidia-ml-py is ours, and asks after such a card
CUDA = ^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-ln-z][a-z0-9-]*)==
NVIDIA = command -v nvidia-smi || test -e /proc/driver/nvidia/version || test -e /dev/dxg
ifdef TORCH
$(VENV)/.ready: FORCE
endif
ifeq ($(origin PY), undefined)
PY = $(VENV)/bin/python
SETUP = $(VENV)/.ready
endif

NAME = $(notdir $(basename $(PROFILE)))
BUILD = $(REPORTS_DIR)/.build/$(NAME)
NOTEBOOKS = $(basename $(notdir $(wildcard notebooks/0[1-9]_*.ipynb notebooks/1[0-9]_*.ipynb)))
# the longest first, so that none is left to run alone at the end
LONGEST = 05_fine_tuning 07_yolo_benchmark 04_hyperparameters 09_beyond 06_frugality
PAGES = $(patsubst %,$(BUILD)/%.html,$(LONGEST) $(filter-out $(LONGEST),$(NOTEBOOKS)))
SUMMARY = $(BUILD)/08_summary.html
REPORT = $(REPORTS_DIR)/$(NAME)/summary.json

.DEFAULT_GOAL = help
.PHONY: FORCE help setup reproduce runs plan rehearse report test test-full lab pretrain pretrain-lite pretrain-yolo bench doctor lock lint clean
.DELETE_ON_ERROR:

help:  ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(SETUP)  ## make the environment in .venv   [TORCH=gpu or cpu; without, whichever suits this machine]
$(VENV)/.ready: requirements.lock pyproject.toml
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@small=$$(test "$$(uname)" = Linux || exit 0; case "$(TORCH)" in gpu) ;; cpu) echo yes;; *) ($(NVIDIA)) >/dev/null 2>&1 || echo yes;; esac); \
	 if test "$$small" && UV_HTTP_RETRIES=0 timeout 20 $(UV) install --quiet --dry-run --reinstall --no-deps --torch-backend cpu $(TORCHES) 2>/dev/null; then \
	   awk '/^[a-z]/ {kept = $$0 !~ /$(CUDA)/} kept' requirements.lock >$(VENV)/cpu.lock; \
	   $(UV) sync --quiet $(VENV)/cpu.lock && $(UV) install --quiet --no-deps --torch-backend cpu $(TORCHES); \
	 else \
	   test -z "$$small" || echo "setup: PyTorch's index, which has torch without CUDA, can't be reached: installing torch with it, 4.5 GB more"; \
	   $(UV) sync --quiet $$(ls -d $(VENV)/lib/python*/site-packages/torch-*+cpu.dist-info >/dev/null 2>&1 && \
	     echo --reinstall-package torch --reinstall-package torchvision) requirements.lock; \
	 fi
	@$(UV) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

reproduce: $(SETUP)  ## run the study and write reports/<profile>/index.html   [PROFILE=mini DATA=folder VALIDATION=folder JOBS=2 EXECUTOR=ray]
	@$(PY) -m yogalib prepare "$(PROFILE)"
	@if $(MAKE) --question --no-print-directory report; \
	 then echo "nothing to do: $(REPORTS_DIR)/$(NAME)/index.html is up to date"; \
	 else $(if $(EXECUTOR),$(PY) -m yogalib runs "$(PROFILE)" &&) $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,--jobs=$(JOBS)) \
	      YOGALIB_ENDS_WITH=$(YOGALIB_ENDS_WITH) report; fi

runs: $(SETUP)  ## make the study's runs alone, for the notebooks to find   [PROFILE=mini DATA=folder EXECUTOR=local or ray]
	@$(PY) -m yogalib prepare "$(PROFILE)"
	@$(PY) -m yogalib runs "$(PROFILE)"

plan: $(SETUP)  ## say what a profile would run and what it would take   [PROFILE=paper]
	@$(PY) -m yogalib plan "$(PROFILE)"

rehearse: $(SETUP)  ## run a whole profile in minutes, on drawn images and small random networks   [PROFILE=paper]
	@words=$$($(PY) -m yogalib rehearse "$(PROFILE)") && \
	 eval "$(MAKE) --no-print-directory YOGALIB_ENDS_WITH=$(YOGALIB_ENDS_WITH) reproduce $$words"

report: $(REPORT)
$(REPORT): $(PAGES)
	@$(PY) -m yogalib publish "$(PROFILE)"
$(SUMMARY): $(filter-out $(SUMMARY),$(PAGES))
# <notebook>.inputs holds a hash of code, profile, data and notebook; `prepare` touches it only when the hash changes
$(PAGES): $(BUILD)/%.html: $(BUILD)/%.inputs
	@exec $(PY) -m yogalib notebook $* "$(PROFILE)"
$(BUILD)/%.inputs: ;

test: $(SETUP)  ## run the tests
	@$(PY) -m pytest -m "not slow" --numprocesses=auto --dist=loadfile

test-full: $(SETUP)  ## run the tests, the slow ones too
	@$(PY) -m pytest --numprocesses=auto --dist=loadfile

lab: $(SETUP)  ## open JupyterLab, first on 00_try_it, which asks a finished run about a picture   [DATA=folder]
	@env -u YOGALIB_ENDS_WITH JUPYTER_CONFIG_PATH="$(CURDIR)/notebooks/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	  $(PY) -m jupyter lab --notebook-dir=notebooks --LabApp.default_url=/lab/tree/00_try_it.ipynb

pretrain: $(SETUP)  ## pre-train CLIP-mini anew (about an hour and a half on two cores)
	@$(PY) -m yogalib pretrain

pretrain-lite: $(SETUP)  ## pre-train CLIP-lite anew (about two hours of one core)
	@$(PY) -m yogalib pretrain-lite

pretrain-yolo: $(SETUP)  ## pre-train a small YOLOv8-cls on the same drawn bodies anew (about half an hour of one core)
	@$(PY) -m yogalib pretrain-yolo

bench: $(SETUP)  ## compare our speed with the naive loop's, side by side
	@$(PY) -m yogalib bench

doctor: $(SETUP)  ## say which profiles can run here, and what mends the others   [DATA=folder]
	@$(PY) -m yogalib doctor

lock: $(SETUP)  ## renew requirements.lock from pyproject.toml
	@$(VENV)/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --output-file requirements.lock

lint: $(SETUP)  ## check style (ruff) and that each folder imports only what stands above it (import-linter)
	@$(PY) -m ruff check && $(PY) -m ruff format --check
	@$(PY) -c "from importlinter.cli import lint_imports_command as lint; lint()"

FORCE:

clean:  ## remove everything that was made: environment, data, runs, unpublished pages
	@rm -rf $(VENV) data runs $(REPORTS_DIR)/.build
