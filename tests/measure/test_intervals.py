"""Intervals hold as often as they say, on cases like those that they were calibrated on."""

import math

import numpy as np
import pytest

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection
from medscience.measure.intervals import LEAST, cases, coverage, stretch


def detection(rings, low, high, x=100.0):
    return Detection(Antinode(Ellipse(x, 100, 40, 30, 0), rings), low, high)


def test_coverage_is_counted_by_true_count():
    known = [
        (1.0, detection(1.2, 0.9, 1.3)),
        (1.5, detection(1.2, 0.9, 1.3)),
        (3.0, detection(3.0, 2.0, 4.0)),
    ]
    low, high, none = coverage(known, (0, 2, 4, 9))
    assert (low.cases, low.covered, low.median_width) == (2, 0.5, pytest.approx(0.4))
    assert (high.cases, high.covered, high.median_width) == (1, 1.0, 2.0)
    assert none.cases == 0
    assert math.isnan(none.covered)


def test_only_antinodes_that_were_found_are_cases():
    truth = [Antinode(Ellipse(100, 100, 40, 30, 0), 2.0), Antinode(Ellipse(300, 100, 40, 30, 0), 5.0)]
    found = [detection(2.5, 2, 3, x=102.0), detection(7, 6, 8, x=420.0)]
    assert cases(truth, found, (384, 512)) == [(2.0, found[0])]


def drawn(random, count):
    """Counts whose network is too sure of itself, the more the larger they are."""
    for _ in range(count):
        true = random.uniform(0.3, 9)
        rings = max(true + random.normal(0, 0.1 + 0.1 * true), 0.05)
        yield true, detection(rings, max(rings - 0.2, 0), rings + random.choice([0.1, 0.4]))


def test_stretched_intervals_hold_as_often_as_they_say_in_every_group_of_counts():
    random = np.random.default_rng(0)
    edges, widths = (2.0, 5.0), (0.45,)
    factors = stretch(drawn(random, 6000), 0.9, edges, widths)
    held = [[], [], []]
    for true, one in drawn(random, 6000):
        group = int(np.searchsorted(edges, one.antinode.rings, "right"))
        factor = factors[group][int(one.width >= 0.45)]
        rings = one.antinode.rings
        held[group].append(rings - factor * (rings - one.low) <= true <= rings + factor * (one.high - rings))
    assert [np.mean(each) for each in held] == pytest.approx([0.9] * 3, abs=0.02)


def test_a_group_of_few_cases_takes_the_stretch_of_all():
    known = [(1.0, detection(1.1, 1.0, 1.2))] * LEAST + [(5.0, detection(9.0, 8.9, 9.1))]
    (first,), (second,) = stretch(known, 0.9, (4.0,))
    assert first == pytest.approx(1)
    assert second == pytest.approx(1)


def test_the_correction_for_few_cases_is_that_of_conformal_prediction():
    """Of 49 cases at 0.9 the quantile is the 45th: ceil(50 x 0.9)."""
    known = [(1.0 + n / 100, detection(1.0, 0.5, 2.0)) for n in range(1, 50)]
    assert stretch(known, 0.9, ())[0][0] == pytest.approx(0.45)
