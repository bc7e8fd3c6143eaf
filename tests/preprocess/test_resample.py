"""Resampling by cubic splines, axis by axis, against scipy's in one go."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.ndimage import affine_transform

from medscience.preprocess.resample import _along_each_axis


@settings(max_examples=25)
@given(
    st.tuples(*[st.integers(2, 14)] * 3),
    st.lists(st.floats(0.4, 2.5), min_size=3, max_size=3),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
)
def test_upright_grids_axis_by_axis_give_what_scipy_gives_at_once(shape, steps, offset):
    values = np.random.default_rng(0).uniform(0, 100, shape).astype(np.float32)
    steps, offset = np.array(steps), np.array(offset)
    ours = _along_each_axis(values, steps, offset, (9, 8, 7))
    matrix = np.diag(steps)
    theirs = affine_transform(values, matrix, offset, output_shape=(9, 8, 7), order=3, mode="constant")
    assert_allclose(ours, theirs, atol=2e-3)
