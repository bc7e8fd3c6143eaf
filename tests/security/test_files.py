"""S13: names inside of what is read lead to files beside it, and nowhere else."""

import json

import pytest

from medscience.description import read_model
from medscience.errors import ConfigError, ModelError
from medscience.models.converters.brainchop import read_brainchop
from tests.models.converters.test_brainchop import edit, publish

ELSEWHERE = ["../x", "/etc/passwd", "a/../../x", "a/x", "..", ".", "", "a\\x/y", "./x", "x/"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_s13_the_weights_of_a_published_model(tmp_path, name):
    publish(tmp_path)
    edit(tmp_path, lambda model: model["weightsManifest"][0].update(paths=[name, "b.bin"]))
    with pytest.raises(ModelError, match="BRAINCHOP"):
        read_brainchop(tmp_path)


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("key", ["weights", "known_answer"])
def test_s13_the_files_of_a_model(tiny_model, name, key):
    text = tiny_model.read_text("utf-8")
    file = {"weights": "tiny.safetensors", "known_answer": "tiny.check.safetensors"}[key]
    tiny_model.write_text(text.replace(f"file: {file}", f"file: {json.dumps(name)}"), "utf-8")
    with pytest.raises(ConfigError, match=f"{key}.file"):
        read_model(tiny_model)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_s13_the_first_model_of_a_model(tiny_model, name):
    text = tiny_model.read_text("utf-8")
    crop = f"input:\n  crop: {{model: {json.dumps(name)}, margin: 1}}\n"
    tiny_model.write_text(text.replace("input:\n", crop), "utf-8")
    with pytest.raises(ConfigError, match=r"input\.crop\.model"):
        read_model(tiny_model)
