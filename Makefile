# make quickstart: installs, trains the bundled style, paints photographs. make test: checks all.
PYTHON ?= python3
VENV = .venv
RUN = $(VENV)/bin
INSTALLED = $(VENV)/installed

.PHONY: install quickstart test lint slow-test clean

install: $(INSTALLED)

quickstart: $(INSTALLED)
	$(RUN)/onestroke train --config configs/quickstart.yaml --run runs/quickstart
	$(RUN)/onestroke stylize data/photographs/validation --model runs/quickstart \
		--output runs/quickstart/stylized

test: $(INSTALLED) lint
	$(RUN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

slow-test: $(INSTALLED)
	$(RUN)/python -m pytest -m slow

# mypy does not follow the folder map of pyproject.toml, so it is shown the package as installed.
lint: $(INSTALLED)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	rm -rf build/typing && mkdir -p build/typing/onestroke
	ln -s $(CURDIR)/onestroke/* build/typing/onestroke/
	ln -s $(addprefix $(CURDIR)/,cli configs data evaluate export losses models optimize stylize train) build/typing/onestroke/
	cd build/typing && ../../$(RUN)/mypy --config-file ../../pyproject.toml -p onestroke

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev,export,plot]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
