# make install      everything that development needs, in .venv
# make quickstart   train the bundled painting and paint four photographs
# make test         lint, then build the wheel and run the tests against it
# make slow-test    the tests that take minutes
# make docs         the website of docs/ in build/docs; a broken link is an error
PYTHON ?= python3
# Empty: the newest versions that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
VENV = .venv
RUN = $(VENV)/bin
INSTALLED = $(VENV)/installed

.PHONY: install quickstart test slow-test lint docs clean

install: $(INSTALLED)

quickstart: $(INSTALLED)
	$(RUN)/onestroke train --config configs/quickstart.yaml --run runs/quickstart
	$(RUN)/onestroke stylize data/photographs/validation --model runs/quickstart \
		--output runs/quickstart/stylized --overwrite

test: lint
	tools/test_wheel.sh

slow-test: $(INSTALLED)
	$(RUN)/python -m pytest -m slow

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict

# mypy does not follow the folder map of pyproject.toml. It checks a folder of links that has the
# layout of the installed package.
lint: $(INSTALLED)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	rm -rf build/typing && mkdir -p build/typing/onestroke
	cd build/typing/onestroke && ln -s ../../../onestroke/* . && for package in ../../../*/__init__.py; do \
		package=$${package%/__init__.py}; \
		[ "$${package##*/}" = onestroke ] || ln -s "$$package" .; \
	done
	cd build/typing && ../../$(RUN)/python -m mypy --config-file ../../pyproject.toml -p onestroke

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check \
		$(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[all,docs,dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
