# Two commands on a fresh machine: `make demo` and `make test`. Everything else builds on the same .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# llama.cpp without its tools, server and multimodal parts: only the library is used.
LLAMA_CMAKE := -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF

.PHONY: demo test studio slow bench screenshots readme lint setup constraints demo-models clean

demo: setup
	$(BIN)/arny demo --workspace .demo --open

test: setup
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

studio: setup
	$(BIN)/arny-studio

slow: setup
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --timeout 3600

bench: setup
	$(BIN)/python -m pytest -m benchmark --timeout 3600 -s tests/benchmarks

screenshots: setup
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m arny_studio.ui.screenshots resources/screenshots

readme: setup
	$(BIN)/python packaging/readme_tree.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# From nothing: tokenizer, base, both tiers, model card figures. About 40 minutes on two cores.
demo-models: setup
	$(BIN)/python resources/models/rebuild.py

setup: $(READY)

$(READY): pyproject.toml packaging/constraints.txt packaging/system-packages.txt
	packaging/install-system-packages.sh
	$(PYTHON) -c 'import sys; sys.exit("Arny Studio needs Python 3.11 or newer." if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	CMAKE_ARGS="$(LLAMA_CMAKE)" CMAKE_BUILD_PARALLEL_LEVEL=$$(nproc) \
	  $(BIN)/python -m pip install -c packaging/constraints.txt --no-binary llama-cpp-python -e '.[train,infer,dev]'
	touch $@

# Resolves the newest versions that pyproject.toml admits, without installing anything, and pins them.
# torch is held: a lone `torch` pulls gigabytes of CUDA packages onto machines without a GPU.
constraints:
	$(PYTHON) -m venv .cache/constraints
	.cache/constraints/bin/pip install --quiet --upgrade pip
	.cache/constraints/bin/pip install --quiet --dry-run --ignore-installed --no-binary llama-cpp-python \
	  --report .cache/report.json 'torch==2.13.0' -e '.[train,infer,dev]'
	.cache/constraints/bin/python packaging/pin.py .cache/report.json
	rm -rf .cache/constraints .cache/report.json

clean:
	rm -rf $(VENV) .demo .cache build dist
