"""The verbs, one after the other, on a small head."""

import json

import nibabel as nib
import numpy as np
import pyarrow.parquet
import pytest
import torch
import typer
import yaml
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from medscience.description import file_sha256
from medscience.errors import InputError, MedscienceError, MismatchError, ModelError, StoreError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.models.zoo import load
from medscience.postprocess.components import keep_largest
from medscience.postprocess.refine import settled
from medscience.preprocess.normalize import normalization
from medscience.steps.export import brain_mask, skull_stripped
from medscience.steps.ingest import ingest
from medscience.steps.measure import measure
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.steps.verify import verify
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.testing.phantoms import orientations

EVERYTHING = (slice(None),) * 3


@pytest.fixture(scope="module")
def head(tmp_path_factory, toy_head):
    """A small simulated head and its truth, as far as the small network knows labels, ingested."""
    folder = tmp_path_factory.mktemp("head")
    made = toy_head(5)
    truth = np.where(made.labels < 3, made.labels, 0)
    for name, array in (("scan", made.image), ("truth", truth)):
        image = Image(array, Meaning(made.geometry))
        write_nifti(image, folder / f"{name}.nii.gz", is_labels=name == "truth", form_code=1)
    ingest(folder / "scan.nii.gz", folder / "scan.ome.zarr")
    ingest(folder / "truth.nii.gz", folder / "truth.ome.zarr", labels=True)
    return folder


@pytest.fixture
def chain(head, tiny_model, tmp_path):
    """The whole chain with a small network; returns the folder of its results."""
    predict(head / "scan.ome.zarr", str(tiny_model), tmp_path / "raw.ome.zarr")
    postprocess(tmp_path / "raw.ome.zarr", str(tiny_model), tmp_path / "labels.ome.zarr")
    measure(
        tmp_path / "labels.ome.zarr",
        head / "scan.ome.zarr",
        tmp_path / "sample.parquet",
        head / "truth.ome.zarr",
    )
    return tmp_path


def test_a_prediction_is_the_networks_answer_to_the_whole_volume(head, tiny_model, tmp_path):
    model, network = load(tiny_model)
    image = open_image(head / "scan.ome.zarr").image
    change = image.geometry.reorientation(model.input.axes)
    seen = change.apply(normalization(image, "minmax")(image.read(EVERYTHING)))
    with torch.inference_mode():
        logits = network(torch.from_numpy(seen.copy())[None, None])[0]
    expected = change.inverse.apply(logits.argmax(0).numpy())
    predict(head / "scan.ome.zarr", str(tiny_model), tmp_path / "raw.ome.zarr", precision="float32")
    found = open_image(tmp_path / "raw.ome.zarr")
    assert found.image.geometry == image.geometry
    assert_array_equal(found.image.read(EVERYTHING), expected)


@pytest.mark.parametrize("tile", ["64,64,64", "32,40,68", "17,80,19"])
def test_the_tile_does_not_change_the_answer(tile, head, chain, tiny_model, tmp_path):
    predict(head / "scan.ome.zarr", str(tiny_model), tmp_path / "tiled.ome.zarr", tile=tile)
    tiled, whole = (open_image(tmp_path / f"{n}.ome.zarr") for n in ("tiled", "raw"))
    assert tiled.commit.record["plan"]["blocks"] > 1
    assert_array_equal(tiled.image.read(EVERYTHING), whole.image.read(EVERYTHING))


def test_the_measured_peak_is_recorded_beside_the_promise(chain):
    record = open_image(chain / "raw.ome.zarr").commit.record
    assert record["plan"]["promised_bytes"] == 8 << 30
    assert record["peak_memory_bytes"] > 0


def test_the_table_counts_the_labels_and_names_what_it_was_made_from(head, chain):
    table = pyarrow.parquet.read_table(chain / "sample.parquet")
    labels = open_image(chain / "labels.ome.zarr")
    rows = {row["label"]: row for row in table.to_pylist()}
    counts = np.bincount(labels.image.read(EVERYTHING).ravel(), minlength=3)
    assert {label: row["voxels"] for label, row in rows.items()} == {1: counts[1], 2: counts[2]}
    assert {row["sample"] for row in rows.values()} == {"sample"}
    digests = json.loads(table.schema.metadata[b"medscience"])
    assert digests["labels"] == labels.commit.digest
    assert digests["image"] == open_image(head / "scan.ome.zarr").commit.digest


def test_labels_are_not_measured_on_another_image(chain, toy_head, tmp_path):
    made = toy_head(6)
    write_nifti(Image(made.image, Meaning(made.geometry)), tmp_path / "b.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "b.nii", tmp_path / "b.ome.zarr")
    with pytest.raises(MismatchError, match="MEASURE-IMAGE"):
        measure(chain / "labels.ome.zarr", tmp_path / "b.ome.zarr", tmp_path / "t.parquet")


def test_a_prediction_by_a_model_that_has_changed_is_not_postprocessed(chain, tiny_model, tmp_path):
    tiny_model.write_text(tiny_model.read_text().replace("largest-component", "everything"))
    with pytest.raises(MismatchError, match="POSTPROCESS-MODEL"):
        postprocess(chain / "raw.ome.zarr", str(tiny_model), tmp_path / "other.ome.zarr")


@pytest.fixture
def by_brightness(tiny_model):
    """The small network's model file, whose borders follow the image's brightness."""
    content = tiny_model.read_text().replace("borders: as-found", "borders: by-brightness")
    tiny_model.write_text(content)
    return tiny_model


def test_borders_follow_the_brightness_of_the_image(by_brightness, head, tmp_path):
    scan, raw = head / "scan.ome.zarr", tmp_path / "raw.ome.zarr"
    predict(scan, str(by_brightness), raw)
    postprocess(raw, str(by_brightness), tmp_path / "labels.ome.zarr", scan)
    stored, image = open_image(tmp_path / "labels.ome.zarr"), open_image(scan)
    values = image.image.read(EVERYTHING)
    seen = normalization(image.image, "minmax")(values)
    cleaned = keep_largest(open_image(raw).image.read(EVERYTHING)).labels
    expected, steps = settled(cleaned, lambda region: seen[region], image.image.geometry.spacing)
    assert_array_equal(stored.image.read(EVERYTHING), expected)
    assert stored.commit.record["voxels_redrawn"] == (expected != cleaned).sum() > 0
    assert stored.commit.record["border_steps"] == steps
    assert stored.commit.provenance.inputs["image"] == image.commit.digest


@pytest.mark.parametrize("other", [False, True])
def test_borders_do_not_follow_another_image_or_none(other, by_brightness, head, tmp_path):
    predict(head / "scan.ome.zarr", str(by_brightness), tmp_path / "raw.ome.zarr")
    image = head / "truth.ome.zarr" if other else None
    with pytest.raises(MismatchError, match="POSTPROCESS-IMAGE"):
        postprocess(tmp_path / "raw.ome.zarr", str(by_brightness), tmp_path / "labels.ome.zarr", image)
    assert not (tmp_path / "labels.ome.zarr").exists()


def test_the_same_result_is_not_made_twice_and_another_is_not_overwritten(chain, head, tiny_model):
    commit = chain / "raw.ome.zarr.commit.json"
    before = commit.stat().st_mtime_ns
    predict(head / "scan.ome.zarr", str(tiny_model), chain / "raw.ome.zarr")
    assert commit.stat().st_mtime_ns == before
    with pytest.raises(StoreError, match="STORE-EXISTS"):
        predict(head / "scan.ome.zarr", str(tiny_model), chain / "raw.ome.zarr", threads=7)


def damaged(store, how):
    """Damage the largest object of a store."""
    path = max(store.rglob("c/*/*/*"), key=lambda p: p.stat().st_size)
    if how == "deleted":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("how", ["deleted", "altered"])
def test_a_damaged_object_is_found_by_verify_and_by_the_next_step(how, chain, tiny_model):
    verify([chain])
    path = damaged(chain / "raw.ome.zarr", how)
    with pytest.raises(StoreError, match=path.name) as fault:
        verify([chain])
    assert str(path) == fault.value.file
    with pytest.raises(MedscienceError, match="STORE-ALTERED"):
        postprocess(chain / "raw.ome.zarr", str(tiny_model), chain / "again.ome.zarr")


def test_a_damaged_image_stops_prediction(head, tiny_model, tmp_path):
    ingest(head / "scan.nii.gz", tmp_path / "copy.ome.zarr")
    damaged(tmp_path / "copy.ome.zarr", "altered")
    with pytest.raises(StoreError, match="STORE-ALTERED"):
        predict(tmp_path / "copy.ome.zarr", str(tiny_model), tmp_path / "raw.ome.zarr")
    assert not (tmp_path / "raw.ome.zarr").exists()


def test_a_damaged_table_is_found_by_verify(chain):
    path = chain / "sample.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="TABLE-ALTERED"):
        verify([path])


def test_a_source_that_is_not_the_one_in_the_sheet_is_refused(head, tmp_path):
    with pytest.raises(InputError, match="INPUT-SHA256"):
        ingest(head / "scan.nii.gz", tmp_path / "x.ome.zarr", sha256="0" * 64)


def test_brightness_is_not_taken_for_labels(toy_head, tmp_path):
    made = toy_head(6, (20, 20, 20))
    image = Image(made.image.astype(np.float32), Meaning(made.geometry))
    write_nifti(image, tmp_path / "x.nii", is_labels=False, form_code=1)
    with pytest.raises(InputError, match="INPUT-LABELS"):
        ingest(tmp_path / "x.nii", tmp_path / "x.ome.zarr", labels=True)


def test_a_first_model_chooses_where_to_look_and_inside_nothing_changes(head, chain, tiny_model, tmp_path):
    """The same network with and without a box: equal inside, background outside."""
    content = yaml.safe_load(tiny_model.read_text())
    content["name"] = "focused"
    content["input"]["crop"] = {"model": "tiny", "margin": 2}
    focused = tiny_model.with_name("focused.yaml")
    focused.write_text(yaml.safe_dump(content))
    predict(head / "scan.ome.zarr", str(focused), tmp_path / "focused.ome.zarr")
    found, plain = (open_image(tmp_path / f"{n}.ome.zarr").image.read(EVERYTHING) for n in ("focused", "raw"))
    record = open_image(tmp_path / "focused.ome.zarr").commit.record
    box = np.zeros(plain.shape, dtype=bool)
    axes = open_image(head / "scan.ome.zarr").image.geometry.reorientation("LIA")
    inside = axes.apply(box)
    inside[tuple(slice(*ends) for ends in record["plan"]["focus"])] = True
    assert 0 < box.mean() <= 1
    assert_array_equal(found, np.where(box, plain, 0))
    assert "tiny chose where to look" in record["warnings"][0]


def test_a_first_model_that_finds_nothing_is_refused(toy_head, tiny_model, tmp_path):
    made = toy_head(5, (40, 40, 40))
    write_nifti(Image(made.image, Meaning(made.geometry)), tmp_path / "a.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "a.nii", tmp_path / "a.ome.zarr")
    content = yaml.safe_load(tiny_model.read_text())
    weights = tiny_model.with_suffix(".safetensors")
    tensors = load_file(weights)
    tensors["head.bias"] += np.float32([1e6, 0, 0])
    save_file(tensors, weights)
    content["weights"]["sha256"] = file_sha256(weights)
    tiny_model.write_text(yaml.safe_dump(content))
    content["input"]["crop"] = {"model": "tiny", "margin": 2}
    tiny_model.with_name("focused.yaml").write_text(yaml.safe_dump(content | {"name": "focused"}))
    with pytest.raises(ModelError, match="PREDICT-FOCUS"):
        predict(tmp_path / "a.ome.zarr", str(tiny_model.with_name("focused.yaml")), tmp_path / "b.ome.zarr")
    assert not list(tmp_path.glob("b.ome.zarr*"))


def test_brain_mask_and_skull_stripped_volume_lie_on_the_scans_own_grid(head, chain, tmp_path):
    labels = chain / "labels.ome.zarr"
    brain_mask(labels, tmp_path / "mask.nii.gz")
    skull_stripped(labels, head / "scan.ome.zarr", tmp_path / "brain.nii.gz")
    scan, mask, brain = (
        nib.load(path) for path in (head / "scan.nii.gz", tmp_path / "mask.nii.gz", tmp_path / "brain.nii.gz")
    )
    inside = np.asarray(mask.dataobj) == 1
    found = open_image(labels).image.read(EVERYTHING).transpose(2, 1, 0)
    assert inside[found > 0].all()
    assert_array_equal(np.asarray(brain.dataobj), np.where(inside, np.asarray(scan.dataobj), 0))
    np.testing.assert_allclose(brain.affine, scan.affine)
    other = chain / "raw.ome.zarr"
    with pytest.raises(MismatchError, match="EXPORT-IMAGE"):
        skull_stripped(labels, other, tmp_path / "x.nii.gz")


def test_the_networks_of_these_tests_use_all_their_labels(chain):
    assert set(np.unique(open_image(chain / "raw.ome.zarr").image.read(EVERYTHING))) == {0, 1, 2}


BAD = {
    "constant": ("IMAGE-CONSTANT", np.full((40, 40, 40), 7, np.int16)),
    "one voxel thick": ("PREDICT-THIN", np.arange(1600, dtype=np.int16).reshape(1, 40, 40)),
}


@pytest.mark.parametrize("case", BAD)
def test_what_no_network_can_read_is_one_line_that_names_the_file(case, tiny_model, tmp_path):
    code, values = BAD[case]
    image = Image(values, Meaning(orientations(values.shape, (1.0, 1.0, 1.0))[0]))
    write_nifti(image, tmp_path / "a.nii", is_labels=False, form_code=1)
    ingest(tmp_path / "a.nii", tmp_path / "a.ome.zarr")
    with pytest.raises(MedscienceError, match=code) as fault:
        predict(tmp_path / "a.ome.zarr", str(tiny_model), tmp_path / "b.ome.zarr")
    assert fault.value.file == str(tmp_path / "a.ome.zarr")
    assert "a.ome.zarr" in str(fault.value)
    assert not list(tmp_path.glob("b.ome.zarr*"))


def test_how_the_image_is_cut_in_storage_does_not_change_the_answer(head, chain, tiny_model, tmp_path):
    whole = open_image(head / "scan.ome.zarr")
    provenance = Provenance("ingest", {}, {"source": "the same voxels in odd chunks"})
    with staged(tmp_path / "odd.ome.zarr", provenance) as staging:
        content = Content.of(whole.image.meaning)
        writer = ImageWriter(staging, content, whole.image.shape, "uint8", block=(33, 41, 37))
        for region in regions(whole.image.shape, writer.shards):
            writer.write(region, whole.image.read(region))
        writer.finish()
    predict(tmp_path / "odd.ome.zarr", str(tiny_model), tmp_path / "odd_raw.ome.zarr", tile="30,33,68")
    odd, plain = (
        open_image(path).image.read(EVERYTHING)
        for path in (tmp_path / "odd_raw.ome.zarr", chain / "raw.ome.zarr")
    )
    assert_array_equal(odd, plain)


def test_a_network_with_instance_norm_sees_everything_or_says_that_it_is_approximate(
    head, normed_model, tmp_path
):
    records = {}
    for name, tile in (("one", None), ("many", "32,32,32")):
        predict(head / "scan.ome.zarr", str(normed_model), tmp_path / f"{name}.ome.zarr", tile=tile)
        records[name] = open_image(tmp_path / f"{name}.ome.zarr").commit.record
    assert (records["one"]["exact"], records["one"]["seam_score"], records["one"]["warnings"]) == (
        True,
        None,
        [],
    )
    assert records["many"]["exact"] is False
    assert 0 < records["many"]["seam_score"] < 1
    assert 0 < records["many"]["grid_score"] < 1
    assert "approximate" in records["many"]["warnings"][0]


def test_maps_lie_beside_the_labels(head, tiny_model, tmp_path):
    scan, store = head / "scan.ome.zarr", tmp_path / "raw.ome.zarr"
    predict(scan, str(tiny_model), store, keep=["confidence", "2"], tile="32,40,68", threads=1)
    found = open_image(store)
    assert list(found.maps) == ["confidence", "probability-2"]
    labels = found.image.read(EVERYTHING)
    confidence, second = (found.maps[name].read(EVERYTHING) for name in found.maps)
    assert confidence.min() >= 255 // 3
    assert_array_equal(second[labels == 2], confidence[labels == 2])
    predict(scan, str(tiny_model), tmp_path / "plain.ome.zarr", threads=1)
    assert_array_equal(open_image(tmp_path / "plain.ome.zarr").image.read(EVERYTHING), labels)
    verify([store])


def test_a_map_that_there_is_not_is_wrong_usage(head, tiny_model, tmp_path):
    with pytest.raises(typer.BadParameter, match="none of confidence, entropy, 0, 1, 2"):
        predict(head / "scan.ome.zarr", str(tiny_model), tmp_path / "raw.ome.zarr", keep=["sureness"])
