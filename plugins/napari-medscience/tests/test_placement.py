"""A voxel lies in napari where it lies in the patient."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from medscience.testing.phantoms import BRIGHT, landmark, obliques, orientations
from medscience.testing.strategies import geometries
from napari_medscience.placement import UPRIGHT, is_upright, placement, tilt
from napari_medscience.reader import read
from napari_medscience.stored import stored_voxels

GRIDS = [*orientations(), *obliques()]


def middle_of_the_bright(layer):
    """World position (z, y, x) in napari of the landmark, through the layer's own data."""
    index = np.argwhere(np.asarray(layer.data) == BRIGHT).mean(axis=0)
    return layer.data_to_world(index)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("grid", GRIDS, ids=[f"{n}-{g.orientation}" for n, g in enumerate(GRIDS)])
def test_a_landmark_keeps_its_place_from_nifti_to_napari(tmp_path, viewer, grid):
    mark = landmark(grid)
    affine_ijk = grid.matrix[:, [2, 1, 0, 3]]  # NIfTI's index is (i, j, k) = (x, y, z)
    scan = nib.Nifti1Image(mark.volume.T, affine_ijk)
    scan.header.set_xyzt_units("mm")
    nib.save(scan, tmp_path / "x.nii.gz")
    ingest(tmp_path / "x.nii.gz", tmp_path / "x.ome.zarr")
    data, how, kind = stored_voxels(open_image(tmp_path / "x.ome.zarr"))
    (layer,) = viewer._add_layer_from_data(data, how, kind)
    assert_allclose(middle_of_the_bright(layer)[::-1], mark.world, atol=1e-3)
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("z", "y", "x")


@pytest.mark.parametrize("grid", orientations(), ids=lambda grid: grid.orientation)
def test_a_slice_shows_the_voxels_of_its_place(tmp_path, viewer, write_store, grid):
    mark = landmark(grid)
    viewer.open(write_store(tmp_path / "x.ome.zarr", mark.volume, grid.affine), plugin="napari-medscience")
    (layer,) = viewer.layers
    for axis, place in enumerate(mark.world[::-1]):
        viewer.dims.order = (axis, *(other for other in range(3) if other != axis))
        for slices in range(-20, 20):
            wish = place + slices * layer.scale[axis]
            viewer.dims.set_point(axis, wish)
            if viewer.dims.point[axis] == pytest.approx(wish):
                bright = (layer._slice.image.raw == BRIGHT).sum()
                assert bright == (9 if abs(slices) <= 1 else 0)


@settings(deadline=None)
@given(geometries(tilt=0.0))
def test_every_grid_with_right_angles_to_the_world_is_upright(geometry):
    turned = geometry.reoriented(geometry.reorientation(UPRIGHT))
    assert is_upright(turned)
    assert tilt(geometry) is None
    assert min(placement(Meaning(turned))["scale"]) > 0


@settings(deadline=None)
@given(geometries(shear=0.1))
def test_scale_and_translation_or_affine_say_what_the_geometry_says(geometry):
    turned = geometry.reoriented(geometry.reorientation(UPRIGHT))
    placed = placement(Meaning(turned))
    if "affine" in placed:
        matrix = placed["affine"] @ np.diag([*placed["scale"], 1])
    else:
        matrix = np.diag([*placed["scale"], 1])
        matrix[:3, 3] = placed["translate"]
    corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in turned.shape), 1]])
    assert_allclose((corners @ matrix.T)[:, 2::-1], turned.world(corners[:, :3]), atol=1e-3)


def test_noise_of_single_precision_does_not_make_a_grid_oblique():
    exact = np.array([[0, 0, 1, -90], [0, 1, 0, -126], [1, 0, 0, -72], [0, 0, 0, 1]], dtype=float)
    noise = np.random.default_rng(0).normal(size=(3, 3)) * 1e-7
    exact[:3, :3] += noise
    assert is_upright(Geometry((256, 256, 256), as_affine(exact)))


@pytest.mark.parametrize("degrees", [0.1, 5, 30])
def test_the_tilt_is_that_of_the_grid(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    grid = Geometry((9, 9, 9), as_affine([[0, 0, 1, 0], [s, c, 0, 0], [c, -s, 0, 0], [0, 0, 0, 1]]))
    assert tilt(grid) == pytest.approx(degrees, rel=1e-6)


def test_frames_are_in_pixels_or_in_millimetres_of_their_own_with_the_first_row_first():
    pixels = placement(Meaning(Geometry.own((1, 384, 512)), "tzyx", time_step=0.5, space="pixels"))
    own = placement(Meaning(Geometry.own((1, 384, 512), (1, 0.25, 0.5)), "tzyx", time_step=0.5, space="own"))
    assert (pixels["scale"], pixels["units"]) == ([0.5, 1, 1, 1], ["s", "pixel", "pixel", "pixel"])
    assert (own["scale"], own["units"]) == ([0.5, 1, 0.25, 0.5], ["s", "mm", "mm", "mm"])
    assert own["translate"] == [0, 0, 0, 0]


def test_time_is_in_seconds_or_in_volumes():
    grid = orientations()[0]
    known = placement(Meaning(grid.reoriented(grid.reorientation(UPRIGHT)), "tzyx", time_step=0.4))
    unknown = placement(Meaning(grid.reoriented(grid.reorientation(UPRIGHT)), "tzyx"))
    assert (known["scale"][0], known["units"][0]) == (0.4, "s")
    assert (unknown["scale"][0], unknown["units"][0]) == (1.0, "pixel")


def test_read_is_the_same_for_a_store_and_its_commit(tmp_path, write_store):
    path = write_store(tmp_path / "x.ome.zarr", np.ones((4, 5, 6), np.uint8))
    (one,), (other,) = read(str(path)), read(f"{path}.commit.json")
    assert one[1]["metadata"] == other[1]["metadata"]
