import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.preprocess.normalize import normalization, quantiles

FINITE = st.floats(-(2.0**99), 2.0**99, width=32)


def image_of(values):
    grid = Geometry(values.shape, as_affine(np.eye(4)[[2, 1, 0, 3]]))
    return Image(values, Meaning(grid))


@given(
    values=arrays(np.float32, st.integers(1, 60), elements=FINITE),
    fractions=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    pieces=st.integers(1, 5),
)
def test_quantiles_are_numpys_whatever_the_pieces(values, fractions, pieces):
    found = quantiles(lambda: iter(np.array_split(values, pieces)), tuple(fractions))
    expected = np.quantile(values.astype(np.float64), fractions)
    assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.ptp(values.astype(np.float64)))


@given(
    values=st.sampled_from(["u1", "i1", "u2", "i2"]).flatmap(lambda kind: arrays(kind, st.integers(1, 60))),
    fractions=st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_quantiles_of_whole_numbers_are_numpys(values, fractions):
    found = quantiles(lambda: iter(np.array_split(values, 3)), tuple(fractions))
    assert_allclose(found, np.quantile(values.astype(np.float64), fractions), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f8"])
def test_every_type_of_number_is_read_as_float32(dtype):
    values = np.random.default_rng(0).integers(0, 127, 1000).astype(dtype)
    assert quantiles(lambda: iter([values]), (0.05, 0.95)) == np.quantile(values, (0.05, 0.95)).tolist()


def test_minus_zero_and_zero_are_one_value():
    assert quantiles(lambda: iter([np.array([-0.0, 0.0, -0.0])]), (0.0, 1.0)) == [0.0, 0.0]


def volume():
    return np.random.default_rng(0).normal(100, 30, (40, 11, 9)).astype(np.float32)


def test_minmax_brings_all_voxels_to_0_to_1():
    values = volume()
    scaled = normalization(image_of(values), "minmax")(values)
    assert (scaled.min(), scaled.max()) == (0.0, 1.0)


def test_quantile_5_95_is_not_clipped():
    values = volume()
    low, high = np.quantile(values, (0.05, 0.95))
    scaled = normalization(image_of(values), "quantile-5-95")(values)
    assert_allclose(scaled, (values - low) / (high - low), rtol=1e-4, atol=1e-5)
    assert scaled.min() < 0
    assert scaled.max() > 1


def test_quantile_2_98_clip_is_softened_and_clipped():
    values = volume()
    low, high = np.quantile(values, (0.02, 0.98))
    expected = np.clip((values - low) / (high - low + 1e-3), 0, 1)
    scaled = normalization(image_of(values), "quantile-2-98-clip")(values)
    assert_allclose(scaled, expected, rtol=1e-4, atol=1e-5)


def test_a_part_is_normalised_as_it_is_in_the_whole():
    values = volume()
    normalize = normalization(image_of(values), "minmax")
    assert_array_equal(normalize(values[3:5]), normalize(values)[3:5])


def test_a_constant_image_is_refused():
    with pytest.raises(InputError, match="IMAGE-CONSTANT"):
        normalization(image_of(np.full((3, 4, 5), 7.0)), "minmax")
