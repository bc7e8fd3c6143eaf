"""How images and labels look."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.testing.phantoms import orientations
from napari_medscience.layers import UNNAMED, contrast, shown_levels

RANDOM = np.random.default_rng(0)
PLUGIN = "napari-medscience"


@pytest.fixture
def labels_layer(tmp_path, viewer, write_store, meaning_of_labels):
    """Return the layer of a store with labels 0, 3, 41 and a 7 that has no name."""
    array = np.zeros((4, 5, 6), np.uint8)
    array[0], array[1], array[2, 0] = 3, 41, 7
    path = write_store(tmp_path / "s01.ome.zarr", array, labels=meaning_of_labels(), step="postprocess")
    (layer,) = viewer.open(path, plugin=PLUGIN)
    return layer


def test_labels_have_the_colours_of_the_model(labels_layer):
    table = labels_layer.colormap.color_dict
    assert_allclose(table[3], np.array([205, 62, 78, 255]) / 255, atol=1e-6)
    assert_allclose(table[41], (0, 1, 0, 1))
    assert table[0][3] == 0
    assert_allclose(labels_layer.get_color(7), UNNAMED)


def test_the_status_bar_says_the_name_of_the_label(labels_layer, viewer):
    def status(z):
        viewer.dims.set_point(0, 3.0 * z)
        return labels_layer.get_status((3.0 * z, 2.0, 2.0), world=True, dims_displayed=[1, 2])["value"]

    assert "name: Grey Matter" in status(0)
    assert "name: White Matter" in status(1)
    assert "name: background" in status(3)


def test_labels_are_named_after_sample_model_and_step(tmp_path, viewer, write_store, meaning_of_labels):
    ones = np.ones((4, 5, 6), np.uint8)
    stores = [
        write_store(tmp_path / "i" / "s01.ome.zarr", ones),
        write_store(tmp_path / "r" / "s01.ome.zarr", ones, is_labels=True),
        write_store(tmp_path / "p" / "s01.ome.zarr", ones, labels=meaning_of_labels(), step="predict"),
        write_store(tmp_path / "l" / "s01.ome.zarr", ones, labels=meaning_of_labels(), step="postprocess"),
    ]
    layers = viewer.open(stores, plugin=PLUGIN)
    assert [layer.name for layer in layers] == [
        "s01",
        "s01 · labels",
        "s01 · net · prediction",
        "s01 · net",
    ]
    assert [layer._type_string for layer in layers] == ["image", "labels", "labels", "labels"]


def test_labels_without_names_get_napari_s_colours(tmp_path, viewer, write_store):
    path = write_store(tmp_path / "x.ome.zarr", np.ones((4, 5, 6), np.int64), is_labels=True)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert len(set(layer.get_color(1))) > 1
    assert layer.features.empty


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint64"])
def test_labels_of_every_type_open(tmp_path, viewer, write_store, meaning_of_labels, dtype):
    array = np.full((4, 5, 6), 41, dtype)
    (layer,) = viewer.open(
        write_store(tmp_path / "x.ome.zarr", array, labels=meaning_of_labels()), plugin=PLUGIN
    )
    assert layer.get_value((0, 2, 2), world=True) == 41


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64"])
def test_images_of_every_type_open_at_their_contrast(tmp_path, viewer, write_store, dtype):
    array = np.linspace(0, 100, 1000).reshape(10, 10, 10).astype(dtype)
    (layer,) = viewer.open(write_store(tmp_path / "x.ome.zarr", array), plugin=PLUGIN)
    assert_allclose(layer.contrast_limits, (0.5, 99.5), atol=0.6)


def test_contrast_is_that_of_most_voxels_and_never_empty():
    grid = Geometry((10, 10, 10), as_affine(np.eye(4)[[2, 1, 0, 3]]))
    array = RANDOM.normal(size=(10, 10, 10)).astype(np.float32)
    array[0, 0, :3] = (np.nan, np.inf, -np.inf)
    array[0, 0, 3] = 1e6
    low, high = contrast(Image(array, Meaning(grid)))
    assert -4 < low < high < 4
    assert contrast(Image(np.full((10, 10, 10), 7), Meaning(grid))) == (7, 8)
    assert contrast(Image(np.full((10, 10, 10), np.nan), Meaning(grid))) == (0, 1)


def test_the_coarsest_level_shown_is_the_finest_that_fits_the_3d_view():
    grid = Geometry((512, 512, 256), as_affine(np.eye(4)[[2, 1, 0, 3]]))
    data = np.broadcast_to(np.uint8(0), grid.shape)
    levels = [Image(data, Meaning(grid.coarser((f, f, f)))) for f in (1, 2, 4, 8)]
    assert [level.geometry.shape for level in shown_levels(levels)][-1] == (128, 128, 64)
    assert len(shown_levels(levels[-1:])) == 1


@pytest.mark.parametrize("grid", orientations((170, 180, 190)), ids=lambda grid: grid.orientation)
def test_a_coarser_level_lies_where_the_finest_does(tmp_path, viewer, write_store, grid):
    """The place at which napari draws a level: its own stretch of the level to the image's size."""
    array = np.zeros(grid.shape, np.uint8)
    array[40:60, 40:60, 40:60] = 255
    (layer,) = viewer.open(write_store(tmp_path / "x.ome.zarr", array, grid.affine), plugin=PLUGIN)
    assert layer.multiscale
    assert layer.data_level == len(layer.data) - 1 == 1
    centres = np.argwhere(np.asarray(layer.data[1])).mean(axis=0)
    factors = layer.downsample_factors[1]
    drawn = layer.data_to_world((centres + 0.5) * factors - 0.5)
    assert_allclose(drawn[::-1], grid.world((49.5, 49.5, 49.5)), atol=1e-3)


def test_a_level_of_odd_size_is_off_by_less_than_its_voxel(tmp_path, viewer, write_store):
    array = np.zeros((171, 181, 191), np.uint8)
    array[168:170, 100:102, 4:6] = 255
    (layer,) = viewer.open(write_store(tmp_path / "x.ome.zarr", array), plugin=PLUGIN)
    centre = np.argwhere(np.asarray(layer.data[1])).mean(axis=0)
    drawn = (centre + 0.5) * layer.downsample_factors[1] - 0.5
    assert_array_equal(np.abs(drawn - (168.5, 100.5, 4.5)) < 1, [True] * 3)


def test_four_dimensions_open_with_time_in_seconds(tmp_path, viewer, write_store):
    array = np.zeros((5, 8, 9, 10), np.int16)
    for phase, volume in enumerate(array):
        volume[...] = phase
    grid = orientations((8, 9, 10))[17]
    path = write_store(tmp_path / "x.ome.zarr", array, grid.affine, time_step=0.4)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["second", *["millimeter"] * 3]
    assert layer.scale[0] == 0.4
    viewer.dims.set_point(0, 1.2)
    assert set(np.unique(layer._slice.image.raw)) == {3}
    index = (2, 1, 2, 3)
    turn = layer.metadata["medscience"].turn
    back = np.zeros(grid.shape)
    back[1, 2, 3] = 1
    (turned,) = np.argwhere(turn.apply(back))
    world = layer.data_to_world((2, *turned))
    assert_allclose(world, (0.8, *grid.world(index[1:])[::-1]), atol=1e-3)


def test_a_label_volume_lies_on_every_phase(tmp_path, viewer, write_store):
    moving = write_store(tmp_path / "m.ome.zarr", np.ones((5, 8, 9, 10), np.int16), time_step=0.4)
    still = write_store(tmp_path / "s.ome.zarr", np.ones((8, 9, 10), np.uint8), is_labels=True)
    viewer.open([moving, still], plugin=PLUGIN)
    viewer.dims.set_point(0, 1.6)
    assert viewer.layers[1]._slice.image.raw.max() == 1


def test_what_is_drawn_on_a_layer_turns_back_into_the_store(tmp_path, viewer, write_store):
    for number, grid in enumerate(orientations()):
        array = np.arange(np.prod(grid.shape), dtype=np.int32).reshape(grid.shape)
        path = write_store(tmp_path / f"{number}.ome.zarr", array, grid.affine, is_labels=True)
        (layer,) = viewer.open(path, plugin=PLUGIN)
        shown = layer.metadata["medscience"]
        assert_array_equal(shown.turn.inverse.apply(np.asarray(layer.data)), array)
        assert shown.geometry == grid


def test_maps_come_hidden_under_their_labels(tmp_path, viewer, write_store, meaning_of_labels):
    array = np.zeros((8, 9, 10), [("label", np.uint8), ("confidence", np.uint8)])
    array["label"], array["confidence"] = 3, 150
    grid = orientations((8, 9, 10))[29]
    path = write_store(
        tmp_path / "s01.ome.zarr", array, grid.affine, labels=meaning_of_labels(), inputs={"made": "so"}
    )
    confidence, labels = viewer.open(path, plugin=PLUGIN)
    assert (confidence.name, labels.name) == ("s01 · net · confidence", "s01 · net")
    assert not confidence.visible
    assert confidence.contrast_limits == [0, 255]
    assert_allclose(confidence.extent.world, labels.extent.world)
    assert (np.asarray(confidence.data) == 150).all()
