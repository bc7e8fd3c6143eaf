from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import GeometryError
from medscience.geometry import Geometry
from medscience.image import AXES, Image, Meaning
from medscience.testing.phantoms import orientations
from medscience.testing.strategies import geometries, volumes

GRID = orientations()[0]
GOOD = ("zyx", "tzyx", "czyx", "tczyx")


@pytest.mark.parametrize("axes", GOOD)
def test_time_and_channel_may_precede_space(axes):
    assert Meaning(GRID, axes).axes == axes


def test_every_other_order_or_choice_of_axes_is_refused():
    for length in range(6):
        for axes in map("".join, permutations(AXES, length)):
            if axes not in GOOD:
                with pytest.raises(GeometryError, match="IMAGE-AXES"):
                    Meaning(GRID, axes)


@pytest.mark.parametrize("axes", ["zzyx", "ttzyx", "zyxx", "ZYX", "bzyx", "zyx "])
def test_axes_that_repeat_or_are_unknown_are_refused(axes):
    with pytest.raises(GeometryError, match="IMAGE-AXES"):
        Meaning(GRID, axes)


@pytest.mark.parametrize(
    "axes, step, skipped",
    [
        ("zyx", 0.5, ()),
        ("tzyx", 0.0, ()),
        ("tzyx", -1.0, ()),
        ("tzyx", np.inf, ()),
        ("tzyx", np.nan, ()),
        ("tzyx", None, ((1, 2),)),
    ],
)
def test_times_that_cannot_be_are_refused(axes, step, skipped):
    with pytest.raises(GeometryError, match="IMAGE-TIME"):
        Meaning(GRID, axes, time_step=step, skipped=skipped)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.floats(1e-6, 10))
def test_times_with_gaps_are_the_steps_that_were_taken_one_after_the_other(steps, step):
    skipped = tuple((n, taken - 1) for n, taken in enumerate(steps, start=1) if taken > 1)
    meaning = Meaning(GRID, "tzyx", time_step=step, skipped=skipped)
    assert_allclose(meaning.times(len(steps) + 1), step * np.cumsum([0, *steps]))


def test_a_grid_without_a_patient_counts_along_its_own_axes():
    grid = Geometry.own((1, 384, 512), (1.0, 0.25, 0.5))
    assert grid.orientation == "SAR"
    assert grid.world((0, 8, 6)).tolist() == [3.0, 2.0, 0.0]


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3))
def test_slabs_of_a_series_come_volume_after_volume_and_hold_no_parts_of_two(slices, times, channels):
    array = np.arange(times * channels * 7 * 2 * 3).reshape(times, channels, 7, 2, 3)
    slabs = list(Image(array, Meaning(Geometry.own((7, 2, 3)), "tczyx")).slabs(slices))
    assert_array_equal(np.concatenate(slabs), array.reshape(-1, 2, 3))
    assert len(slabs) == times * channels * -(-7 // slices)


@given(geometries(), st.data())
def test_an_image_reads_the_region_that_was_asked_for(geometry, data):
    volume = data.draw(volumes(geometry.shape))
    image = Image(volume, Meaning(geometry))
    region = tuple(
        slice(start, data.draw(st.integers(start + 1, n)))
        for n in geometry.shape
        for start in [data.draw(st.integers(0, n - 1))]
    )
    assert_array_equal(image.read(region), volume[region])
    assert image.shape == volume.shape
    assert image.geometry is geometry


def test_what_an_image_reads_is_a_numpy_array_whatever_it_reads_from():
    class Lazy:
        shape, dtype = (1, 1, 2), np.dtype("int16")

        def __getitem__(self, region):
            return [[[1, 2]]]

    read = Image(Lazy(), Meaning(GRID)).read((slice(None),) * 3)
    assert isinstance(read, np.ndarray)
    assert read.tolist() == [[[1, 2]]]


def test_a_meaning_never_changes():
    with pytest.raises(AttributeError):
        Meaning(GRID).axes = "tzyx"
