"""Settings: recipes, overrides, and a line for every mistake."""

import re
from pathlib import Path

import pytest
import yaml

from onestroke import machine
from onestroke.errors import SettingsError
from onestroke.train import settings as settings_module
from onestroke.train.settings import (
    check_settings,
    compose_recipe,
    read_recipe,
    resolve_settings,
)

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("train: {steps: 10}\nloss: {style_weight: 3}\n")
    return path


def message(call, *arguments, **options) -> str:
    with pytest.raises(SettingsError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_valid_and_record_hardware_time_and_losses(path):
    read_recipe(path)
    comment = re.sub(r"\n#\s*", " ", path.read_text().split("\nnetwork:")[0])
    assert f"onestroke train --config {path.stem}" in comment
    assert re.search(r"\bcores?\b|NVIDIA", comment)
    assert re.search(r"\d minutes", comment)
    if path.stem == "coco":  # only its first steps were measured
        assert "The style loss at the end is not measured" in comment
        return
    assert re.search(r"style loss.*\d\.\d{3} -> \d\.\d{3}", comment, re.DOTALL)


def test_recipe_and_defaults(recipe):
    settings = read_recipe(recipe)
    assert settings.loss.style_weight == 3
    assert settings.loss.content == {"relu3_3": 1.0, "relu4_2": 1.0}
    assert settings.train.steps == 10


def test_resolved_settings_read_back_equal(recipe):
    settings = resolve_settings(read_recipe(recipe))
    assert check_settings(yaml.safe_load(settings.to_yaml())) == settings


def test_overrides_are_yaml_and_the_last_one_wins(recipe):
    overrides = [
        "train.steps=5",
        "loss.style={relu1_1: 2, relu3_1: 1}",
        "data.source=[a, b]",
        "train.clip_norm=null",
        "train.learning_rate=1e-3",
        "train.steps=7",
    ]
    settings = read_recipe(recipe, overrides)
    assert settings.train.steps == 7
    assert settings.loss.style == {"relu1_1": 2, "relu3_1": 1}
    assert settings.data.source == ["a", "b"]
    assert settings.train.learning_rate == 0.001


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ("a.jpg", [{"a.jpg": 1}]),
        (["a.jpg", "b.jpg"], [{"a.jpg": 1}, {"b.jpg": 1}]),
        (["a.jpg", {"b.jpg": 2, "c.jpg": 1}], [{"a.jpg": 1}, {"b.jpg": 2, "c.jpg": 1}]),
        ({"a.jpg": 0.5, "b.jpg": 1}, [{"a.jpg": 0.5, "b.jpg": 1}]),
    ],
)
def test_pictures_with_and_without_weights(pictures, expected):
    values = {"train": {"steps": 1}, "style": {"pictures": pictures}}
    assert check_settings(values).style.pictures == expected


def test_styles_have_names(tmp_path):
    def named(**style):
        return check_settings({"train": {"steps": 1}, "style": style}).style.all_names()

    two = ["sea.jpg", {"wave.jpg": 1, "scream.jpg": 2}]
    assert named(pictures=two) == ["sea", "wave+scream"]
    assert named(pictures=two, identity=True) == ["sea", "wave+scream", "photograph"]
    assert named(pictures=two, names=["a", "b"]) == ["a", "b"]


def test_styles_on_the_command_line(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = resolve_settings(read_recipe(recipe, styles=["a.jpg", "b.jpg"]))
    assert settings.style.all_names() == ["a", "b"]
    blended = resolve_settings(read_recipe(recipe, styles=["a.jpg:2", "b.jpg"]))
    path = f"{tmp_path}/"
    for names in ("[sea]", "sea"):
        named = read_recipe(recipe, [f"style.names={names}"], styles=["a.jpg"])
        assert named.style.all_names() == ["sea"]
    assert blended.style.pictures == [{path + "a.jpg": 2.0, path + "b.jpg": 1.0}]


def test_settings_are_frozen(recipe):
    with pytest.raises(ValueError, match="frozen"):
        read_recipe(recipe).train.steps = 3


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"train": {"step": 4}}, "unknown key train.step; did you mean train.steps?"),
        (
            {"loss": {"stile_weight": 4}},
            "unknown key loss.stile_weight; did you mean loss.style_we",
        ),
        ({"data": {"steps": 4}}, "unknown key data.steps; did you mean train.steps?"),
        ({"styl": {}}, "unknown key styl; did you mean style?"),
        ({"train": {"steps": "x"}}, "train.steps: input should be a valid integer"),
        (
            {"train": {"steps": 0}},
            "train.steps: input should be greater than or equal to 1; received 0",
        ),
        (
            {"loss": {"content": {"relu6_1": 1}}},
            "loss.content.relu6_1: the layers of VGG19 are relu1_1 to relu5_4; received",
        ),
        (
            {"loss": {"style": {"relu1_1": -1}}},
            "loss.style.relu1_1: input should be greater than 0",
        ),
        ({"loss": {"style": {}}}, "loss.style: dictionary should have at least 1 item"),
        ({"data": {"crop": 130}}, "data.crop.0: input should be a multiple of 4; received 130"),
        ({"data": {"scale": [0.5, 2]}}, "data.scale.1: input should be less than or equal to 1"),
        ({"data": {"scale": [0.9, 0.5]}}, "the first share must be the smaller one; received"),
        ({"network": {"preset": "tiny"}}, "network.preset: input should be 'johnson', 'half' or"),
        ({"train": {"precision": "fp8"}}, "train.precision: input should be 'auto', 'float32'"),
        ({"train": {"learning_rate": float("nan")}}, "train.learning_rate: input should be"),
        (
            {"style": {"pictures": ["a/b.jpg", "c/b.jpg"]}},
            "style: two styles are named b; name each style with --set 'style.names=[wave, ",
        ),
        (
            {"style": {"pictures": ["a.jpg"], "names": ["b", "c"]}},
            "expected 1 names, one for each style; received 2",
        ),
        (
            {"style": {"pictures": ["a.jpg"], "captions": {"b": "B"}}},
            "caption of an unknown style b; the styles are a",
        ),
        (
            {"style": {"pictures": ["a.jpg"], "sizes": {"b": 64}}},
            "size of an unknown style b; the styles are a",
        ),
        (
            {"style": {"pictures": ["a.jpg"], "weights": {"b": 2}}},
            "weight of an unknown style b; the styles are a",
        ),
        (
            {"style": {"pictures": ["photograph.jpg"]}},
            "photograph is the reserved name of the identity; name each style with --set",
        ),
        (
            {"network": {"learn": "rows"}},
            "network.learn=rows needs network.init, the network to extend",
        ),
        ({"style": {"pictures": [[3]]}}, "expected paths, each alone or with its weight"),
        ({"data": {"source": ""}}, "data.source.0: string should have at least 1 character"),
        ({"train": {"seed": 2**40}}, "train.seed: input should be less than 4294967296"),
        (
            {"train": {"steps": 10**400}},
            "train.steps: expected an integer of at most 1000000000000000; received an integer of "
            "about 400 digits",
        ),
        ({"train": {"learning_rate": 10**400}}, "train.learning_rate: expected an integer of at m"),
        ({"style": {"pictures": []}}, "style.pictures: list should have at least 1 item"),
    ],
)
def test_mistakes_are_named(values, expected):
    complete = {**values, "train": {"steps": 1, **values.get("train", {})}}
    assert expected in message(check_settings, complete)


def test_missing_keys_are_named():
    assert message(check_settings, {}) == "settings: train is missing; add it"
    assert message(check_settings, {"train": {}}) == "settings: train.steps is missing; add it"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_the_package_go_by_name(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(path.stem).mkdir()  # a folder of that name is none
    assert read_recipe(Path(path.stem)) == read_recipe(path)
    Path(path.stem).rmdir()
    Path(path.stem).write_text("train: {steps: 3}")  # a file of that name comes first
    assert read_recipe(Path(path.stem)).train.steps == 3


def test_recipes_that_cannot_be_read(tmp_path):
    absent = tmp_path / "absent.yaml"
    text = message(read_recipe, absent)
    assert f"cannot read the recipe {absent} (No such file or directory)" in text
    assert "check the path, or use one of base, coco, cpu, " in text
    broken = tmp_path / "broken.yaml"
    broken.write_text("train: {steps: 4")
    assert f"{broken} is not valid YAML: " in message(read_recipe, broken)
    broken.write_text("train")
    assert "has no sections" in message(read_recipe, broken)


@pytest.mark.parametrize("override", ["steps=4", "train.steps", ".steps=4", "train.=4"])
def test_malformed_overrides(recipe, override):
    expected = f"expected --set section.key=value; received --set {override}"
    assert message(read_recipe, recipe, [override]) == expected


def test_unknown_override_is_named(recipe):
    text = message(read_recipe, recipe, ["train.lerning_rate=1"])
    assert text.endswith("unknown key train.lerning_rate; did you mean train.learning_rate?")
    assert "expected a YAML value" in message(read_recipe, recipe, ["train.steps={"])
    assert "expected a YAML value" in message(read_recipe, recipe, ["train.steps=" + 5000 * "1"])


@pytest.mark.parametrize("name", ["", "scene:2", "scene:0.5"])
def test_names_that_could_not_be_chosen(recipe, name):
    text = message(read_recipe, recipe, [f'style.names=["{name}"]'])
    assert f"the style name {name!r} is empty or ends in a weight; name each style with" in text
    assert read_recipe(recipe, ['style.names=["scene:two"]']).style.names == ["scene:two"]


@pytest.mark.parametrize("override", ["train.steps=true", "loss.style_weight=false"])
def test_truth_is_no_number(recipe, override):
    text = message(read_recipe, recipe, [override])
    assert "expected a number or a name, not true or false" in text


def test_resolve_settles_paths_and_precision(recipe, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings_module, "multiplies_bfloat16", lambda: True)
    sources = ["photos", "tfds:coco/2017:train"]
    settings = resolve_settings(read_recipe(recipe, styles=["sea.jpg"], sources=sources))
    assert settings.style.pictures == [{str(tmp_path / "sea.jpg"): 1.0}]
    assert settings.data.source == [str(tmp_path / "photos"), "tfds:coco/2017:train"]
    assert settings.data.validation == ["bundled"]
    assert settings.loss.vgg19 == "bundled"
    assert settings.train.precision == "mixed_bfloat16"
    monkeypatch.setattr(settings_module, "multiplies_bfloat16", lambda: False)
    assert resolve_settings(read_recipe(recipe)).train.precision == "float32"
    weights = ["loss.vgg19=imagenet", "data.source=imagenet"]  # a name of the one, a folder
    settings = resolve_settings(read_recipe(recipe, weights))
    assert settings.loss.vgg19 == "imagenet"
    assert settings.data.source == [str(tmp_path / "imagenet")]
    explicit = read_recipe(recipe, ["train.precision=mixed_float16"])
    assert resolve_settings(explicit).train.precision == "mixed_float16"


@pytest.mark.parametrize(
    ("generation", "flags", "expected"),
    [
        ((8, 0), "avx2", True),
        ((7, 5), "amx_bf16", False),
        (None, "amx_bf16", True),
        (None, "avx512_bf16 AuthenticAMD", True),
        (None, "avx512_bf16 GenuineIntel", False),  # without AMX slower than float32
    ],
)
def test_a_gpu_decides_the_precision_before_the_processor(
    monkeypatch, tmp_path, generation, flags, expected
):
    (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags} sse\n")
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(machine, "gpu_generation", lambda: generation)
    assert machine.multiplies_bfloat16() is expected


def test_default_recipes_with_init_and_with_learn_all():
    rows, rows_name = compose_recipe(None, init="base", styles=["sea.png"])
    whole, whole_name = compose_recipe(
        None,
        init="base_mobile",
        learn_all=True,
        styles=["sea.png"],
        overrides=["train.steps=2"],
    )
    assert (rows_name, whole_name) == ("new_style", "cpu")
    assert (rows.network.init, rows.network.learn, rows.network.joins) == ("base", "rows", True)
    network = whole.network
    assert (network.init, network.preset, network.learn) == ("base_mobile", "mobile", "all")
    assert (whole.train.learning_rate, whole.train.steps) == (0.002, 2), (
        "the values of cpu.yaml, not of new_style.yaml"
    )
