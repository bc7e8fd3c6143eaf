import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from medscience.geometry import Geometry
from medscience.measure.detection import overlaps
from medscience.measure.lits import Match, detect, segmentation, segmentations
from medscience.testing.strategies import shapes, volumes


def numbered(*rows):
    """Numbered lesions on one line, a letter for each voxel: 0 is none."""
    return np.array([[[int(letter) for letter in row]] for row in rows], np.int32)


def of(found, reference):
    return detect(overlaps(numbered(found), numbered(reference)))


def test_what_covers_two_lesions_detects_both_together_and_neither_alone():
    detection = of("0111110", "0110220")
    assert detection.matches == (Match((1,), (1, 2)),)
    assert (detection.detected, detection.missed, detection.false_positives) == (2, 0, 0)
    assert overlaps(numbered("0111110"), numbered("0110220")).iou.max() < 0.5


def test_what_lies_in_pieces_detects_as_one():
    detection = of("0110220", "0111110")
    assert detection.matches == (Match((1, 2), (1,)),)
    assert (detection.detected, detection.missed, detection.false_positives) == (1, 0, 0)


def test_half_is_not_enough_and_the_rest_is_missed_or_false():
    detection = of("1100", "1000")
    assert (detection.detected, detection.missed, detection.false_positives) == (0, 1, 1)
    assert of("1110", "1100").detected == 1


def test_a_lesion_counts_for_what_covers_most_of_it():
    detection = of("1112222", "1111222")
    assert detection.matches == (Match((1,), (1,)), Match((2,), (2,)))
    assert of("1110000", "1111222").missed == 1


@given(pair=shapes(5).flatmap(lambda shape: st.tuples(*[volumes(st.just(shape), "uint8", largest=1)] * 2)))
def test_every_lesion_is_counted_once_and_labels_agree_with_themselves(pair):
    found, reference = (ndimage.label(one)[0] for one in pair)
    counted = overlaps(found, reference)
    detection = detect(counted)
    assert detection.detected + detection.missed == reference.max()
    taken = [number for match in detection.matches for number in match.found]
    assert len(taken) == len(set(taken)) == found.max() - detection.false_positives
    every = detect(overlaps(found, found))
    assert (every.detected, every.missed, every.false_positives) == (found.max(), 0, 0)


@given(pair=shapes(5).flatmap(lambda shape: st.tuples(*[volumes(st.just(shape), "uint8", largest=1)] * 2)))
def test_overlaps_are_what_a_slow_loop_counts(pair):
    found, reference = (ndimage.label(one)[0] for one in pair)
    counted = overlaps(found, reference)
    for row in range(found.max()):
        for column in range(reference.max()):
            ours, theirs = found == row + 1, reference == column + 1
            assert counted.shared[row, column] == (ours & theirs).sum()
            assert counted.iou[row, column] == pytest.approx((ours & theirs).sum() / (ours | theirs).sum())


def test_an_object_is_scored_by_overlap_volume_and_distance():
    ours, theirs = (numbered(row) > 0 for row in ("011110", "001100"))
    scores = segmentation(ours, theirs, Geometry.own((1, 1, 6), (1.0, 1.0, 2.0)))
    assert (scores.dice, scores.voe, scores.rvd) == (pytest.approx(2 / 3), 0.5, -0.5)
    assert (scores.assd_mm, scores.msd_mm) == (pytest.approx(4 / 6), 2.0)
    assert segmentation(ours, np.zeros_like(ours), Geometry.own((1, 1, 6))) is None


def test_detected_lesions_are_scored_merged():
    found, reference = numbered("0111110"), numbered("0110220")
    detection = detect(overlaps(found, reference))
    (scores,) = segmentations(found, reference, detection.matches, Geometry.own((1, 1, 7)))
    assert scores.voe == pytest.approx(0.2)
