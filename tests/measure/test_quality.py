import json

import nibabel as nib
import numpy as np
import pytest

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.measure.quality import Quality, contrast_flag, pieces_flag, quality_flags, volume_flag
from medscience.measure.regions import measure_regions
from medscience.postprocess.brain import tissues
from medscience.postprocess.components import keep_largest
from medscience.simulate.head import LABELS, simulate_head
from medscience.simulate.scanner import isotropic
from medscience.steps.measure import measure
from medscience.store.commit import Provenance
from medscience.store.grid import level_factors
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.pyramid import majority, mean
from medscience.store.staging import staged
from medscience.store.tables import read_table
from medscience.testing.strategies import rotation


def named(*names):
    return tuple(Label(value=n, name=name, color=(0, 0, 0)) for n, name in enumerate(names))


NAMES = named(*LABELS.values())


def pyramid(array, geometry, reduce):
    factors = level_factors(array.shape, geometry.spacing)[1:]
    coarse = [Image(reduce(array, f), Meaning(geometry.coarser(f))) for f in factors]
    return [Image(array, Meaning(geometry)), *coarse]


def flags_of(image, labels, geometry, names=NAMES):
    """The flags by code, after loose pieces were removed."""
    cleaned = keep_largest(labels)
    scan = pyramid(image, geometry, mean)
    found = pyramid(cleaned.labels, geometry, majority)
    removed = (cleaned.pieces_removed, cleaned.voxels_removed)
    regions = measure_regions(found[0], scan[0], names)
    return {flag.code: flag for flag in quality_flags(regions, tissues(names), scan, found, removed)}


@pytest.fixture(scope="module")
def adult():
    """A simulated head as large as an adult's: image, labels and grid."""
    head = simulate_head(3, isotropic(2.0))
    return head.image, head.labels, head.geometry


def test_an_adult_head_has_no_flag(adult):
    assert flags_of(*adult) == {}


def test_a_child_size_brain_is_flagged_for_an_adult(adult):
    image, labels, geometry = adult
    found = flags_of(image, labels, geometry.with_spacing((1.4, 1.4, 1.4)).crop((0, 0, 0), geometry.shape))
    assert found.keys() == {"QUALITY-VOLUME"}
    assert "for an adult" in found["QUALITY-VOLUME"].text


@pytest.mark.parametrize("side", [slice(None, 50), slice(50, None)])
def test_an_erased_half_of_the_brain_is_flagged(adult, side):
    image, labels, geometry = adult
    half = labels.copy()
    half[:, :, side] = 0
    found = flags_of(image, half, geometry)
    assert found.keys() == {"QUALITY-VOLUME", "QUALITY-SIDES"}
    more = "right" if side.start is None else "left"
    assert f"more is labelled on the {more}" in found["QUALITY-SIDES"].text


@pytest.mark.parametrize(
    "shift, side",
    [
        ((20, 0, 0), "top"),
        ((0, 20, 0), "front"),
        ((0, -20, 0), "back"),
        ((0, 0, 20), "right"),
        ((0, 0, -20), "left"),
    ],
)
def test_a_head_that_is_shifted_out_of_the_image_is_flagged(adult, shift, side):
    moved = [shifted(array, shift) for array in adult[:2]]
    found = flags_of(*moved, adult[2])["QUALITY-CUT"]
    assert f"of the {side} face" in found.found


def shifted(array, shift):
    """An array moved by whole voxels, zeros behind it."""
    padded = np.pad(array, [(max(by, 0), max(-by, 0)) for by in shift])
    return padded[
        tuple(slice(max(-by, 0), max(-by, 0) + n) for by, n in zip(shift, array.shape, strict=True))
    ]


def test_a_brain_at_the_lower_face_is_cut_but_a_neck_is_not(adult):
    image, labels, geometry = adult
    bottom = np.flatnonzero(labels.any(axis=(1, 2)))[0]
    for start, codes in ((bottom - 2, set()), (bottom + 10, {"QUALITY-CUT"})):
        grid = geometry.crop((int(start), 0, 0), (geometry.shape[0] - int(start), *geometry.shape[1:]))
        assert flags_of(image[start:], labels[start:], grid).keys() == codes


def test_swapped_tissue_is_not_t1(adult):
    image, labels, geometry = adult
    inverted = np.where(labels > 0, 250 - image, image).astype(np.uint8)
    found = flags_of(inverted, labels, geometry)
    assert "QUALITY-CONTRAST" in found
    assert "not T1-like" in found["QUALITY-CONTRAST"].text


def test_contrast_needs_white_grey_and_something_darker():
    assert contrast_flag(120.0, 90.0, 40.0) is None
    assert contrast_flag(90.0, 120.0, 40.0)
    assert contrast_flag(120.0, 90.0, 95.0)
    assert contrast_flag(90.0, 90.0, 40.0)
    assert contrast_flag(float("nan"), 90.0, 40.0) is None


def test_specks_that_were_removed_are_flagged_with_their_number(adult):
    image, labels, geometry = adult
    specks = labels.copy()
    specks[1:15:2, 1:-1:2, 1:-1:2] = 1
    pieces = specks[1:15:2, 1:-1:2, 1:-1:2].size
    found = flags_of(image, specks, geometry)
    assert found.keys() == {"QUALITY-PIECES"}
    assert found["QUALITY-PIECES"].found.endswith(f"% in {pieces} pieces")


@pytest.mark.parametrize(
    "kept, voxels, flagged", [(98, 2, False), (97, 3, True), (0, 0, False), (0, 5, True)]
)
def test_more_than_two_percent_removed_is_too_much(kept, voxels, flagged):
    assert (pieces_flag(kept, 1, voxels) is not None) == flagged


@pytest.mark.parametrize(
    "volume, flagged", [(849, True), (850, False), (1700, False), (1701, True), (0, True)]
)
def test_the_volume_of_an_adult_has_two_ends(volume, flagged):
    assert (volume_flag(volume * 1000.0) is not None) == flagged


def test_labels_that_are_all_absent_are_flagged_for_their_volume_only(adult):
    image, labels, geometry = adult
    assert flags_of(image, np.zeros_like(labels), geometry).keys() == {"QUALITY-VOLUME"}


def test_fluid_is_no_part_of_the_brains_volume(adult):
    image, labels, geometry = adult
    everything = np.where(labels == 0, 3, labels).astype(np.uint8)
    assert "QUALITY-VOLUME" not in flags_of(image, everything, geometry)


def read(path, axis, degrees):
    """The voxels of a NIfTI file, and its grid turned about a world axis."""
    file = nib.load(path)
    turn = np.eye(4)
    turn[:3, :3] = rotation(np.eye(3)[axis], np.radians(degrees))
    array = np.asarray(file.dataobj).T
    return array, Geometry(array.shape, as_affine(turn @ file.affine[:, [2, 1, 0, 3]]))


@pytest.mark.samples
@pytest.mark.parametrize("axis, degrees", [(0, 0), (0, 15), (1, 10), (2, -15)])
@pytest.mark.parametrize("model", ["model20chan3cls", "model5_gw_ae", "model21_104class"])
def test_the_published_labels_of_a_real_head_have_no_flag_however_it_is_held(samples, model, axis, degrees):
    image, geometry = read(samples / "t1/t1_crop.nii.gz", axis, degrees)
    labels, _ = read(samples / f"t1/{model}_labels.nii.gz", axis, degrees)
    names = ["background", "White Matter", "Grey Matter"]
    if model == "model21_104class":
        names = json.loads((samples / "meshnet" / model / "colormap.json").read_text("utf-8"))["labels"]
    assert flags_of(image, labels, geometry, named(*names)) == {}


def store(path, array, content, record=None):
    with staged(path, Provenance("test", {}, {"source": path.name})) as staging:
        writer = ImageWriter(staging, content, array.shape, array.dtype)
        writer.write(tuple(slice(0, n) for n in array.shape), array)
        writer.finish()
        staging.record.update(record or {})
    return open_image(path)


def stated(folder, adult, names, record=None):
    """What a table of measurements states beside its rows."""
    image, labels, geometry = adult
    scan = store(folder / "scan.ome.zarr", image, Content.of(Meaning(geometry)))
    meaning = LabelMeaning(names, "scan", scan.commit.digest, "net")
    store(folder / "labels.ome.zarr", labels, Content.of(Meaning(geometry), labels=meaning), record)
    measure(folder / "labels.ome.zarr", folder / "scan.ome.zarr", folder / "scan.parquet")
    return read_table(folder / "scan.parquet")[1]


def test_measure_states_flags_and_volumes_beside_its_rows(tmp_path, adult):
    record = {"pieces_removed": 7, "voxels_removed": 50_000}
    found = Quality.from_json(stated(tmp_path, adult, NAMES, record)["quality"])
    assert [flag.code for flag in found.flags] == ["QUALITY-PIECES"]
    counts = np.bincount(adult[1].ravel()) * 8.0
    assert found.brain_mm3 == counts[1] + counts[2]
    assert found.intracranial_mm3 == counts[1:].sum()


@pytest.mark.parametrize("record", [{}, {"pieces_removed": 0, "voxels_removed": 0}])
def test_a_record_that_says_nothing_of_pieces_is_no_flag(tmp_path, adult, record):
    assert Quality.from_json(stated(tmp_path, adult, NAMES, record)["quality"]).flags == ()


def test_labels_without_a_brain_have_no_quality(tmp_path, adult):
    names = named("background", "liver", "heart_ventricle_left", "CSF")
    assert stated(tmp_path, adult, names).keys() == {"labels", "image"}


def test_quality_survives_its_text():
    flag = volume_flag(1.0)
    for intracranial in (None, 2.5):
        quality = Quality((flag,), 1.5, intracranial)
        assert Quality.from_json(quality.to_json()) == quality
