import hashlib
from copy import deepcopy

import pytest
import yaml

from medscience.description import (
    ModelFile,
    checked_beside,
    file_sha256,
    find_model,
    read_model,
)
from medscience.errors import ConfigError, ModelError

MODEL = {
    "name": "tissue-1",
    "description": "Three tissues of a T1 head",
    "authors": [{"name": "A. Person"}],
    "license": "MIT",
    "track": "brain_mri",
    "network": {
        "name": "meshnet",
        "arguments": {"channels": 5, "classes": 3, "dilations": [1, 2, 1], "activation": "relu"},
    },
    "weights": {
        "file": "tissue-1.safetensors",
        "sha256": "0123456789abcdef" * 4,
        "parameters": 100,
        "source": "https://example.org",
        "trained_on": "simulated heads",
    },
    "input": {
        "modality": "T1",
        "axes": "LIA",
        "spacing": [1.0, 1.0, 1.0],
        "normalize": "minmax",
    },
    "output": {
        "labels": [
            {"value": 0, "name": "background", "color": [0, 0, 0]},
            {"value": 1, "name": "White Matter", "color": [255, 255, 255]},
            {"value": 2, "name": "Grey Matter", "color": [205, 62, 78]},
        ]
    },
    "postprocess": {"keep": "largest-component"},
    "known_answer": {
        "file": "tissue-1.check.safetensors",
        "sha256": "fedcba9876543210" * 4,
        "tolerance": 1.0e-4,
        "computed_by": "us",
    },
}


def changed(path, value):
    """Return the model with one value replaced; None takes it away."""
    model = deepcopy(MODEL)
    *folders, name = path.split(".")
    place = model
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    if value is None:
        del place[name]
    else:
        place[int(name) if name.isdigit() else name] = value
    return model


@pytest.fixture
def read(tmp_path):
    def write_and_read(model):
        path = tmp_path / "model.yaml"
        path.write_text(yaml.safe_dump(model), "utf-8")
        return read_model(path)

    return write_and_read


def test_a_model_file_says_what_the_network_expects_and_answers(read):
    model = read(MODEL)
    assert model.network.arguments.dilations == (1, 2, 1)
    assert model.input.spacing == (1.0, 1.0, 1.0)
    assert [label.name for label in model.output.labels][1] == "White Matter"
    assert model.format == "medscience-model-1"


def test_what_may_be_left_out_is_empty(read):
    model = read(MODEL)
    assert (model.cite, model.accuracy, model.training, model.caution) == ((), (), None, None)


def test_a_model_file_that_is_written_out_reads_as_the_same(read):
    model = read(MODEL)
    assert read(model.model_dump(mode="json")) == model


@pytest.mark.parametrize(
    "key",
    [key for key in MODEL if key != "format"]
    + [
        "network.arguments.dilations",
        "weights.sha256",
        "weights.trained_on",
        "input.axes",
        "output.labels.0.name",
        "known_answer.tolerance",
    ],
)
def test_what_a_result_depends_on_may_not_be_left_out(read, key):
    with pytest.raises(ConfigError, match="Field required") as caught:
        read(changed(key, None))
    assert key in str(caught.value)


@pytest.mark.parametrize(
    "key, meant",
    [("postproces", "postprocess"), ("licence", "license"), ("know_answer", "known_answer")],
)
def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(read, key, meant):
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
        read(MODEL | {key: "x"})


@pytest.mark.parametrize(
    "key", ["network.arguments.dropout", "weights.url", "input.flip", "output.labels.0.colour"]
)
def test_an_unknown_key_is_refused_at_any_depth(read, key):
    with pytest.raises(ConfigError, match="Extra inputs") as caught:
        read(changed(key, "x"))
    assert key in str(caught.value)


@pytest.mark.parametrize("values", [[], [0, 1], [0, 1, 2, 3], [0, 2, 1], [1, 2, 3], [0, 1, 1], [0, 0, 1]])
def test_labels_that_do_not_match_the_classes_are_refused(read, values):
    labels = [{"value": value, "name": "x", "color": [0, 0, 0]} for value in values]
    with pytest.raises(ConfigError, match="numbered 0 to 2"):
        read(changed("output.labels", labels))


@pytest.mark.parametrize("axes", ["LLA", "LRA", "SIP", "APL", "RAA"])
def test_input_axes_that_repeat_a_world_axis_are_refused(read, axes):
    with pytest.raises(ConfigError, match="each world axis once"):
        read(changed("input.axes", axes))


@pytest.mark.parametrize("axes", ["", "LI", "LIAS", "lia", "XYZ", "LIA\n"])
def test_input_axes_that_are_not_three_letters_are_refused(read, axes):
    with pytest.raises(ConfigError, match=r"input\.axes"):
        read(changed("input.axes", axes))


@pytest.mark.parametrize("file", ["../x.st", "/etc/passwd", "a/b.st", ".", "..", ".hidden", "a/"])
@pytest.mark.parametrize("key", ["weights.file", "known_answer.file"])
def test_a_file_of_a_model_lies_beside_it_and_nowhere_else(read, key, file):
    with pytest.raises(ConfigError, match="without a folder") as caught:
        read(changed(key, file))
    assert key in str(caught.value)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
@pytest.mark.parametrize("key", ["weights.sha256", "known_answer.sha256"])
def test_a_digest_is_64_small_hexadecimal_digits(read, key, digest):
    with pytest.raises(ConfigError) as caught:
        read(changed(key, digest))
    assert key in str(caught.value)


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "-a", "a\n", "$(x)", "a" * 65])
def test_a_model_name_is_safe_in_paths_and_shells(read, name):
    with pytest.raises(ConfigError, match="name"):
        read(MODEL | {"name": name})


@pytest.mark.parametrize(
    "key, value",
    [
        ("format", "medscience-model-2"),
        ("track", "heart"),
        ("network.name", "unet"),
        ("network.arguments.channels", 0),
        ("network.arguments.classes", 1),
        ("network.arguments.dilations", []),
        ("network.arguments.dilations", [1, 0]),
        ("network.arguments.activation", "swish"),
        ("input.modality", "MR"),
        ("input.spacing", [1.0, 1.0]),
        ("input.spacing", [1.0, 0.0, 1.0]),
        ("input.spacing", [1.0, float("nan"), 1.0]),
        ("input.normalize", "zscore"),
        ("output.labels.1.color", [0, 0, 256]),
        ("output.labels.1.color", [0, 0]),
        ("postprocess.keep", "some"),
        ("known_answer.tolerance", 0.0),
        ("weights.parameters", 0),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_key(read, key, value):
    with pytest.raises(ConfigError) as caught:
        read(changed(key, value))
    assert key.removesuffix(".1.color") in str(caught.value)


def test_every_fault_of_a_model_file_is_named_at_once(read):
    model = changed("weights.sha256", "short") | {"licence": "MIT", "track": "heart"}
    with pytest.raises(ConfigError, match="3 settings") as caught:
        read(model)
    assert all(key in str(caught.value) for key in ("weights.sha256", "licence", "track"))


def test_a_model_file_never_changes():
    with pytest.raises(ValueError, match="frozen"):
        ModelFile.model_validate(MODEL).name = "other"


# Finding a model, and the files beside it


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "config" / "models"
    folder.mkdir(parents=True)
    for name in ("b", "a"):
        (folder / f"{name}.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_model_is_found_by_its_name_and_by_its_file(models):
    assert find_model("a").resolve() == models / "a.yaml"
    assert find_model(str(models / "b.yaml")) == models / "b.yaml"


def test_a_model_that_is_not_there_is_refused_with_those_that_are(models):
    with pytest.raises(ModelError, match="one of: a, b;") as caught:
        find_model("c")
    assert caught.value.code == "MODEL-MISSING"


@pytest.mark.parametrize("name", ["nowhere/x.yaml", "x.yaml", "a.yml", "", "."])
def test_a_model_file_that_is_not_there_is_refused(models, name):
    with pytest.raises(ModelError, match="MODEL-MISSING"):
        find_model(name)


def test_without_any_model_none_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="one of: none"):
        find_model("a")


def test_a_file_beside_the_model_file_is_taken_only_with_its_digest(tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert file_sha256(weights) == digest
    assert checked_beside(tmp_path / "m.yaml", weights.name, digest) == weights
    weights.write_bytes(b"Weights")
    with pytest.raises(ModelError, match="MODEL-DIGEST"):
        checked_beside(tmp_path / "m.yaml", weights.name, digest)
    weights.unlink()
    with pytest.raises(ModelError, match="FileNotFoundError"):
        checked_beside(tmp_path / "m.yaml", weights.name, digest)
