"""Obliques: the upright copy shows, at every place of the world, what the store holds there."""

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from numpy.testing import assert_allclose
from scipy.ndimage import map_coordinates

from medscience.errors import InputError
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.testing.phantoms import obliques, orientations
from napari_medscience.commands import add_stored_voxels
from napari_medscience.upright import upright, upright_grid

RANDOM = np.random.default_rng(0)
GRIDS = obliques(6, shape=(20, 24, 28))


@pytest.mark.parametrize("grid", GRIDS, ids=range(len(GRIDS)))
def test_every_place_has_the_value_of_the_store(grid):
    volume = RANDOM.normal(size=grid.shape).astype(np.float32)
    (copy,) = upright([Image(volume, Meaning(grid))], is_labels=False)
    whole = copy.read((slice(None),) * 3)
    index = np.moveaxis(np.indices(whole.shape), 0, -1)
    places = grid.index(copy.geometry.world(index))
    expected = map_coordinates(volume, np.moveaxis(places, -1, 0), order=1, cval=volume.min())
    inside = ((places > 0) & (places < np.array(grid.shape) - 1)).all(axis=-1)
    assert_allclose(whole[inside], expected[inside], atol=1e-4)
    part = (slice(5, 17), slice(3, 9), slice(10, 21))
    assert_allclose(copy.read(part), whole[part], atol=1e-4)


@pytest.mark.parametrize("grid", GRIDS, ids=range(len(GRIDS)))
def test_labels_take_the_nearest_voxel_and_keep_their_volume(grid):
    labels = np.zeros(grid.shape, np.uint16)
    labels[5:15, 6:18, 7:21] = 300
    (copy,) = upright([Image(labels, Meaning(grid))], is_labels=True)
    found = copy.read((slice(None),) * 3)
    assert found.dtype == np.uint16
    assert set(np.unique(found)) == {0, 300}
    volume = (found > 0).sum() * copy.geometry.voxel_volume
    assert volume == pytest.approx((labels > 0).sum() * grid.voxel_volume, rel=0.03)


@pytest.mark.parametrize("grid", orientations(), ids=lambda grid: grid.orientation)
def test_an_upright_scan_is_copied_voxel_by_voxel(grid):
    volume = RANDOM.normal(size=grid.shape).astype(np.float32)
    (copy,) = upright([Image(volume, Meaning(grid))], is_labels=False)
    turn = grid.reorientation("SAR")
    assert_allclose(copy.read((slice(None),) * 3), turn.apply(volume), atol=1e-5)
    assert copy.geometry.close_to(grid.reoriented(turn))


@pytest.mark.parametrize("grid", GRIDS, ids=range(len(GRIDS)))
def test_the_upright_grid_holds_the_box(grid):
    corners = grid.world(np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in grid.shape])).reshape(3, -1).T)
    index = upright_grid(grid).index(corners)
    assert (index > -0.5 - 1e-6).all()
    assert (index < np.array(upright_grid(grid).shape) - 0.5 + 1e-6).all()


def test_a_pyramid_and_time_stay_what_they_are():
    grid = obliques(1, shape=(20, 24, 28))[0]
    meaning = Meaning(grid, "tzyx", time_step=0.4)
    fine = np.zeros((3, 20, 24, 28), np.int16)
    fine += np.arange(3, dtype=np.int16)[:, None, None, None]
    coarse = Image(fine[:, ::2, ::2, ::2], Meaning(grid.coarser((2, 2, 2)), "tzyx", time_step=0.4))
    copies = upright([Image(fine, meaning), coarse], is_labels=False)
    assert copies[0].meaning.time_step == 0.4
    shape = copies[0].geometry.shape
    assert copies[1].geometry.shape == tuple(-(-n // 2) for n in shape)
    middle = tuple(slice(n // 2, n // 2 + 1) for n in shape)
    assert copies[0].read((slice(None), *middle)).ravel().tolist() == [0, 1, 2]


@pytest.fixture
def oblique(tmp_path, write_store):
    """Return a store with a cube of label 1, tilted by 11.5 degrees, and a place (x, y, z) in it."""
    c, s = np.cos(0.2), np.sin(0.2)
    affine = as_affine([[0, 0, 1, 5], [s, c, 0, -9], [c, -s, 0, 3], [0, 0, 0, 1]])
    labels = np.zeros((30, 32, 34), np.uint8)
    labels[10:20, 10:20, 10:20] = 1
    path = write_store(tmp_path / "x.ome.zarr", labels, affine, is_labels=True)
    return path, Geometry(labels.shape, affine).world((18, 18, 11))


def seen(layer, viewer, world):
    """The value that is drawn at a place (z, y, x), and the value that napari names there."""
    viewer.dims.set_point(0, world[0])
    to_world = layer._data_to_world.set_slice([1, 2])  # where napari draws the pixels of a slice
    row, column = np.round(to_world.inverse(world[1:])).astype(int)
    return layer._slice.image.raw[row, column], layer.get_value(world, world=True)


def test_an_oblique_store_opens_upright_so_that_slices_are_right(viewer, messages, oblique):
    path, world = oblique
    (layer,) = viewer.open(path, plugin="napari-medscience")
    assert layer.name == "x · labels · upright"
    assert layer.metadata["medscience"].resampled
    assert len(messages) == 1
    assert "tilted by 11.5 degrees" in messages[0]
    assert seen(layer, viewer, world[::-1]) == (1, 1)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_stored_voxels_of_an_oblique_store_are_right_in_3d_only(viewer, messages, oblique):
    """Should this fail, napari has learnt to slice oblique arrays, and nothing need be resampled."""
    path, world = oblique
    (first,) = viewer.open(path, plugin="napari-medscience")
    ((data, how, kind),) = add_stored_voxels(first)
    (layer,) = viewer._add_layer_from_data(data, how, kind)
    assert not layer.metadata["medscience"].resampled
    assert layer.data[tuple(np.round(layer.world_to_data(world[::-1])).astype(int))] == 1
    assert seen(layer, viewer, world[::-1]) != (1, 1)


def test_the_command_refuses_other_layers():
    with pytest.raises(InputError, match="NAPARI-LAYER"):
        add_stored_voxels(ImageLayer(np.zeros((4, 5, 6)), name="other"))
