"""Detections become antinodes, whatever order they come in, whatever lies between them."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.measure.linking import LEAST, NEAR, link
from tests.measure.made import LEFT, OCTAVE, RIGHT, STRUCK, detections_of, from_rows, rows_of


def slowly_linked(rows, frames):
    """The sets of frames of all antinodes, by comparing every pair of detections again and again."""
    x, y, radius = rows[:, 1], rows[:, 2], np.sqrt(rows[:, 3] * rows[:, 4])
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    near = apart <= NEAR * np.sqrt(radius[:, None] * radius)
    left, found = set(range(len(rows))), []
    while left:
        together = max(({*np.flatnonzero(near[one])} & left for one in left), key=len)
        middle = np.median(rows[sorted(together), 1:5], axis=0)
        reach = NEAR * np.sqrt(radius * np.sqrt(middle[2] * middle[3]))
        group = {*np.flatnonzero(np.hypot(x - middle[0], y - middle[1]) <= reach)} & left
        left -= group | together
        seen = {int(rows[one, 0]) for one in group}
        if len(seen) >= LEAST:
            found.append(seen)
    return sorted(map(sorted, found))


def scattered(seed, centres, frames=40, stray=15):
    random = np.random.default_rng(seed)
    rows = [
        [frame, *(at + random.normal(0, 2, 2)), 30, 22, 10, 2, 1.8, 2.2, random.random()]
        for at in centres
        for frame in range(frames)
        if random.random() < 0.7
    ]
    rows += [
        [
            random.integers(frames),
            *random.uniform(0, 500, 2),
            *sorted(random.uniform(10, 60, 2))[::-1],
            0,
            1,
            0.5,
            1.5,
            0.2,
        ]
        for _ in range(stray)
    ]
    return np.array(rows)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    spots=st.lists(st.sampled_from(range(25)), min_size=1, max_size=4, unique=True),
)
def test_the_links_are_those_of_comparing_all_pairs(seed, spots):
    centres = [np.array([60 + 95 * (spot % 5), 60 + 95 * (spot // 5)]) for spot in spots]
    rows = scattered(seed, centres)
    detections = from_rows(rows).sorted()
    found = sorted(sorted(detections.frame[trace.rows].tolist()) for trace in link(detections, 40))
    assert found == slowly_linked(rows, 40)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_the_rows_changes_nothing(seed):
    rows = scattered(seed % 1000, [np.array([100, 100]), np.array([180, 130])])
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    one, other = from_rows(rows).sorted(), from_rows(shuffled).sorted()
    assert (rows_of(one) == rows_of(other)).all()


def test_a_note_that_is_seen_half_of_the_time_is_one_antinode():
    traces = link(detections_of(STRUCK, OCTAVE, noise=0.1).sorted(), 450)
    assert len(traces) == 2
    for trace, true in zip(traces, (LEFT, RIGHT), strict=True):
        assert abs(trace.ellipse.x - true.x) < 1
        assert abs(trace.ellipse.y - true.y) < 1
        assert_allclose((trace.ellipse.a, trace.ellipse.b, trace.ellipse.angle), (true.a, true.b, true.angle))
        assert 0 < trace.centre_px < 3


def test_a_frame_gives_an_antinode_one_detection_the_surest():
    rows = rows_of(detections_of(STRUCK))
    twins = rows.copy()
    twins[:, 9], twins[:, 6] = rows[:, 9] * 0.5, 0.0
    detections = from_rows(np.concatenate([twins, rows])).sorted()
    (trace,) = link(detections, 450)
    assert len(trace.rows) == len(rows)
    assert (detections.rings[trace.rows] > 0).all()


def test_notes_that_touch_stay_apart():
    near = np.array([[100.0, 100.0], [148.0, 100.0]])
    rows = scattered(3, near, stray=0)
    places = sorted(trace.ellipse.x for trace in link(from_rows(rows).sorted(), 40))
    assert_allclose(places, [100, 148], atol=2)
    assert all(abs(a - b) > 40 for a, b in combinations(places, 2))


def test_what_is_seen_now_and_then_is_no_antinode():
    rows = scattered(5, [], stray=30)
    assert link(from_rows(rows).sorted(), 40) == []


def test_without_detections_there_is_nothing():
    assert link(from_rows(np.zeros((0, 10))), 40) == []
