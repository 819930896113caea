"""``onestroke info`` of models and runs."""

import pytest
import yaml


def test_info_of_a_style_file_and_a_run(run, trained):
    said = yaml.safe_load(run("info", trained / "style.keras", "--all")[1])
    assert said["trainings"][0]["vgg19"]["name"] == "bundled"
    assert said["preset"] == "mobile"
    said = yaml.safe_load(run("info", trained, "--all")[1])
    assert said["steps"] == "3 of 3"
    assert said["settings"]["train"]["steps"] == 3


def test_the_facts_that_a_reader_needs_are_few_and_first(run):
    printed = run("info", "base_mobile")[1]
    said = yaml.safe_load(printed)
    first = ["style_names", "default_style", "model", "preset", "file", "megabytes"]
    assert list(said)[: len(first)] == first
    assert said["style_names"][0] == "great_wave"
    assert said["style_names"][-1] == "photograph"
    assert said["default_style"] in said["style_names"]
    assert said["model"] == "base_mobile"
    assert "Apache-2.0" in said["licence"]
    assert 0.1 < said["megabytes"] < 1
    assert printed.count("\n") < 25
    assert "`onestroke info base_mobile --all` prints everything" in printed
    everything = yaml.safe_load(run("info", "base_mobile", "--all")[1])
    assert list(everything)[: len(said)] == list(said)
    assert everything["styles"][0]["figures"]["photographs"] == 8


def test_the_short_facts_of_a_run(run, trained, tmp_path):
    said = yaml.safe_load(run("info", trained)[1])
    assert said["style_names"] == ["bundled"]
    assert said["steps"] == "3 of 3"
    assert said["latest"][0]["step"] == 3
    assert "settings" not in said
    (tmp_path / "settings.yaml").write_bytes((trained / "settings.yaml").read_bytes())
    said = yaml.safe_load(run("info", tmp_path)[1])
    assert said["style_names"] == ["bundled"]
    assert said["preset"] == "mobile"
    assert said["style_file"] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("absent.keras", "no model absent.keras"),
        ("CONFIG", "tiny.yaml is a text file, not a model"),
    ],
)
def test_mistakes_end_in_one_line(mistake, tiny_recipe, name, expected):
    assert expected in mistake("info", tiny_recipe if name == "CONFIG" else name)
