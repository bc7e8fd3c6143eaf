"""Leaning and unevenly spaced series on a regular grid: a linear world stays as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.formats import open_source
from tests.ingest.contract import voxels
from tests.ingest.dicom_files import LPS, picture, write

SHAPE = (24, 20)
DOWN, ACROSS = 0.8, 1.1


def brightness(world):
    """A number that grows evenly along every axis, whole steps far below a unit: RAS+ millimetres in."""
    return 2000 + world @ (31.0, -17.0, 23.0)


def linear_world(folder, positions):
    """Axial slices whose every pixel is the brightness at its place."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    slices = []
    for position in positions:
        lps = np.array(position) + np.stack([columns * ACROSS, rows * DOWN, 0 * rows], axis=-1)
        values = np.rint(brightness(lps @ LPS)).astype(np.int16)
        place = {"ImagePositionPatient": list(position), "PixelSpacing": [DOWN, ACROSS]}
        slices.append(picture(values, Modality="MR", **place))
    return write(slices, folder)


def inside(source, path_slices):
    """The voxels, what they should be, and which of them the slices reach."""
    grid = source.meaning.geometry
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    return voxels(source), brightness(grid.world(index))


@settings(max_examples=15, deadline=None)
@given(lean=st.tuples(*[st.floats(-0.9, 0.9)] * 2))
def test_a_tilted_series_is_upright_and_every_voxel_is_where_it_was(lean, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tilt")
    positions = [(n * lean[0], n * lean[1], 3.0 * n) for n in range(6)]
    path = linear_world(folder, positions)
    if np.hypot(*lean) / 3 < 0.01:
        assert open_source(path).meaning.geometry.shear < 0.011
        return
    with pytest.raises(InputError, match="DICOM-TILT"):
        open_source(path)
    source = open_source(path, choices=Choices(on_tilt="resample"))
    assert source.meaning.geometry.shear < 1e-9
    found, expected = inside(source, path)
    reached = found > 0
    # linear interpolation mixes with what is outside at the very edge only
    core = reached & np.isclose(found, expected, atol=1.5)
    rim = 2 * (SHAPE[0] + SHAPE[1]) * len(positions)
    assert core.sum() >= SHAPE[0] * SHAPE[1] * len(positions) - rim
    assert (reached & ~core).sum() <= rim
    kept = open_source(path, choices=Choices(on_tilt="keep"))
    assert_allclose(*inside(kept, path), atol=0.51)


@settings(max_examples=15, deadline=None)
@given(gone=st.sets(st.integers(1, 10), min_size=1, max_size=3))
def test_missing_slices_are_filled_with_what_lies_between(gone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gap")
    path = linear_world(folder, [(0, 0, 2.0 * n) for n in range(12) if n not in gone])
    with pytest.raises(InputError, match="DICOM-GAP"):
        open_source(path)
    source = open_source(path, choices=Choices(on_gap="resample"))
    assert source.shape == (12, *SHAPE)
    found, expected = inside(source, path)
    there = [n for n in range(12) if n not in gone]
    assert_array_equal(found[there], np.rint(expected)[there])
    assert_allclose(found, expected, atol=1.01)


def test_a_tilted_series_with_a_gap_is_mended_in_one_pass(tmp_path):
    path = linear_world(tmp_path / "scan", [(0, 0.7 * n, 2.0 * n) for n in range(9) if n != 4])
    source = open_source(path, choices=Choices(on_tilt="resample", on_gap="resample"))
    assert source.shape[0] == 9
    found, expected = inside(source, path)
    middle = (slice(None), slice(8, 20), slice(2, -2))
    assert_allclose(found[middle], expected[middle], atol=1.6)
    assert {"DICOM-TILT", "DICOM-GAP"} <= {repair.code for repair in source.repairs}


def test_slices_that_are_far_too_close_are_not_the_measure_of_a_grid(tmp_path):
    path = linear_world(tmp_path / "scan", [(0, 0, z) for z in (0, 0.01, 2, 4, 6)])
    with pytest.raises(InputError, match="similar steps"):
        open_source(path, choices=Choices(on_gap="resample"))
