"""Models joined to one: it answers as the mean of its members, in blocks as in one tile."""

import numpy as np
import pytest
import torch
import yaml
from numpy.testing import assert_array_equal

from medscience.config.yaml import parse_yaml
from medscience.description import read_design, read_model
from medscience.errors import ConfigError, ModelError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.models.known_answer import check_model
from medscience.models.meshnet import MeshNet
from medscience.models.save import save_model
from medscience.models.zoo import load
from medscience.steps.ingest import ingest
from medscience.steps.models import join
from medscience.steps.predict import predict
from medscience.store.images import open_image


@pytest.fixture
def other(tiny_model, tmp_path):
    """Return a function that writes the tiny model with other weights, and what is to be changed."""

    def make(name, seed, **changes):
        description = read_model(tiny_model).model_dump(exclude={"weights", "known_answer"}) | {
            "name": name,
            "weights": {"source": "a seed", "trained_on": f"data of {name}"},
            **changes,
        }
        torch.manual_seed(seed)
        network = MeshNet(**description["network"]["arguments"])
        with torch.no_grad():
            network.head.bias -= network(torch.rand(1, 1, 12, 12, 12) ** 2).mean((0, 2, 3, 4))
        tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
        return save_model(tmp_path / "models", description, tensors)

    return make


@pytest.fixture
def scan(tmp_path, toy_head):
    made = toy_head(1)
    write_nifti(
        Image(made.image, Meaning(made.geometry)), tmp_path / "scan.nii", is_labels=False, form_code=1
    )
    ingest(tmp_path / "scan.nii", tmp_path / "scan.ome.zarr")
    return tmp_path / "scan.ome.zarr"


def test_an_ensemble_is_the_mean_of_its_members_in_one_tile_and_in_many(tiny_model, other, scan, tmp_path):
    paths = [tiny_model, other("second", 7), other("third", 8)]
    join("three", [str(path) for path in paths], tmp_path / "models")
    path = tmp_path / "models/three.yaml"
    assert check_model(path) < 1e-4
    answers = {}
    for name, model, tile in (("one", path, None), ("many", path, "30,33,40"), ("alone", tiny_model, None)):
        predict(scan, str(model), tmp_path / f"{name}.ome.zarr", tile=tile, precision="float32", threads=1)
        answers[name] = open_image(tmp_path / f"{name}.ome.zarr").image.read((slice(None),) * 3)
    assert_array_equal(answers["one"], answers["many"])
    assert (answers["one"] != answers["alone"]).any()

    design = read_model(path)
    values = open_image(scan).image.turned(open_image(scan).image.geometry.reorientation("LIA"))
    seen = np.asarray(values.read((slice(None),) * 3), np.float32)
    seen = (seen - seen.min()) / np.ptp(seen)
    with torch.inference_mode():
        logits = [load(member)[1](torch.from_numpy(seen)[None, None])[0] for member in paths]
    expected = torch.stack(logits).mean(0).argmax(0).numpy()
    turned = open_image(scan).image.geometry.reorientation("LIA")
    assert (turned.apply(answers["one"]) != expected).mean() < 1e-4  # near-ties
    assert design.weights.trained_on == "nothing; data of second; data of third"
    assert design.weights.parameters == 3 * read_model(tiny_model).weights.parameters


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"postprocess": {"keep": "everything"}}, "postprocess"),
        ({"track": "liver_ct"}, "track"),
        (
            {"network": {"name": "meshnet", "arguments": {
                "channels": 4, "classes": 3, "dilations": (1, 2), "activation": "elu"}}},
            "network",
        ),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_refused_by_its_field(changes, field, tiny_model, other, tmp_path):
    strange = other("strange", 7, **changes)
    with pytest.raises(ModelError, match="MODEL-UNLIKE") as refusal:
        join("two", [str(tiny_model), str(strange)], tmp_path / "models")
    assert (refusal.value.field, refusal.value.file) == (field, str(strange))
    assert not (tmp_path / "models/two.yaml").exists()


def test_the_same_weights_twice_are_no_ensemble(tiny_model, tmp_path):
    with pytest.raises(ModelError, match="the same weights twice"):
        join("two", [str(tiny_model)] * 2, tmp_path / "models")


def test_members_learn_apart(tiny_model, other, tmp_path):
    join("two", [str(tiny_model), str(other("second", 7))], tmp_path / "models")
    content = parse_yaml(tmp_path / "models/two.yaml")
    content["training"] = {
        "steps": 1, "learning_rate": 0.1, "class_weights": [1, 1, 1], "seed": 1, "patch": [8, 8, 8]
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="members of an ensemble learn apart"):
        read_design(tmp_path / "recipe.yaml")
