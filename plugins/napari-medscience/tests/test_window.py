"""What a person sees, in a real window on a virtual display."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medscience.review.drafts import find_drafts
from medscience.review.ledger import NAME, Ledger
from medscience.store.images import open_image
from medscience.testing.phantoms import obliques, orientations
from napari_medscience.samples import simulate_abdomen

XVFB = ("xvfb-run", "-a", "-s", "-screen 0 1280x1024x24 +extension GLX")
SHAPE = (40, 44, 48)
GRIDS = {
    **{grid.orientation: grid for grid in orientations(SHAPE) if grid.orientation in ("SAR", "RPI")},
    "oblique": obliques(3, shape=SHAPE)[2],
}


@pytest.fixture(scope="module")
def display():
    """Skip without a virtual display, but never in CI."""
    if shutil.which("xvfb-run") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs xvfb-run and the GL packages that the plugin's README names")
        pytest.skip("xvfb-run is not installed")


@pytest.fixture(scope="module", params=GRIDS)
def pictures(request, display, tmp_path_factory, write_store, meaning_of_labels):
    """Return pictures of a head with red on the patient's right and green on top, by name."""
    grid, tmp_path = GRIDS[request.param], tmp_path_factory.mktemp(request.param)
    middle = grid.world((np.array(SHAPE) - 1) / 2)
    place = np.moveaxis(grid.world(np.moveaxis(np.indices(SHAPE), 0, -1)) - middle, -1, 0)
    image = (1000 * (np.linalg.norm(place, axis=0) < 16)).astype(np.int16)
    labels = np.zeros(SHAPE, np.uint8)
    labels[np.linalg.norm(place - np.array([9, 0, 0])[:, None, None, None], axis=0) < 5] = 3
    labels[np.linalg.norm(place - np.array([0, 0, 9])[:, None, None, None], axis=0) < 5] = 41
    stores = [
        write_store(tmp_path / "image" / "x.ome.zarr", image, grid.affine),
        write_store(tmp_path / "labels" / "x.ome.zarr", labels, grid.affine, labels=meaning_of_labels()),
    ]
    script = Path(__file__).with_name("window.py")
    run = [*XVFB, sys.executable, str(script), str(tmp_path), *map(str, stores)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    names = ("axial", "coronal", "front")
    return {name: np.asarray(Image.open(tmp_path / f"{name}.png"))[..., :3].astype(int) for name in names}


def where(picture, channel):
    """Row and column, from the middle, of the pixels in which one colour is far stronger than the others."""
    others = np.delete(picture, channel, axis=-1).max(axis=-1)
    found = np.argwhere(picture[..., channel] > 1.6 * others + 40)
    assert len(found) > 100, "the label's colour is not in the picture"
    return found.mean(axis=0) - np.array(picture.shape[:2]) / 2


def test_the_patient_is_seen_as_by_a_radiologist(pictures):
    for name, picture in pictures.items():
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2, f"{name} is blank"
        _, column = where(picture, channel=0)
        assert column < -10, f"{name}: the patient's right is not on the left"
    for name in ("coronal", "front"):
        row, _ = where(pictures[name], channel=1)
        assert row < -10, f"{name}: the top of the head is not on top"


def test_labels_have_their_own_colours(pictures):
    colours = {tuple(colour) for colour in pictures["coronal"].reshape(-1, 3).tolist()}
    assert {(205, 62, 78), (0, 255, 0)} <= colours


def test_a_sitting_from_the_queue_to_the_ledger(display, tmp_path, make_run):
    """A simulated CT: accept, correct with the mouse, undo, redo, sign by key; pixels and ledger."""
    values, _, geometry = simulate_abdomen((40, 60, 80), (6.0, 4.8, 4.8))
    empty = np.zeros(values.shape, np.uint8)
    run = make_run(tmp_path / "run", {f"s{n}": (values, empty) for n in "123"}, affine=geometry.affine)
    script = Path(__file__).with_name("review_window.py")
    done = subprocess.run(
        [*XVFB, sys.executable, str(script), str(tmp_path), str(run)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert [seen[name] for name in ("first", "second", "third", "back")] == ["s1", "s2", "s3", "s2"]
    assert seen["steps"] == [1, 0]
    assert not seen["can accept"]
    assert "correction 1" in seen["message"]
    green = {
        name: (np.asarray(Image.open(tmp_path / f"{name}.png"))[..., :3] == (0, 255, 0)).all(axis=-1)
        for name in ("before", "painted", "undone", "redone")
    }
    assert not green["before"].any()
    assert not green["undone"].any()
    assert green["painted"].sum() > 1000
    np.testing.assert_array_equal(green["painted"], green["redone"])
    rows, columns = np.nonzero(green["painted"])
    height, width = green["painted"].shape
    assert abs(rows.mean() - height / 2) < 8
    assert 5 < columns.mean() - width / 2 < 25
    with Ledger(run / "corrections" / NAME) as ledger:
        said = [entry.verdict for entry in ledger.entries()]
    assert [(v.sample, v.decision, v.reviewer) for v in said] == [
        ("s1", "accept", "ada"),
        ("s2", "accept-with-edits", "ada"),
    ]
    stored = open_image(run / "corrections" / said[1].correction.path)
    corrected = stored.image.read((slice(None),) * 3)
    assert set(np.unique(corrected)) == {0, 41}
    assert len(np.unique(np.nonzero(corrected)[0])) == 1
    assert [draft.sample for draft in find_drafts(run / "corrections")] == ["s2"]
