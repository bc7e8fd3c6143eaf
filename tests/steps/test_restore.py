"""From a stored image of phases to a restored one, through the verb."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from medscience.description import find_model
from medscience.errors import (
    ConfigError,
    InputError,
    MemoryPromiseError,
    MismatchError,
    ModelError,
    StoreError,
)
from medscience.geometry import Geometry, Reorientation, as_affine
from medscience.image import Image, Meaning
from medscience.inference.restore import prepare_restoration
from medscience.kinds import read_any_model
from medscience.models.known_answer import check_model
from medscience.models.restoring import save_restoring_model
from medscience.models.rstar4d import RSTAR4D
from medscience.models.zoo import load_restoring
from medscience.restoration import RestoringModel, reconstruction_for
from medscience.steps.plan import plan
from medscience.steps.predict import predict as verb
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.store.verify import verify

predict = functools.partial(verb, threads=1)
SCALE = {"unit": "HU", "offset": 0.0, "scale": 1000.0}
SEEN = {"modality": "CBCT", "axes": "SAR", "phases": 3, "values": SCALE}
SAR = ((0.0, 0.0, 1.0, -20.0), (0.0, 2.0, 0.0, 5.0), (3.0, 0.0, 0.0, 7.0), (0.0, 0.0, 0.0, 1.0))


def save_tiny(folder, name="tiny4d", axes="SAR", **changes):
    """Write a model file with a small random network whose answer has the size of an image."""
    arguments = {"width": 3, "levels": 2, "stage": 2}
    torch.manual_seed(1)
    network = RSTAR4D(**arguments)
    description = {
        "name": name,
        "description": "a random network for tests",
        "authors": [{"name": "nobody"}],
        "license": "Apache-2.0",
        "track": "cbct4d",
        "network": {"name": "rstar4d", "arguments": arguments},
        "weights": {"source": "a seed", "trained_on": "nothing"},
        "input": SEEN | {"axes": axes},
        "output": {"image": SCALE},
        "caution": "random weights",
    }
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    return save_restoring_model(folder, description | changes, tensors)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file with a small random network that restores phases, axes S-A-R."""
    return save_tiny(tmp_path_factory.mktemp("models"))


def drawn(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).integers(-1000, 1500, shape).astype(dtype)


def meaning(shape, axes="tzyx", unit="HU", affine=SAR):
    return Meaning(Geometry(shape[-3:], as_affine(affine)), axes, unit)


def stored(path, values, method="fdk", **about):
    """Commit an image, all of it at once, as if it had been reconstructed; without a method, ingested."""
    made = ("reconstruct", {"method": method}) if method else ("ingest", {})
    with staged(path, Provenance(*made, {"seed": str(values.sum())})) as staging:
        content = Content.of(meaning(values.shape, **about))
        writer = ImageWriter(staging, content, values.shape, values.dtype)
        writer.write(tuple(slice(0, n) for n in values.shape), values)
        writer.finish()
    return path


def by_hand(path, phases, prior=None):
    """The module on the whole image in float64, padded at the far ends by what lies there."""
    _, network = load_restoring(path)
    more = [(0, -n % m) for n, m in zip(phases.shape[1:], network.multiples, strict=True)]
    everything = phases.mean(axis=0, dtype=np.float64) if prior is None else prior
    padded = np.pad(phases.astype(np.float64), [(0, 0), *more], mode="edge")
    beside = np.broadcast_to(np.pad(everything.astype(np.float64), more, mode="edge"), padded.shape)
    seen = torch.from_numpy(np.stack([padded, beside])[None] / 1000)
    with torch.inference_mode():
        restored = network.double()(seen)[0, 0].numpy() * 1000
    return restored[:, : phases.shape[1], : phases.shape[2], : phases.shape[3]]


def whole(path):
    image = open_image(path).image
    return image.read((slice(None),) * len(image.shape))


def test_an_image_of_phases_is_restored_on_its_own_grid(model, tmp_path):
    phases, prior = drawn(3, 7, 9, 10), drawn(7, 9, 10, seed=1)
    image = stored(tmp_path / "x.ome.zarr", phases)
    beside = stored(tmp_path / "p.ome.zarr", prior, axes="zyx")
    predict(image, str(model), tmp_path / "r.ome.zarr", prior=beside)
    found = open_image(tmp_path / "r.ome.zarr")
    assert found.image.meaning == meaning(phases.shape)
    assert not found.content.is_labels
    assert found.image.data.dtype == np.float32
    np.testing.assert_allclose(whole(tmp_path / "r.ome.zarr"), by_hand(model, phases, prior), atol=0.05)
    record = found.commit.record
    assert record["plan"]["predicted_bytes"] <= record["plan"]["promised_bytes"]
    assert record["peak_memory_bytes"] > 0
    assert record["warnings"] == ["random weights"]
    assert not verify(tmp_path / "r.ome.zarr")


def test_without_a_prior_the_mean_of_the_phases_is_taken_and_said(model, tmp_path):
    phases = drawn(3, 4, 8, 8)
    image = stored(tmp_path / "x.ome.zarr", phases)
    predict(image, str(model), tmp_path / "r.ome.zarr")
    np.testing.assert_allclose(whole(tmp_path / "r.ome.zarr"), by_hand(model, phases), atol=0.05)
    commit = open_image(tmp_path / "r.ome.zarr").commit
    assert commit.provenance.settings["prior"] == "mean of the phases"
    assert "the prior is the mean of the phases" in commit.record["warnings"]


def test_whole_numbers_stay_whole_numbers(model, tmp_path):
    phases = drawn(2, 4, 8, 8, dtype=np.int16)
    image = stored(tmp_path / "x.ome.zarr", phases)
    predict(image, str(model), tmp_path / "r.ome.zarr")
    found = whole(tmp_path / "r.ome.zarr")
    assert found.dtype == np.int16
    np.testing.assert_allclose(found, by_hand(model, phases), atol=0.55)


def test_what_a_reader_should_know_is_noted(model, tmp_path):
    image = stored(tmp_path / "x.ome.zarr", drawn(5, 4, 8, 8), unit=None)
    predict(image, str(model), tmp_path / "r.ome.zarr")
    warnings = open_image(tmp_path / "r.ome.zarr").commit.record["warnings"]
    assert any("5 phases" in line for line in warnings)
    assert any("no unit" in line for line in warnings)


def test_phases_of_another_reconstruction_are_refused_and_of_an_unknown_one_noted(tmp_path):
    model = save_tiny(tmp_path, "streaks", input=SEEN | {"reconstruction": "mckinnon-bates"})
    other, right, unknown = (
        stored(tmp_path / f"{n}.ome.zarr", drawn(3, 4, 8, 8), method=method)
        for n, method in enumerate(("fdk", "mckinnon-bates", None))
    )
    restore = functools.partial(predict, destination=tmp_path / "r.ome.zarr")
    for step in (restore, plan):
        with pytest.raises(MismatchError, match=r"RESTORE-METHOD.*phases by fdk.*by mckinnon-bates"):
            step(other, str(model))
    for image, noted in ((right, False), (unknown, True)):
        predict(image, str(model), tmp_path / f"{image.name}-r.ome.zarr")
        warnings = open_image(tmp_path / f"{image.name}-r.ome.zarr").commit.record["warnings"]
        assert any("not known how the phases were reconstructed" in line for line in warnings) == noted


def test_a_cohort_reconstructs_as_its_models_want_and_not_for_two_that_differ(model, tmp_path):
    other = save_tiny(tmp_path, "other", input=SEEN | {"reconstruction": "rooster"})
    labels = find_model("demo-head")
    assert reconstruction_for([]) == reconstruction_for([labels]) == reconstruction_for([model]) == "fdk"
    assert reconstruction_for([other, labels]) == "rooster"
    with pytest.raises(ConfigError, match=r"CONFIG-METHODS.*tiny4d: fdk, other: rooster"):
        reconstruction_for([model, other])


ORIENTATIONS = [Reorientation((a, b, c), (f, g, h))
                for a, b, c in ((0, 1, 2), (2, 0, 1), (1, 2, 0))
                for f, g, h in ((False, False, False), (True, False, True))]  # fmt: skip


@pytest.mark.parametrize("change", ORIENTATIONS)
def test_the_way_in_which_an_image_is_stored_does_not_matter(model, change, monkeypatch):
    """Runs along any axis, from either end, and each of them whole shards."""
    monkeypatch.setattr("medscience.inference.restore.CHUNK", 4)
    upright = Image(drawn(2, 10, 9, 8), meaning((10, 9, 8)))
    turned = upright.turned(change)
    held = Image(turned.read((slice(None),) * 4), turned.meaning)
    found, expected = (restored(image, model) for image in (held, upright))
    np.testing.assert_allclose(change.inverse.apply(found), expected, rtol=0, atol=1e-3)


def restored(image, model, has=lambda region: False, written=None):
    found = np.full(image.shape, np.nan, np.float32)
    job = prepare_restoration(image, None, load_restoring(model), 8 << 30)

    def write(region, values):
        found[region] = values
        if written is not None:
            written.append(region)

    job.run(write, has=has)
    return found


def test_what_is_there_is_not_done_again_and_the_rest_has_the_same_bits(model, monkeypatch):
    monkeypatch.setattr("medscience.inference.restore.CHUNK", 16)
    image = Image(drawn(2, 150, 4, 4), meaning((150, 4, 4)))
    everything = restored(image, model)
    there, written = lambda region: region[1].start not in (96, 128), []
    rest = restored(image, model, there, written)
    assert [region[1] for region in written] == [slice(96, 112), slice(128, 144)]
    for region in written:
        assert np.array_equal(rest[region], everything[region])


def test_it_tells_of_every_slice_that_comes_and_goes(model):
    job = prepare_restoration(
        Image(drawn(2, 7, 4, 4), meaning((7, 4, 4))), None, load_restoring(model), 8 << 30
    )
    told = []
    job.run(lambda region, values: None, lambda done, total: told.append((done, total)))
    assert told == [(min(n, 14), 14) for n in range(16)]  # 7 slices are continued by one


class KilledError(BaseException):
    """Stands for SIGKILL."""


def test_a_run_that_was_killed_goes_on_to_the_same_commit(model, tmp_path, monkeypatch):
    monkeypatch.setattr("medscience.inference.restore.CHUNK", 16)
    image = stored(tmp_path / "x.ome.zarr", drawn(2, 40, 8, 8))
    predict(image, str(model), tmp_path / "whole.ome.zarr")
    write, count = ImageWriter.write, iter(range(9))

    def until_the_second(self, region, values):
        if next(count) == 1:
            raise KilledError
        write(self, region, values)

    monkeypatch.setattr(ImageWriter, "write", until_the_second)
    with pytest.raises(KilledError):
        predict(image, str(model), tmp_path / "r.ome.zarr")
    monkeypatch.setattr(ImageWriter, "write", write)
    with pytest.raises(StoreError, match="STORE-UNCOMMITTED"):
        open_image(tmp_path / "r.ome.zarr")
    predict(image, str(model), tmp_path / "r.ome.zarr")
    found, expected = (open_image(tmp_path / f"{name}.ome.zarr").commit for name in ("r", "whole"))
    assert found.record["resumed"] == {"times": 1, "blocks": 1}
    chunks = [{k: v for k, v in commit.objects.items() if "/c/" in k} for commit in (found, expected)]
    assert chunks[0] == chunks[1]


def refused(code, model, values, prior=None, **about):
    image = Image(values, meaning(values.shape, **about))
    with pytest.raises((InputError, MismatchError, ModelError, MemoryPromiseError), match=code):
        prepare_restoration(image, prior, load_restoring(model), 8 << 30).run(lambda region, values: None)


def test_what_is_no_image_of_phases_is_refused(model):
    refused("RESTORE-AXES", model, drawn(4, 8, 8), axes="zyx")
    refused("RESTORE-AXES", model, drawn(4, 1, 8, 8))
    refused("RESTORE-UNIT", model, drawn(2, 4, 8, 8), unit="1/mm")
    refused("RESTORE-UNIT", model, np.abs(drawn(2, 4, 8, 8)), unit=None)
    spoilt = drawn(2, 4, 8, 8)
    spoilt[1, 2, 3, 4] = np.nan
    refused("RESTORE-NOT-FINITE", model, spoilt)


def test_a_prior_of_another_grid_is_refused(model):
    phases = drawn(2, 4, 8, 8)
    moved = np.array(SAR)
    moved[0, 3] += 1
    for prior in (
        Image(drawn(4, 8, 7), meaning((4, 8, 7), axes="zyx")),
        Image(drawn(4, 8, 8), meaning((4, 8, 8), axes="zyx", affine=moved)),
        Image(phases, meaning(phases.shape)),
    ):
        refused("RESTORE-PRIOR", model, phases, prior)


def test_numbers_that_the_type_cannot_hold_are_refused(tmp_path):
    loud = save_tiny(tmp_path, output={"image": SCALE | {"scale": 1e9}})
    refused("RESTORE-RANGE", loud, drawn(2, 4, 8, 8, dtype=np.int16))


def test_too_little_memory_is_refused_with_the_number_needed(model):
    image = Image(drawn(2, 4, 8, 8), meaning((4, 8, 8)))
    with pytest.raises(MemoryPromiseError, match=r"expected \d+M or more"):
        prepare_restoration(image, None, load_restoring(model), 64 << 20)


def test_a_model_file_that_restores_is_read_checked_and_compared(model, tmp_path):
    description = read_any_model(model)
    assert isinstance(description, RestoringModel)
    assert description.output.image.scale == 1000
    assert check_model(model) < 1e-4
    assert not verify(model)
    with pytest.raises(ModelError, match="MODEL-EXISTS"):
        save_tiny(model.parent)
    with pytest.raises(ConfigError, match="each world axis once"):
        save_tiny(tmp_path, axes="SIR")


def test_a_batch_may_name_priors(model, tmp_path):
    stored(tmp_path / "x.ome.zarr", drawn(2, 4, 8, 8))
    stored(tmp_path / "p.ome.zarr", drawn(4, 8, 8), axes="zyx")
    rows = [("image", "dest", "prior"), ("x", "a", "p"), ("x", "b", "")]
    lines = ["\t".join(str(tmp_path / f"{word}.ome.zarr") if n and word else word for word in row)
             for n, row in enumerate(rows)]  # fmt: skip
    (tmp_path / "list.tsv").write_text("\n".join(lines))
    predict(tmp_path / "list.tsv", str(model), batch=True)
    settings = [open_image(tmp_path / f"{n}.ome.zarr").commit.provenance.settings["prior"] for n in "ab"]
    assert settings == ["given", "mean of the phases"]


def test_options_of_networks_that_label_are_refused(model, tiny_model, tmp_path):
    image = stored(tmp_path / "x.ome.zarr", drawn(2, 4, 8, 8))
    for wrong in ({"tile": "64,64,64"}, {"workers": 2}, {"keep": ["confidence"]}):
        with pytest.raises(Exception, match="networks that give labels"):
            predict(image, str(model), tmp_path / "r.ome.zarr", **wrong)
    with pytest.raises(Exception, match="networks that restore phases"):
        predict(image, str(tiny_model), tmp_path / "r.ome.zarr", prior=image)


def test_an_image_that_is_turned_is_read_lazily_in_any_part():
    values = drawn(2, 3, 4, 5)
    image = Image(values, meaning(values.shape))
    turned = image.turned(Reorientation((2, 0, 1), (True, False, True)))
    assert turned.shape == (2, 5, 3, 4)
    expected = Reorientation((2, 0, 1), (True, False, True)).apply(values)
    part = (slice(1, 2), slice(1, 4), slice(0, 2), slice(2, 3))
    assert np.array_equal(turned.read(part), expected[part])
    assert dataclasses.asdict(turned.meaning)["axes"] == "tzyx"


def test_the_plan_says_what_it_would_take(model, tmp_path, capsys):
    image = stored(tmp_path / "x.ome.zarr", drawn(2, 5, 8, 8))
    plan(image, str(model), threads=1)
    found = capsys.readouterr().out
    assert "a stream of 6, of 8 x 8 voxels" in found
    assert "GiB promised" in found
