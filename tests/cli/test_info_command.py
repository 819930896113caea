"""``onestroke info`` of models and runs."""

import pytest
import yaml


def test_info_of_a_style_file_and_a_run(run, trained):
    said = yaml.safe_load(run("info", trained / "style.keras")[1])
    assert said["trainings"][0]["vgg19"]["name"] == "bundled"
    assert said["preset"] == "mobile"
    said = yaml.safe_load(run("info", trained)[1])
    assert said["steps"] == "3 of 3"
    assert said["settings"]["train"]["steps"] == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [("absent.keras", "no model absent.keras"), ("CONFIG", "tiny.yaml is not a style file")],
)
def test_mistakes_end_in_one_line(mistake, tiny_recipe, name, expected):
    assert expected in mistake("info", tiny_recipe if name == "CONFIG" else name)
