import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.measure import metrics
from medscience.measure.metrics import dice
from medscience.testing.strategies import INTEGERS, shapes, volumes

KNOWN = (0, 1, 2, 4)
NAMES = tuple(Label(value=value, name=f"label {value}", color=(0, 0, 0)) for value in KNOWN)


def image(array, affine=None):
    return Image(array, Meaning(Geometry(array.shape, as_affine(np.eye(4) if affine is None else affine))))


def slow_dice(ours, theirs, label):
    a = {tuple(place) for place in np.argwhere(ours == label)}
    b = {tuple(place) for place in np.argwhere(theirs == label)}
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else None


@st.composite
def pairs(draw):
    shape = draw(shapes(6))
    kinds = st.sampled_from(INTEGERS)
    drawn = (draw(volumes(shape, draw(kinds), largest=5)) for _ in range(2))
    return tuple(np.where(np.isin(labels, KNOWN), labels, 0).astype(labels.dtype) for labels in drawn)


@given(pairs(), st.integers(1, 7))
def test_dice_is_twice_the_common_voxels_by_the_sum_whatever_the_slabs(pair, slab):
    ours, theirs = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "SLAB", slab)
        found = dice(image(ours), image(theirs), NAMES)
    assert list(found) == [1, 2, 4]
    for label, (voxels, overlap) in found.items():
        assert voxels == (theirs == label).sum()
        assert overlap == pytest.approx(slow_dice(ours, theirs, label))


@pytest.mark.parametrize("value", [3, 5, 300, -1, 32767])
def test_a_reference_with_other_labels_is_refused_and_they_are_listed(value):
    """A number that the model does not know may mean that all numbers stand for other things."""
    theirs = np.array([[[0, 1, value]]], np.int16)
    with pytest.raises(MismatchError, match=rf"REFERENCE-LABELS.*found {value}, expected .*0, 1, 2, 4"):
        dice(image(np.zeros_like(theirs)), image(theirs), NAMES)


@given(volumes(shapes(4), "uint8", largest=2))
def test_labels_agree_with_themselves(labels):
    for label, (_, overlap) in dice(image(labels), image(labels), NAMES).items():
        assert overlap == (1.0 if (labels == label).any() else None)


@given(pairs())
def test_dice_is_the_same_both_ways_round(pair):
    ours, theirs = map(image, pair)
    there, back = dice(ours, theirs, NAMES), dice(theirs, ours, NAMES)
    assert {k: v[1] for k, v in there.items()} == {k: v[1] for k, v in back.items()}


def test_labels_that_share_no_voxel_have_a_dice_of_zero():
    one = np.array([[[1, 0]]], dtype=np.uint8)
    assert dice(image(one), image(one[:, :, ::-1]), NAMES)[1] == (1, 0.0)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_numbers_of_ours_that_are_not_asked_for_change_nothing_however_large(dtype):
    limits = np.iinfo(dtype)
    ours = np.array([[[1, 2, limits.max, limits.min]]], dtype=dtype)
    theirs = np.array([[[1, 2, 0, 0]]], dtype=dtype)
    assert dice(image(ours), image(theirs), NAMES) == {1: (1, 1.0), 2: (1, 1.0), 4: (0, None)}


@pytest.mark.parametrize("turned", [False, True])
def test_a_reference_on_another_grid_is_refused(turned):
    labels = np.zeros((2, 2, 2), dtype=np.uint8)
    affine = np.diag([-1.0, 1.0, 1.0, 1.0]) if turned else np.eye(4) + 0.002 * np.eye(4, k=3)
    with pytest.raises(MismatchError, match="REFERENCE-GRID"):
        dice(image(labels), image(labels, affine), NAMES)
