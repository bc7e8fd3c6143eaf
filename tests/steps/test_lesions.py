"""The verb that measures livers: what belongs together, what a person corrected, what is refused."""

import numpy as np
import pytest

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.steps.lesions import lesions
from medscience.store.images import open_image
from medscience.store.metadata import LabelMeaning
from medscience.store.tables import read_table
from tests.store.conftest import write

NAMES = tuple(
    Label(value=value, name=name, color=(value, 0, 0))
    for value, name in enumerate(("background", "liver", "tumour"))
)


def write_scan(folder, name="case-1", shape=(12, 20, 20), **grid):
    """A CT of a liver with two lesions; its path and its truth."""
    truth = np.zeros(shape, np.uint8)
    truth[2:10, 3:17, 3:17] = 1
    truth[4:7, 6:9, 5:10] = 2
    truth[8, 12, 12] = 2
    scan = np.where(truth == 2, 60, np.where(truth == 1, 110, -900)).astype(np.int16)
    return write(folder / f"images/{name}.ome.zarr", scan, **grid), truth


def write_liver(folder, *, names=NAMES, name="case-1", **shape):
    """The same, and its labels."""
    image, truth = write_scan(folder, name, **shape)
    meaning = LabelMeaning(names, name, open_image(image).commit.digest, model="net")
    labels = write(folder / f"labels/net/{name}.ome.zarr", truth, labels=meaning)
    return image, labels, truth


def test_a_case_has_its_lesions_and_its_row(tmp_path):
    image, labels, truth = write_liver(tmp_path)
    reference = np.where(truth == 2, 1, truth)
    reference[8, 12, 12] = 2
    other = write(tmp_path / "truth.ome.zarr", reference, is_labels=True)
    table, row = (tmp_path / f"{kind}/case-1.parquet" for kind in ("lesions", "livers"))
    lesions(labels, image, table, row, reference=other)
    found, stated = read_table(table)
    case, stated_too = read_table(row)
    assert stated == stated_too
    assert {"labels", "image", "reference"} <= set(stated)
    rows = found.to_pylist()
    assert [(r["side"], r["voxels"], r["mean_hu"], r["best_iou"]) for r in rows] == [
        ("found", 45, 60, 0.0),
        ("found", 1, 60, 1.0),
        ("reference", 1, 60, 1.0),
    ]
    assert {(r["sample"], r["model"]) for r in [*rows, *case.to_pylist()]} == {("case-1", "net")}
    assert case["liver_dice"].to_pylist() == [1.0]
    assert rows[0]["longest_mm"] == pytest.approx(np.hypot(5, 2 * 2), rel=0.15)


def test_labels_of_another_image_and_of_another_model_are_refused(tmp_path):
    image, labels, _ = write_liver(tmp_path)
    strange, _, _ = write_liver(tmp_path / "other", shape=(12, 20, 21))
    places = (tmp_path / "a.parquet", tmp_path / "b.parquet")
    with pytest.raises(MismatchError, match="MEASURE-IMAGE"):
        lesions(labels, strange, *places)
    with pytest.raises(MismatchError, match="MEASURE-REFERENCE"):
        lesions(labels, image, *places, reference=image)
    brain = tuple(Label(value=n, name=f"tissue {n}", color=(0, 0, 0)) for n in range(3))
    image, labels, _ = write_liver(tmp_path / "brain", names=brain)
    with pytest.raises(MismatchError, match=r"LESIONS-LABELS.*tissue 1.*liver and tumour"):
        lesions(labels, image, *places)
    assert not any(place.exists() for place in places)
