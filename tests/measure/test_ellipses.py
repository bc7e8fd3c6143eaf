"""Agreement of ellipses: against polygons, and against counting by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.antinode import Antinode, Ellipse
from medscience.measure.ellipses import average_precision, iou, match, ring_agreement
from tests.test_antinode import ELLIPSES

FRAME = (384, 512)
FIRST = Ellipse(100, 100, 40, 30, 20)


def polygon(ellipse, corners=720):
    """Corners of a polygon of the ellipse's area."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    grow = math.sqrt(2 * math.pi / (corners * math.sin(2 * math.pi / corners)))
    along, across = ellipse.a * grow * np.cos(turn), ellipse.b * grow * np.sin(turn)
    cos, sin = math.cos(math.radians(ellipse.angle)), math.sin(math.radians(ellipse.angle))
    return np.stack([ellipse.x + along * cos - across * sin, ellipse.y - along * sin - across * cos], axis=1)


def area(corners):
    if len(corners) < 3:
        return 0.0
    x, y = corners.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def clipped(subject, window):
    """Clip a convex polygon by another, edge by edge (Sutherland and Hodgman 1974)."""
    middle = window.mean(axis=0)
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        if len(subject) == 0:
            break
        edge = end - start
        normal = np.array([-edge[1], edge[0]])
        normal = normal * np.sign((middle - start) @ normal)
        side = (subject - start) @ normal
        following, after = np.roll(subject, -1, axis=0), np.roll(side, -1)
        kept = []
        for point, next_point, here, there in zip(subject, following, side, after, strict=True):
            if here >= 0:
                kept.append(point)
            if here * there < 0:
                kept.append(point + (next_point - point) * here / (here - there))
        subject = np.array(kept).reshape(-1, 2)
    return subject


BOX = np.array([(-0.5, -0.5), (511.5, -0.5), (511.5, 383.5), (-0.5, 383.5)])


@pytest.mark.parametrize("seed", range(12))
def test_iou_is_that_of_polygons_clipped_to_the_frame(seed):
    random = np.random.default_rng(seed)
    x, y = random.uniform(-20, 530), random.uniform(-20, 400)
    one, other = (
        Ellipse.of(x + dx, y + dy, *random.uniform(8, 110, 2), random.uniform(0, 180))
        for dx, dy in ((0, 0), random.uniform(-40, 40, 2))
    )
    first, second = (clipped(polygon(ellipse, 120), BOX) for ellipse in (one, other))
    shared = area(clipped(first, second)) if len(first) > 2 and len(second) > 2 else 0.0
    union = area(first) + area(second) - shared
    assert iou(one, other, FRAME) == pytest.approx(shared / union if union else 0, abs=2e-3)


@given(ELLIPSES, ELLIPSES)
def test_iou_is_symmetric_between_0_and_1_and_1_with_itself(one, other):
    assert iou(one, other, FRAME) == pytest.approx(iou(other, one, FRAME), abs=1e-9)
    assert 0 <= iou(one, other, FRAME) <= 1.001
    if one.inside(FRAME) > 0.01:
        assert iou(one, one, FRAME) == pytest.approx(1, abs=1e-6)


@given(ELLIPSES, st.floats(-30, 30), st.floats(-30, 30), st.floats(0.5, 1))
def test_what_lies_outside_of_the_frame_does_not_count(ellipse, dx, dy, smaller):
    """Two ellipses wholly inside: a wider frame changes nothing."""
    other = Ellipse.of(ellipse.x + dx, ellipse.y + dy, ellipse.a * smaller, ellipse.b, ellipse.angle)
    if min(ellipse.inside(FRAME), other.inside(FRAME)) > 0.9999:
        assert iou(ellipse, other, FRAME) == pytest.approx(iou(ellipse, other, (2000, 2000)), abs=2e-3)


def moved(antinode, x=0.0, rings=0.0, score=1.0):
    old = antinode.ellipse
    return Antinode(Ellipse(old.x + x, old.y, old.a, old.b, old.angle), antinode.rings + rings, score)


TRUTH = [Antinode(Ellipse(60 + 120 * n, 100, 40, 30, 20), 1.0 + n) for n in range(4)]


def test_perfect_detections_have_precision_1_and_none_0():
    assert set(average_precision([(TRUTH, TRUTH)], FRAME).values()) == {1.0}
    assert set(average_precision([(TRUTH, [])], FRAME).values()) == {0.0}
    assert math.isnan(average_precision([([], TRUTH)], FRAME)[0.5])


def test_average_precision_is_the_one_that_is_counted_by_hand():
    """Right, false, right, of 4: precision 1 to recall 0.25, 2/3 to 0.5, then 0; read at 101 recalls."""
    found = [
        moved(TRUTH[0], score=0.9),
        Antinode(Ellipse(60, 300, 20, 20, 0), 2.0, 0.8),
        moved(TRUTH[2], score=0.7),
    ]
    wanted = (26 * 1 + 25 * 2 / 3) / 101
    assert average_precision([(TRUTH, found)], FRAME)[0.5] == pytest.approx(wanted)


def test_a_second_detection_of_the_same_antinode_is_false():
    found = [moved(TRUTH[0], score=0.5), moved(TRUTH[0], x=3, score=0.9)]
    assert match((TRUTH, found), FRAME) == [(0, 1)]
    agreement = ring_agreement([(TRUTH, found)], FRAME)
    assert (agreement.miss_rate, agreement.false_rate) == (0.75, 0.5)


def test_order_of_frames_and_of_the_truth_does_not_matter():
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(12):
        found = [
            moved(a, *random.normal(0, (8, 0.6)), random.random()) for a in TRUTH if random.random() < 0.8
        ]
        pairs.append((TRUTH, found))
    first = average_precision(pairs, FRAME)
    again = average_precision([(truth[::-1], found) for truth, found in pairs[::-1]], FRAME)
    assert first == pytest.approx(again)
    values = [first[threshold] for threshold in sorted(first)]
    assert values == sorted(values, reverse=True)


def test_misses_count_as_wrong_rings():
    found = [moved(TRUTH[0], rings=0.5), moved(TRUTH[1], rings=-0.8), moved(TRUTH[2], x=79)]
    agreement = ring_agreement([(TRUTH, found), ([], [])], FRAME)
    assert agreement.objects == 4
    assert agreement.within_half == 0.25
    assert agreement.within_one == 0.5
    assert agreement.mean_error == pytest.approx(0.65)
    assert agreement.miss_rate == 0.5
    assert agreement.false_rate == pytest.approx(1 / 3)


def test_frames_without_antinodes_where_nothing_is_found_are_no_fault():
    agreement = ring_agreement([([], [])], FRAME)
    assert agreement.false_rate == 0
    assert math.isnan(agreement.miss_rate)
