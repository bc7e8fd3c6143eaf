from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.store.pyramid import majority, mean
from medscience.testing.strategies import DTYPES, INTEGERS, volumes

FACTORS = st.integers(2, 4).flatmap(lambda axes: st.tuples(*[st.sampled_from((1, 2))] * axes))


def groups(values, factors):
    """The values that become each coarse voxel, slowly."""
    shape = tuple(-(-n // f) for n, f in zip(values.shape, factors, strict=True))
    for corner in product(*map(range, shape)):
        region = tuple(slice(c * f, c * f + f) for c, f in zip(corner, factors, strict=True))
        yield corner, values[region].ravel().tolist()


@st.composite
def cases(draw, dtypes, **limits):
    factors = draw(FACTORS)
    shape = tuple(draw(st.integers(1, 5)) for _ in factors)
    return draw(volumes(shape, draw(st.sampled_from(dtypes)), **limits)), factors


@given(cases(INTEGERS))
def test_the_mean_of_whole_numbers_is_exact_and_halves_go_to_even(case):
    values, factors = case
    coarse = mean(values, factors)
    assert coarse.dtype == values.dtype
    for corner, group in groups(values, factors):
        assert coarse[corner] == round(Fraction(sum(group), len(group)))


@given(cases(("float16", "float32", "float64")))
def test_the_mean_of_real_numbers_is_that_of_the_neighbours_that_exist(case):
    values, factors = case
    coarse = mean(values, factors)
    assert coarse.dtype == values.dtype
    for corner, group in groups(values, factors):
        kind = np.finfo(values.dtype)
        near = float(kind.eps) * np.abs(group).max() + float(kind.smallest_subnormal)
        assert abs(float(coarse[corner]) - np.mean(group)) <= near


@given(cases(INTEGERS, largest=4))
def test_the_majority_is_the_commonest_label_and_of_equally_common_ones_the_smaller(case):
    labels, factors = case
    coarse = majority(labels, factors)
    assert coarse.dtype == labels.dtype
    for corner, group in groups(labels, factors):
        votes = Counter(group)
        assert coarse[corner] == min(votes, key=lambda label: (-votes[label], label))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduce", [mean, majority])
def test_a_constant_stays_constant_up_to_the_largest_number_of_its_type(reduce, dtype):
    kind = np.dtype(dtype)
    limits = np.iinfo(kind) if kind.kind in "iu" else np.array([-7.1, 1e4], dtype=kind)
    numbers = (limits.min, limits.max) if kind.kind in "iu" else limits
    for number in numbers:
        values = np.full((3, 4, 5), number, dtype=kind)
        assert_array_equal(reduce(values, (2, 2, 2)), np.full((2, 2, 3), number, dtype=kind))


@given(cases(("int16", "float32")))
def test_a_factor_of_one_changes_nothing(case):
    values, _ = case
    assert_array_equal(mean(values, (1,) * values.ndim), values)
    assert_array_equal(majority(values, (1,) * values.ndim), values)


@given(cases(("uint8",), largest=5))
def test_a_coarse_label_occurs_among_its_neighbours(case):
    labels, factors = case
    coarse = majority(labels, factors)
    assert all(coarse[corner] in group for corner, group in groups(labels, factors))


def test_a_small_example_reads_as_expected():
    labels = np.array([[1, 1, 5], [2, 2, 3], [9, 9, 0]])
    assert majority(labels, (2, 2)).tolist() == [[1, 3], [9, 0]]
    assert mean(labels, (2, 2)).tolist() == [[2, 4], [9, 0]]  # (1+1+2+2)/4 is 1.5, and goes to 2


def test_a_group_may_be_as_long_as_it_divides_the_labels():
    labels = np.random.default_rng(0).integers(0, 3, (8, 4, 6), dtype=np.uint8)
    groups = labels.reshape(2, 4, 2, 2, 6).transpose(0, 2, 4, 1, 3).reshape(2, 2, 6, 8)
    slow = np.apply_along_axis(lambda group: np.bincount(group).argmax(), 3, groups)
    assert_array_equal(majority(labels, (4, 2, 1)), slow)
