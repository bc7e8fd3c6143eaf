from itertools import product

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import ndimage

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.measure import regions
from medscience.measure.regions import SCHEMA, Region, measure_regions, table
from medscience.testing.phantoms import BRIGHT, landmark, obliques, orientations
from medscience.testing.strategies import INTEGERS, geometries, shapes, volumes

NAMES = tuple(
    Label(value=value, name=name, color=(0, 0, 0))
    for value, name in ((0, "background"), (1, "white"), (2, "grey"), (5, "lesion"))
)
UNIT = as_affine(np.eye(4)[:, [2, 1, 0, 3]])


def image(array, geometry=None):
    return Image(array, Meaning(geometry or Geometry(array.shape, UNIT)))


@st.composite
def cases(draw):
    """Labels, the brightness below them, and the height of a slab."""
    geometry = draw(geometries(shapes(7), shear=0.1))
    numbers = draw(st.sampled_from(INTEGERS))
    labels = draw(volumes(geometry.shape, numbers, largest=3)) % 4
    labels = np.array([0, 1, 2, 5], dtype=numbers)[labels]
    values = draw(volumes(geometry.shape, st.sampled_from(("uint8", "int16", "float32"))))
    return image(labels, geometry), image(values, geometry), draw(st.integers(1, 8))


@given(case=cases())
def test_a_region_is_what_scipy_and_a_slow_loop_find_whatever_the_slabs(case):
    labels, values, slab = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regions, "SLAB", slab)
        found = {region.label: region for region in measure_regions(labels, values, NAMES)}
    assert list(found) == [1, 2, 5]
    for label, region in found.items():
        places = np.argwhere(labels.data == label)
        assert region.voxels == len(places)
        if region.voxels:
            assert_region(region, labels, values, places)


def assert_region(region, labels, values, places):
    geometry = labels.geometry
    assert region.volume_mm3 == pytest.approx(len(places) * geometry.voxel_volume)
    centre = ndimage.center_of_mass(labels.data == region.label)
    found = (region.centroid_x_mm, region.centroid_y_mm, region.centroid_z_mm)
    assert_allclose(found, geometry.world(centre), atol=1e-6)
    (box,) = ndimage.find_objects((labels.data == region.label).astype(int))
    assert (region.first_z, region.first_y, region.first_x) == tuple(part.start for part in box)
    assert (region.last_z, region.last_y, region.last_x) == tuple(part.stop - 1 for part in box)
    assert region.mean_intensity == pytest.approx(
        ndimage.mean(values.data.astype(np.float64), labels.data, region.label), abs=1e-6
    )
    on_border = any(
        index in (0, side - 1) for place in places for index, side in zip(place, geometry.shape, strict=True)
    )
    assert region.touches_border == on_border


@pytest.mark.parametrize("slab", [1, 2, 3, 64])
def test_a_region_across_slabs_is_one_region(monkeypatch, slab):
    monkeypatch.setattr(regions, "SLAB", slab)
    labels = np.zeros((7, 4, 4), dtype=np.uint8)
    labels[1:6, 1:3, 1:3] = 1
    region = measure_regions(image(labels), image(labels * 3), NAMES)[0]
    assert region == Region(1, "white", 20, 20.0, 1.5, 1.5, 3.0, 1, 1, 1, 5, 2, 2, False, 3.0)


@pytest.mark.parametrize("geometry", [*orientations()[::7], *obliques(6)], ids=lambda grid: grid.orientation)
def test_the_centroid_of_a_landmark_is_its_world_position_on_any_grid(geometry):
    mark = landmark(geometry)
    labels = (mark.volume > 0).astype(np.uint8)
    region = measure_regions(image(labels, geometry), image(mark.volume, geometry), NAMES)[0]
    found = (region.centroid_x_mm, region.centroid_y_mm, region.centroid_z_mm)
    assert_allclose(found, mark.world, atol=1e-9)
    assert region.volume_mm3 == pytest.approx(27 * np.prod(geometry.spacing))
    assert region.mean_intensity == BRIGHT


@pytest.mark.parametrize("axis, end", list(product(range(3), (0, -1))))
def test_a_region_touches_the_border_on_each_of_the_six_sides(axis, end):
    labels = np.zeros((5, 6, 7), dtype=np.uint8)
    labels[2, 3, 3] = 1
    assert not measure_regions(image(labels), image(labels), NAMES)[0].touches_border
    side = [2, 3, 3]
    side[axis] = end
    labels[tuple(side)] = 1
    assert measure_regions(image(labels), image(labels), NAMES)[0].touches_border


def test_a_label_that_does_not_occur_has_a_row_without_place():
    empty = np.zeros((2, 2, 2), dtype=np.uint8)
    found = measure_regions(image(empty), image(empty), NAMES)
    assert [(row.label, row.name, row.voxels, row.volume_mm3) for row in found] == [
        (1, "white", 0, 0.0),
        (2, "grey", 0, 0.0),
        (5, "lesion", 0, 0.0),
    ]
    for row in found:
        assert row.centroid_x_mm is row.first_z is row.last_x is row.mean_intensity is None
        assert not row.touches_border


def test_the_mean_of_bright_voxels_does_not_overflow():
    ones = np.ones((30, 30, 30), dtype=np.uint8)
    values = np.full(ones.shape, 65535, dtype=np.uint16)
    assert measure_regions(image(ones), image(values), NAMES)[0].mean_intensity == 65535


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("slab", [1, 64])
def test_a_label_without_a_name_is_refused_and_named(monkeypatch, dtype, slab):
    monkeypatch.setattr(regions, "SLAB", slab)
    limits = np.iinfo(dtype)
    for stray in {3, 6, limits.max, limits.min, max(limits.min, -1)} - {0}:
        labels = np.ones((3, 2, 2), dtype=dtype)
        labels[2, 1, 0] = stray
        with pytest.raises(MismatchError, match="MEASURE-LABEL") as caught:
            measure_regions(image(labels), image(labels), NAMES)
        assert caught.value.found == f"the numbers [{stray}]"


def test_all_labels_without_a_name_are_named_at_once():
    labels = np.array([[[0, 1, 3, 4, 255, 5]]], dtype=np.uint8)
    with pytest.raises(MismatchError) as caught:
        measure_regions(image(labels), image(labels), NAMES)
    assert caught.value.found == "the numbers [3, 4, 255]"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda grid: grid.crop((0, 0, 0), (2, 2, 3)), id="cut"),
        pytest.param(lambda grid: grid.crop((0, 0, 1), grid.shape), id="moved"),
        pytest.param(lambda grid: grid.reoriented(grid.reorientation("RPS")), id="turned"),
        pytest.param(lambda grid: grid.with_spacing((1.0, 1.0, 1.01)), id="stretched"),
    ],
)
def test_an_image_on_another_grid_is_refused(change):
    grid = Geometry((2, 2, 4), UNIT)
    other = change(grid)
    with pytest.raises(MismatchError, match="MEASURE-GRID"):
        measure_regions(image(np.ones(grid.shape, np.uint8), grid), image(np.ones(other.shape), other), NAMES)


def test_a_table_has_the_agreed_columns_and_survives_a_file(tmp_path):
    labels = np.array([[[0, 1, 1, 5]]], dtype=np.uint8)
    found = measure_regions(image(labels), image(labels), NAMES)
    made = table("head", "tissue-1", found, {1: (3, 0.8), 2: (0, None)})
    assert made.schema == SCHEMA
    pyarrow.parquet.write_table(made, tmp_path / "x.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["name"] for row in rows] == ["white", "grey", "lesion"]
    assert {(row["sample"], row["model"]) for row in rows} == {("head", "tissue-1")}
    assert [(row["reference_voxels"], row["dice"]) for row in rows] == [
        (3, 0.8),
        (0, None),
        (None, None),
    ]
    assert rows[0]["volume_mm3"] == 2.0
    assert rows[1]["centroid_x_mm"] is None


def test_every_number_with_a_unit_says_it_in_its_name():
    assert {name for name in SCHEMA.names if name.startswith(("volume", "centroid"))} == {
        "volume_mm3",
        "centroid_x_mm",
        "centroid_y_mm",
        "centroid_z_mm",
    }
