"""The files that name the version agree, and every extra can be asked for at once."""

import re
import tomllib
from pathlib import Path

import yaml

import onestroke

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_changelog_and_citation_name_the_version():
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == onestroke.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == onestroke.__version__
    assert citation["license"] == PROJECT["license"]


def test_every_dependency_is_bounded_above_and_pinned():
    pins = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *(one for extra in extras.values() for one in extra)]
    for requirement in requirements:
        name, bounds = re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", requirement).groups()
        if name == "onestroke":
            continue
        assert re.sub(r"[-_.]+", "-", name).lower() in pins
        assert "<" in bounds


def test_all_extras_are_those_of_users():
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    named = everything.removeprefix("onestroke[").removesuffix("]").split(",")
    assert sorted(named) == sorted(set(extras) - {"all", "dev", "docs"})
