from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.errors import GeometryError
from medscience.image import AXES, UNITS, Image, Meaning
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


def test_every_axis_says_its_unit_or_that_it_has_none():
    assert set(UNITS) == set(AXES)
    assert {UNITS[axis] for axis in "zyx"} == {"millimeter"}


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
