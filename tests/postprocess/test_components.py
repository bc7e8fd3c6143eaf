import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from medscience.postprocess.components import keep_complete, keep_largest

LABELS = arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 0, 0, 1, 2, 9]))


def pieces(labels):
    """Connected pieces by flooding from voxel to voxel: slow and obvious."""
    left = {tuple(index) for index in np.argwhere(labels)}
    found = []
    while left:
        piece, edge = set(), [min(left)]
        while edge:
            voxel = edge.pop()
            if voxel not in left:
                continue
            left.discard(voxel)
            piece.add(voxel)
            edge += [tuple(np.add(voxel, step) - 1) for step in np.ndindex(3, 3, 3)]
        found.append(piece)
    return found


@given(labels=LABELS)
def test_the_largest_piece_of_all_labels_together_is_left(labels):
    found = pieces(labels)
    cleaned = keep_largest(labels)
    kept = {tuple(index) for index in np.argwhere(cleaned.labels)}
    assert kept == max(found, key=len, default=set())
    assert cleaned.pieces_removed == max(len(found) - 1, 0)
    assert cleaned.voxels_removed == int((labels != 0).sum()) - len(kept)


@given(labels=LABELS)
def test_what_is_kept_keeps_its_labels_and_type(labels):
    cleaned = keep_largest(labels).labels
    assert cleaned.dtype == labels.dtype
    assert_array_equal(cleaned[cleaned != 0], labels[cleaned != 0])


@given(labels=LABELS)
def test_cleaning_twice_changes_nothing(labels):
    once = keep_largest(labels)
    twice = keep_largest(once.labels)
    assert_array_equal(twice.labels, once.labels)
    assert twice.voxels_removed == 0


def test_a_piece_of_every_label_is_worth_more_than_a_larger_one_of_one():
    labels = np.zeros((4, 4, 30), np.uint8)
    labels[..., :15] = 1
    labels[1:3, 1:3, 20:24], labels[1:3, 1:3, 24:26] = 1, 2
    assert set(np.unique(keep_largest(labels).labels)) == {0, 1}
    cleaned = keep_complete(labels)
    assert_array_equal(cleaned.labels[..., 16:], labels[..., 16:])
    assert not cleaned.labels[..., :16].any()
    assert (cleaned.pieces_removed, cleaned.voxels_removed) == (1, 4 * 4 * 15)
