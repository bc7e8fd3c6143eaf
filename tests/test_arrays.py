"""Large arrays are as NumPy's own."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.arrays import LARGE, zeros

FIELDS = np.dtype([("label", np.uint8), ("confidence", np.uint8)])


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 512, LARGE // 1024), (0, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, FIELDS])
def test_an_array_of_zeros_is_zero_and_takes_what_is_written(shape, dtype):
    """Small ones and those on pages of their own alike."""
    made = zeros(shape, dtype)
    assert_array_equal(made, np.zeros(shape, dtype))
    assert made.flags.c_contiguous
    made[...] = np.ones((), dtype)
    assert_array_equal(made, np.ones(shape, dtype))


def test_two_arrays_share_no_memory():
    one, other = zeros((LARGE,), np.uint8), zeros((LARGE,), np.uint8)
    one[:] = 1
    assert not other.any()
