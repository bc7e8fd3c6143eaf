import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy import ndimage

from medscience.postprocess.liver import keep_liver

RAW = arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 3), elements=st.integers(0, 2))


@given(RAW)
def test_one_piece_without_holes_is_left_and_a_second_time_changes_nothing(raw):
    cleaned = keep_liver(raw).labels
    assert ndimage.label(cleaned > 0, np.ones((3, 3, 3)))[1] <= 1
    assert_array_equal(ndimage.binary_fill_holes(cleaned > 0), cleaned > 0)
    assert_array_equal(keep_liver(cleaned).labels, cleaned)


@given(RAW)
def test_what_is_kept_keeps_its_label_unless_a_tumour_closes_round_it(raw):
    cleaned = keep_liver(raw).labels
    both = (raw > 0) & (cleaned > 0)
    assert (cleaned[both & (raw == 2)] == 2).all()
    inside = ndimage.binary_fill_holes(raw == 2)
    assert (cleaned[both & (raw == 1) & ~inside] == 1).all()


def test_tumours_belong_to_the_liver_that_they_join_and_those_elsewhere_go():
    raw = np.zeros((5, 9, 20), np.uint8)
    raw[:, 1:8, 1:10] = 1
    raw[1:4, 3:6, 3:6] = 2
    raw[2, 4, 4] = 0  # a hole in the tumour is tumour
    raw[2, 2, 8] = 0  # a hole in the liver is liver
    raw[2, 4, 12:18] = 2  # a tumour that touches no liver
    cleaned = keep_liver(raw)
    assert cleaned.labels[2, 4, 4] == 2
    assert cleaned.labels[2, 2, 8] == 1
    assert not cleaned.labels[:, :, 10:].any()
    assert (cleaned.pieces_removed, cleaned.voxels_removed, cleaned.voxels_filled) == (1, 6, 2)
    assert cleaned.warnings == ()


def test_no_liver_is_said():
    cleaned = keep_liver(np.zeros((3, 4, 5), np.uint8))
    assert not cleaned.labels.any()
    assert "no liver" in cleaned.warnings[0]
