# Two commands set everything up on a fresh machine: make demo · make test
# Variables: PYTHON (3.11 to 3.13), RECIPE (fast, default, best, tiny-1k, ...), e.g. make train RECIPE=default
PYTHON ?= python3
RECIPE ?= fast
VENV   := .venv
RUN    := $(VENV)/bin/inkdigits
PIP    := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
MODEL  := models/$(RECIPE)/model.onnx
# A process of tests a core. A file stays in one of them, so that what its tests share is made once.
PARALLEL := -n auto --dist loadfile

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast data features train evaluate predict plots report
.PHONY: serve lab docs lint types pytest wheel pictures notebooks weights lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.train ## from nothing to a trained network, a report and digits read from pictures
	@$(MAKE) --no-print-directory evaluate reports/$(RECIPE).html
	@echo; echo "The shipped model reads the pictures in examples/:"
	@$(VENV)/bin/python docs/read_examples.py
	@echo; echo "Look at   reports/$(RECIPE).html    every figure of the network that was just trained"
	@echo      "          models/$(RECIPE)/          the network, its history and what is known of it"
	@echo      "Try       $(RUN) read YOUR-PICTURE.jpg"

test: lint types pytest wheel docs ## lint, types, the whole test suite, a built wheel and the docs, as CI runs them

test-fast: lint $(VENV)/.dev ## lint and the tests that need neither training nor much memory, in less than a minute
	@$(VENV)/bin/pytest -m "not slow" $(PARALLEL)

data: data/interim/mnist.json ## get MNIST and check it
features: data/processed/mnist.json ## make network inputs and split them
train: $(MODEL) ## train RECIPE (fast unless told otherwise)
evaluate: reports/evaluation-$(RECIPE).json ## measure it on the test set
predict: reports/predictions-$(RECIPE).csv ## answer every test image
plots: reports/figures/samples.png ## draw every figure
report: reports/$(RECIPE).html ## write them on one page

docs: $(VENV)/.dev ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict 2>&1 | { ! grep -v '^INFO'; }

lint: $(VENV)/.dev ## style and common mistakes
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check --quiet

types: $(VENV)/.dev
	@$(VENV)/bin/mypy

pytest: $(VENV)/.dev
	@$(VENV)/bin/pytest $(PARALLEL)

wheel: $(VENV)/.dev ## build a wheel, install it alone, and read a picture with it
	@PYTHON=$(VENV)/bin/python CONSTRAINTS=requirements.lock sh tests/wheel.sh

pictures: $(VENV)/.train train ## make the pictures in examples/ and docs/images/ again
	@$(VENV)/bin/python docs/make_examples.py
	@$(VENV)/bin/python docs/make_pictures.py $(RECIPE)

serve: $(VENV)/bin/python ## the page to write on, and the service behind it (no PyTorch needed)
	@$(PIP) --editable '.[serve]'
	@$(RUN) serve

lab: $(VENV)/.train ## open the notebooks in JupyterLab; ARGS=--allow-root in a container
	@$(PIP) -e '.[notebooks]' jupyterlab
	@INKDIGITS_PROJECT="$(CURDIR)" $(VENV)/bin/jupyter lab notebooks $(ARGS)

notebooks: $(VENV)/.train ## run the notebooks, and write them with their outputs
	@$(PIP) -e '.[notebooks]'
	@$(VENV)/bin/python docs/make_notebooks.py

weights: $(VENV)/.train data/processed/mnist.json ## train the shipped networks again (some ten hours on two cores)
	@$(PIP) --editable '.[train,fonts]'
	@$(RUN) train-reader --data qmnist --resume
	@cp models/reader/*.onnx models/reader/meta.json inkdigits/weights/reader/
	@$(RUN) train --recipe default --run shipped
	@$(RUN) evaluate --model shipped
	@cp models/shipped/model.onnx inkdigits/weights/default/model.onnx
	@cp models/shipped/meta.json inkdigits/weights/default/meta.json
	@$(VENV)/bin/python docs/make_page_weights.py

lock: $(VENV)/.dev ## write the installed versions into requirements.lock
	@{ sed '/^[^#]/,$$d' requirements.lock; \
	   $(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > requirements.tmp
	@mv requirements.tmp requirements.lock

clean: ## remove what can be made again in minutes (data/raw and models/ stay)
	rm -rf $(VENV) data/interim data/processed reports site build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .tox

# --- the files behind the names ---

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.train: pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "installing inkdigits and PyTorch into $(VENV) (a minute or two)"
	@$(PIP) --editable '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@$(PIP) --editable '.[train,dev]'
	@touch $@

data/interim/mnist.json: | $(VENV)/.train
	@$(RUN) data mnist

data/processed/mnist.json: data/interim/mnist.json
	@$(RUN) features mnist

$(MODEL): data/processed/mnist.json
	@$(RUN) train --recipe $(RECIPE) --run $(RECIPE) --resume

reports/evaluation-$(RECIPE).json: $(MODEL)
	@$(RUN) evaluate --model $(RECIPE) --output $@

reports/predictions-$(RECIPE).csv: $(MODEL)
	@$(RUN) predict data/raw/mnist/t10k-images* --model $(RECIPE) --output $@

# The figures are of one recipe at a time: this file changes with it.
reports/.recipe: FORCE
	@mkdir -p reports; echo $(RECIPE) | cmp -s - $@ || echo $(RECIPE) > $@
FORCE:

reports/figures/samples.png: $(MODEL) reports/.recipe
	@$(RUN) plots --model $(RECIPE)

reports/$(RECIPE).html: $(MODEL)
	@$(RUN) report --model $(RECIPE)
