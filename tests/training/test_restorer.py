"""Training a network that restores phases, from a sheet of stores to a model."""

import json

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from medscience.config.cases import read_cases
from medscience.errors import ConfigError, MismatchError, ModelError
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.models.known_answer import check_model
from medscience.models.rstar4d import RSTAR4D, opened
from medscience.restoration import read_restoring_design
from medscience.steps.train import train
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.training.checkpoint import write_checkpoint
from medscience.training.restorer import prepare_restorer, reached
from medscience.training.through import let_the_prior_through

SHAPE = (3, 4, 8, 12)
GRID = Geometry(SHAPE[1:], as_affine([[0, 0, -4, 22], [0, 4, 0, -14], [4, 0, 0, -6], [0, 0, 0, 1]]))
RECIPE = {
    "name": "tiny4d-recipe",
    "description": "a recipe for tests",
    "authors": [{"name": "nobody"}],
    "license": "Apache-2.0",
    "track": "cbct4d",
    "network": {"name": "rstar4d", "arguments": {"width": 3, "levels": 2, "stage": 2}},
    "input": {"modality": "CBCT", "axes": "SAR", "phases": 3, "values": {"unit": "HU", "scale": 1000}},
    "output": {"image": {"unit": "HU", "scale": 1000}},
    "training": {
        "stages": [
            {"dimensions": "2D+T", "blocks": [[1, 8, 8]], "steps": 3, "halved": [0.5]},
            {"dimensions": "4D", "blocks": [[4, 8, 8]], "steps": 2, "halved": []},
        ],
        "save_every": 1,
        "seed": 3,
        "start": "prior",
    },
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small work: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def store(path, values):
    """Write a committed image in Hounsfield units."""
    content = Content.of(Meaning(GRID, "tzyx" if values.ndim == 4 else "zyx", "HU"))
    with staged(path, Provenance("reconstruct", {"path": path.name, "method": "fdk"}, {})) as staging:
        writer = ImageWriter(staging, content, values.shape, np.float32)
        writer.write(tuple(slice(0, n) for n in values.shape), values.astype(np.float32))
        writer.finish()
    return path


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    rows = ["sample\timage\tprior\ttruth\tpatient\tsplit"]
    for n, split in enumerate(("train", "train", "validation", "test")):
        random = np.random.default_rng(n)
        truth = 200 * random.standard_normal(SHAPE).cumsum(-1)
        image = truth + 300 * random.standard_normal(SHAPE)
        volumes = {"image": image, "prior": truth.mean(axis=0), "truth": truth}
        paths = [store(folder / f"{n}-{name}.ome.zarr", values) for name, values in volumes.items()]
        rows.append("\t".join([f"case-{n}", *map(str, paths), f"p{n}", split]))
    path = folder / "sheet.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.mark.parametrize(("width", "levels"), [(2, 2), (4, 3)])
def test_a_network_that_lets_the_prior_through_gives_the_prior_in_both_stages(width, levels):
    torch.manual_seed(0)
    flat = RSTAR4D(width, levels, stage=1)
    let_the_prior_through(flat)
    image = torch.randn(1, 2, 3, 4, 16, 8)
    torch.testing.assert_close(flat(image)[0, 0], image[0, 1], atol=1e-6, rtol=0)
    thick = image.repeat_interleave(2, dim=3)
    torch.testing.assert_close(opened(flat)(thick)[0, 0], thick[0, 1], atol=1e-6, rtol=0)


def test_and_it_learns_from_there():
    network = RSTAR4D(2, 2, stage=1)
    let_the_prior_through(network)
    network(torch.randn(1, 2, 3, 2, 8, 8)).square().mean().backward()
    moved = [
        name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()
    ]
    assert "last.block.first.xy.weight" in moved
    assert "encode.0.down.xy.weight" in moved


def test_the_verb_makes_a_model_with_its_card_and_what_it_reaches(sheet, recipe, tmp_path):
    train(str(recipe), "tiny4d", data=sheet, into=tmp_path, memory="2G", threads=1)
    folder = tmp_path / "tiny4d"
    assert check_model(folder / "tiny4d.yaml") < 1e-4
    model = yaml.safe_load((folder / "tiny4d.yaml").read_text())
    assert [entry["data"] for entry in model["accuracy"]] == ["1 validation samples", "1 test samples"]
    record = json.loads((folder / "training.json").read_text())
    assert record["steps"] == 5
    assert len(record["samples"]) == 4
    card = (folder / "card.md").read_text()
    assert "case-2 | validation" in card
    assert "case-0" not in card
    assert len((folder / "curves.tsv").read_text().splitlines()) == 6
    assert not (folder / "checkpoint.safetensors").exists()
    train(str(recipe), "tiny4d", data=sheet, into=tmp_path, memory="2G", threads=1)  # done: nothing to do


def test_a_training_that_was_interrupted_ends_with_the_same_weights(sheet, recipe, tmp_path):
    train(str(recipe), "whole", data=sheet, into=tmp_path, memory="2G", threads=1)
    job = prepare_restorer(*read_restoring_design(recipe), sheet, 1 << 30)
    folder = tmp_path / "stopped"
    folder.mkdir()

    class KilledError(Exception):
        pass

    def save(state):
        write_checkpoint(folder / "checkpoint.safetensors", state)
        if state.step == 4:
            raise KilledError

    with pytest.raises(KilledError):
        job.learn(job.start, save)
    train(str(recipe), "stopped", data=sheet, into=tmp_path, memory="2G", threads=1, resume=True)
    one, other = (load_file(tmp_path / name / f"{name}.safetensors") for name in ("whole", "stopped"))
    assert all(np.array_equal(one[key], other[key]) for key in one)


def test_what_is_reached_is_the_error_in_the_body(sheet, recipe):
    job = prepare_restorer(*read_restoring_design(recipe), sheet, 1 << 30)
    (found,) = reached(job, opened(job.network), job.of("validation"))
    image, prior, truth = (
        np.asarray(one.read((slice(None),) * len(one.shape)), float)
        for one in (
            job.of("validation")[0].image,
            job.of("validation")[0].prior,
            job.of("validation")[0].truth,
        )
    )
    prior = prior[::2].repeat(2, axis=0)  # z has just been opened
    body = truth > -500
    assert found.before == pytest.approx(np.sqrt(((image - truth)[body] ** 2).mean()), rel=1e-5)
    assert found.after == pytest.approx(np.sqrt(((prior[None] - truth)[body] ** 2).mean()), rel=1e-4)


def changed(sheet, tmp_path, change):
    path = tmp_path / "changed.tsv"
    path.write_text(change(sheet.read_text()))
    return path


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace("\tp2\t", "\tp1\t"), "TRAIN-LEAK"),
        (lambda text: text.replace("\ttest", "\tsometimes"), "SHEET-INVALID"),
        (lambda text: text.replace("\tp3\t", "\t \t"), "SHEET-INVALID"),
        (lambda text: text.replace("0-prior.ome.zarr", "0-prior.nii"), "SHEET-INVALID"),
        (lambda text: text.replace("0-prior", "0-truth"), "SHEET-INVALID"),
    ],
)
def test_a_sheet_with_faults_is_refused(sheet, tmp_path, change, code):
    with pytest.raises(ConfigError, match=code):
        read_cases(changed(sheet, tmp_path, change))


def test_data_that_do_not_belong_together_are_refused(sheet, recipe, tmp_path):
    design = read_restoring_design(recipe)
    swapped = changed(sheet, tmp_path, lambda text: text.replace("3-prior", "3-image"))
    with pytest.raises(MismatchError, match="RESTORE-PRIOR"):
        prepare_restorer(*design, swapped, 1 << 30)
    swapped = changed(sheet, tmp_path, lambda text: text.replace("3-truth", "2-prior"))
    with pytest.raises(MismatchError, match="TRAIN-GRID"):
        prepare_restorer(*design, swapped, 1 << 30)
    none = changed(sheet, tmp_path, lambda text: text.replace("\ttrain", "\ttest"))
    with pytest.raises(ConfigError, match="TRAIN-SHORT"):
        prepare_restorer(*design, none, 1 << 30)
    recipe.write_text(yaml.safe_dump(RECIPE | {"input": RECIPE["input"] | {"reconstruction": "rooster"}}))
    with pytest.raises(MismatchError, match="RESTORE-METHOD"):
        prepare_restorer(*read_restoring_design(recipe), sheet, 1 << 30)


def test_a_recipe_without_stages_or_a_training_without_a_sheet_is_refused(recipe, tmp_path):
    with pytest.raises(ModelError, match="TRAIN-RECIPE"):
        train(str(recipe), "tiny4d", into=tmp_path, memory="2G", threads=1)
    recipe.write_text(yaml.safe_dump({key: value for key, value in RECIPE.items() if key != "training"}))
    with pytest.raises(ModelError, match="TRAIN-RECIPE"):
        read_restoring_design(recipe)
