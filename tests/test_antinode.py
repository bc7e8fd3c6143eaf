"""Ellipses: one ellipse has one description, and its area is what counting pixels gives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.antinode import Antinode, Ellipse, overlap
from medscience.errors import InputError

SHAPE = (384, 512)
AXIS = st.floats(3, 150)
ELLIPSES = st.builds(Ellipse.of, st.floats(-50, 560), st.floats(-50, 430), AXIS, AXIS, st.floats(-400, 400))


def pixels(ellipse, fine=4):
    """Return which points of a fine raster of the frame lie inside: the slow, obvious way."""
    rows = (np.arange(SHAPE[0] * fine) + 0.5) / fine - 0.5
    columns = (np.arange(SHAPE[1] * fine) + 0.5) / fine - 0.5
    u, v = ellipse.along(rows[:, None], columns[None, :])
    return u * u + v * v <= 1


@given(ELLIPSES)
def test_half_turns_and_swapped_axes_are_the_same_ellipse(ellipse):
    for again in (
        Ellipse.of(ellipse.x, ellipse.y, ellipse.a, ellipse.b, ellipse.angle + 180),
        Ellipse.of(ellipse.x, ellipse.y, ellipse.b, ellipse.a, ellipse.angle - 90),
    ):
        assert (again.a, again.b) == (ellipse.a, ellipse.b)
        away = (again.angle - ellipse.angle) % 180
        assert min(away, 180 - away) < 1e-6 or ellipse.a == ellipse.b


@pytest.mark.parametrize("angle, y, x", [(0, 100, 140), (90, 60, 100), (45, 71.716, 128.284)])
def test_the_angle_runs_anticlockwise_on_the_screen(angle, y, x):
    """At 90 degrees the longer axis points up, where rows are smaller."""
    u, v = Ellipse.of(100, 100, 40, 10, angle).along(np.array(y), np.array(x))
    assert u == pytest.approx(1, abs=1e-4)
    assert v == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_areas_are_those_of_a_fine_raster(seed):
    random = np.random.default_rng(seed)
    x, y = random.uniform(-20, 530, 2), random.uniform(-20, 400, 2)
    x[1], y[1] = x[0] + random.uniform(-40, 40), y[0] + random.uniform(-40, 40)
    one, other = (Ellipse.of(x[n], y[n], *random.uniform(10, 120, 2), random.uniform(0, 180)) for n in (0, 1))
    assert one.inside(SHAPE) * one.area * 16 == pytest.approx(pixels(one).sum(), rel=2e-3, abs=60)
    both = (pixels(one) & pixels(other)).sum()
    assert overlap(one, other, SHAPE) * 16 == pytest.approx(both, rel=2e-3, abs=120)


@given(ELLIPSES, ELLIPSES)
def test_overlaps_are_symmetric_and_no_larger_than_either(one, other):
    shared = overlap(one, other)
    assert shared == pytest.approx(overlap(other, one), rel=1e-9)
    assert -1e-9 <= shared <= min(one.area, other.area) * 1.0005
    assert overlap(one, other, SHAPE) <= shared * 1.001 + 1
    assert overlap(one, one) == pytest.approx(one.area, rel=1e-3)


def test_circles_overlap_as_the_lens_formula_says():
    r, d = 30.0, 25.0
    lens = 2 * r * r * math.acos(d / (2 * r)) - d / 2 * math.sqrt(4 * r * r - d * d)
    assert overlap(Ellipse(0, 0, r, r, 0), Ellipse(d, 0, r, r, 0)) == pytest.approx(lens, rel=2e-4)


@pytest.mark.parametrize(
    "numbers",
    [(0, 0, 1, 2, 0), (0, 0, 2, 0, 0), (0, 0, 2, 1, 180), (math.nan, 0, 2, 1, 0), (0, 0, math.inf, 1, 0)],
)
def test_what_is_no_ellipse_is_refused(numbers):
    with pytest.raises(InputError):
        Ellipse(*numbers)
    with pytest.raises(InputError):
        Antinode(Ellipse(0, 0, 2, 1, 0), -0.1)
