"""Saving a layer gives the store back, in its own axes; what would lie elsewhere is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.errors import MedscienceError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.store.images import open_image
from medscience.testing.phantoms import obliques, orientations
from napari_medscience import writer
from napari_medscience.writer import write_image, write_labels

PLUGIN = "napari-medscience"
WHOLE = (slice(None),) * 3


@pytest.fixture(autouse=True)
def told(monkeypatch):
    shown = []
    monkeypatch.setattr(writer, "show_error", shown.append)
    return shown


def save(write, path, layer):
    data, how, _ = layer.as_layer_data_tuple()
    return write(str(path), data, dict(how))


@pytest.mark.parametrize("grid", orientations()[::5], ids=lambda grid: grid.orientation)
def test_labels_come_back_as_they_were_stored(tmp_path, viewer, write_store, meaning_of_labels, grid):
    array = np.random.default_rng(0).choice([0, 3, 41], grid.shape).astype(np.uint8)
    path = write_store(tmp_path / "x.ome.zarr", array, grid.affine, labels=meaning_of_labels())
    (layer,) = viewer.open(path, plugin=PLUGIN)
    save(write_labels, tmp_path / "y.ome.zarr", layer)
    before, after = open_image(path), open_image(tmp_path / "y.ome.zarr")
    assert_array_equal(after.image.read(WHOLE), array)
    assert after.content == before.content


def test_a_pyramid_comes_back_with_time_and_unit(tmp_path, viewer, write_store, monkeypatch):
    monkeypatch.setattr("napari_medscience.layers.MOST_VOXELS_IN_3D", 1000)
    grid = orientations((70, 130, 140))[17]
    array = np.random.default_rng(0).integers(-99, 99, (2, *grid.shape)).astype(np.int16)
    meaning = Meaning(grid, "tzyx", "HU", 0.4)
    path = write_store(tmp_path / "x.ome.zarr", array, grid.affine, meaning=meaning)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.multiscale
    save(write_image, tmp_path / "y.ome.zarr", layer)
    after = open_image(tmp_path / "y.ome.zarr")
    assert_array_equal(after.image.read((slice(None), *WHOLE)), array)
    assert after.image.meaning == meaning


def test_a_layer_of_one_s_own_in_millimetres_is_written(tmp_path, viewer):
    how = {"scale": (3, 2, 1), "translate": (7, 8, 9), "units": ("mm",) * 3}
    layer = viewer.add_labels(np.ones((4, 5, 6), np.uint8), **how)
    save(write_labels, tmp_path / "y.ome.zarr", layer)
    after = open_image(tmp_path / "y.ome.zarr")
    expected = [[0, 0, 1, 9], [0, 2, 0, 8], [3, 0, 0, 7], [0, 0, 0, 1]]
    assert after.image.geometry == Geometry((4, 5, 6), tuple(tuple(map(float, row)) for row in expected))
    assert after.content.is_labels


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize(
    "how, found",
    [
        ({}, "not mm"),
        ({"units": ("mm",) * 3, "rotate": (10, 0, 0)}, "turned or sheared"),
        ({"units": ("mm",) * 3, "shear": (0.1, 0, 0)}, "turned or sheared"),
    ],
)
def test_a_layer_whose_place_nobody_knows_is_refused(tmp_path, viewer, told, how, found):
    layer = viewer.add_image(np.ones((4, 5, 6)), **how)
    with pytest.raises(MedscienceError, match="NAPARI-WRITE"):
        save(write_image, tmp_path / "y.ome.zarr", layer)
    assert found in told[0]
    assert not list(tmp_path.iterdir())


def test_a_layer_that_was_moved_or_resampled_is_refused(tmp_path, viewer, write_store, told, messages):
    array = np.ones((8, 9, 10), np.uint8)
    path = write_store(tmp_path / "x.ome.zarr", array)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    layer.translate = (1, 2, 3)
    with pytest.raises(MedscienceError, match="was moved"):
        save(write_image, tmp_path / "y.ome.zarr", layer)
    grid = obliques(1, shape=array.shape)[0]
    tilted = write_store(tmp_path / "t.ome.zarr", array, grid.affine)
    (layer,) = viewer.open(tilted, plugin=PLUGIN)
    with pytest.raises(MedscienceError, match="upright grid"):
        save(write_image, tmp_path / "y.ome.zarr", layer)


def test_napari_finds_the_writer(tmp_path, viewer, write_store, meaning_of_labels):
    path = write_store(tmp_path / "x.ome.zarr", np.full((4, 5, 6), 3, np.uint8), labels=meaning_of_labels())
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.save(str(tmp_path / "y.ome.zarr"), plugin=PLUGIN) == [str(tmp_path / "y.ome.zarr")]
    assert open_image(tmp_path / "y.ome.zarr").content.labels is not None
