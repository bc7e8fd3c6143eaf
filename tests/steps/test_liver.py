"""A liver model from the model file to labels, through the verbs; its weights are random."""

import numpy as np
import pytest

from medscience.errors import InputError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.inference.windows import Windows
from medscience.models.converters.hdenseunet import description
from medscience.models.hdenseunet import SMALL
from medscience.models.known_answer import check_model
from medscience.models.save import save_model
from medscience.steps.plan import plan
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.store.images import open_image
from medscience.testing.phantoms import orientations
from tests.conftest import save_tiny_model
from tests.models.nets import random_network
from tests.store.conftest import write

SHAPE = (18, 34, 40)
PLAIN = {"precision": "float32", "threads": 1}


def save_liver_model(folder, *, name="liver", crop=None, thresholds=None):
    """Write a model file with a small random H-DenseUNet."""
    network = random_network()
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    content = description(name, SMALL, "SPL")
    content["input"] |= {"crop": crop} if crop else {}
    content["output"]["thresholds"] = thresholds or (0.4, 0.4)
    return save_model(folder, content, tensors)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_liver_model(tmp_path_factory.mktemp("models"))


def ct(path, shape=SHAPE):
    """Write a body in air, stored with axes other than the network's."""
    grid = next(grid for grid in orientations(shape, (2.0, 1.0, 1.0)) if grid.orientation == "SPL")
    _, y, x = np.indices(shape)
    inside = ((y - shape[1] / 2) / 14) ** 2 + ((x - shape[2] / 2) / 17) ** 2 < 1
    values = np.where(inside, np.random.default_rng(0).normal(50, 40, shape), -1000).astype(np.int16)
    change = grid.reorientation("LIA")
    turned = grid.reoriented(change)
    meaning = Meaning(Geometry(turned.shape, turned.affine), value_unit="HU")
    return write(path, change.apply(values), meaning=meaning)


def labels_of(store):
    return open_image(store).image.read((slice(None),) * 3)


def test_it_checks_and_plans(model, tmp_path, capsys):
    assert check_model(model) < 1e-4
    plan(ct(tmp_path / "ct.ome.zarr"), str(model), threads=1)
    said = capsys.readouterr().out
    assert "exact" in said
    assert "whole" not in said


def test_a_scan_becomes_a_liver_with_tumours_on_its_own_grid(model, tmp_path):
    image = ct(tmp_path / "ct.ome.zarr")
    raw, labels = tmp_path / "raw.ome.zarr", tmp_path / "labels.ome.zarr"
    predict(image, str(model), raw, **PLAIN)
    postprocess(raw, str(model), labels)
    before, after = open_image(raw), open_image(labels)
    assert before.commit.record["exact"]
    assert before.image.geometry.close_to(open_image(image).image.geometry)
    assert {0} < set(np.unique(labels_of(raw))) <= {0, 1, 2}
    assert [label.name for label in after.content.labels.labels] == ["background", "liver", "tumour"]
    assert after.commit.record["warnings"] == []


def test_blocks_are_kept_when_it_is_interrupted(model, tmp_path, monkeypatch):
    """Cut along the slices, wherever they lie: as one block, and gone on with after two of three."""
    image, tile = ct(tmp_path / "ct.ome.zarr"), "40,6,34"
    undisturbed, again, whole = (tmp_path / f"{n}.ome.zarr" for n in ("one", "two", "whole"))
    predict(image, str(model), whole, **PLAIN)
    predict(image, str(model), undisturbed, tile=tile, **PLAIN)
    honest, calls = Windows.of, []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise InputError("DIED", field="x", found="y", expected="z", fix="none")
        return honest(*arguments)

    monkeypatch.setattr(Windows, "of", dies)
    with pytest.raises(InputError, match="DIED"):
        predict(image, str(model), again, tile=tile, **PLAIN)
    predict(image, str(model), again, tile=tile, **PLAIN)
    first, second = (open_image(path).commit for path in (undisturbed, again))
    chunks = [{k: v for k, v in one.objects.items() if "/c/" in k} for one in (first, second)]
    assert chunks[0] == chunks[1]
    assert second.record["resumed"]["blocks"] == 2
    assert len(calls) == 4
    assert (labels_of(whole) != labels_of(again)).mean() < 1e-3


def first_model(folder, *, finds):
    """A model that finds something everywhere, or nowhere."""
    path = save_tiny_model(folder)
    text = path.read_text("utf-8").replace("modality: T1", "modality: CT").replace("axes: LIA", "axes: SPL")
    path.write_text(text, "utf-8")
    from safetensors.numpy import load_file, save_file

    from medscience.description import file_sha256

    weights = path.with_suffix(".safetensors")
    tensors, before = load_file(weights), file_sha256(weights)
    tensors["head.bias"][:] = (-1e6, 1e6, -1e6) if finds else (1e6, -1e6, -1e6)
    save_file(tensors, weights)
    path.write_text(path.read_text("utf-8").replace(before, file_sha256(weights)), "utf-8")


@pytest.mark.parametrize("finds", [True, False])
def test_a_first_pass_says_where_to_look_and_a_scan_without_liver_is_empty_and_said_so(finds, tmp_path):
    crop = {"model": "tiny", "margin": 2, "if_nothing": "empty"}
    model = save_liver_model(tmp_path / "models", crop=crop)
    first_model(tmp_path / "models", finds=finds)
    raw, labels = tmp_path / "raw.ome.zarr", tmp_path / "labels.ome.zarr"
    predict(ct(tmp_path / "ct.ome.zarr"), str(model), raw, **PLAIN)
    postprocess(raw, str(model), labels)
    said = " ".join(open_image(raw).commit.record["warnings"])
    assert labels_of(raw).any() == finds
    assert ("nothing to look at" in said) != finds
    assert bool(open_image(labels).commit.record["warnings"]) != finds


def test_a_slice_is_refused(model, tmp_path):
    image = ct(tmp_path / "ct.ome.zarr", (1, 34, 40))
    with pytest.raises(InputError, match="PREDICT-THIN"):
        predict(image, str(model), tmp_path / "raw.ome.zarr", **PLAIN)
    assert not (tmp_path / "raw.ome.zarr").exists()
