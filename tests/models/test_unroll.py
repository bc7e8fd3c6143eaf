"""Unrolled, every ring is a line, wherever the antinode lies and whatever its ellipse is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medscience.antinode import Ellipse
from medscience.models.antinode_maps import log_ellipse
from medscience.models.unroll import ANGLES, BEYOND, FINER, RADII, _places, unrolled
from tests.test_antinode import ELLIPSES

SHAPE = (200, 240)
AT = BEYOND * (np.arange(RADII) + 0.5) / RADII
NUMBERS = {
    "x": st.floats(80, 160),
    "y": st.floats(80, 120),
    "one": st.floats(25, 55),
    "other": st.floats(25, 55),
    "angle": st.floats(0, 180),
}


def numbers(*ellipses):
    rows = [[one.x, one.y, *log_ellipse(one)] for one in ellipses]
    return torch.tensor(rows, dtype=torch.float32)


def rings_of(ellipse, law=lambda radius: np.cos(6 * radius)):
    """A frame whose brightness follows from the radius alone."""
    y, x = np.indices(SHAPE).astype(float)
    return torch.from_numpy(law(np.hypot(*ellipse.along(y, x))).astype(np.float32))[None, None]


def alone(frame, ellipse):
    return unrolled(frame, torch.tensor([0]), numbers(ellipse))[0].numpy()


@given(ELLIPSES)
def test_places_lie_at_their_radius_and_go_once_around(ellipse):
    width, height = SHAPE[::-1]
    x, y = _places(numbers(ellipse), width, height)[0].double().numpy()
    u, v = ellipse.along(((y + 1) * height - 1) / 2, ((x + 1) * width - 1) / 2)
    assert np.hypot(u, v) == pytest.approx(np.broadcast_to(AT[:, None], u.shape), rel=2e-3, abs=2e-3)
    turns = np.unwrap(np.arctan2(v, u), axis=1)
    assert turns[:, -1] - turns[:, 0] == pytest.approx(2 * np.pi, rel=0.1)
    assert (np.diff(turns, axis=1) > 0).all()


@settings(max_examples=25)
@given(st.builds(Ellipse.of, **NUMBERS))
def test_rings_become_lines_whatever_the_ellipse(ellipse):
    brightness, inside = alone(rings_of(ellipse), ellipse)
    seen = inside.min(axis=1) == 1
    wanted = np.cos(6 * AT)
    assert np.abs(brightness[seen] - brightness[seen].mean(axis=1, keepdims=True)).max() < 0.1
    fit = np.polyfit(wanted[seen], brightness[seen].mean(axis=1), 1)
    assert fit[0] > 0
    assert np.polyval(fit, wanted[seen]) == pytest.approx(brightness[seen].mean(axis=1), abs=0.03)


def test_what_the_edge_cuts_off_is_marked_and_does_not_count():
    ellipse = Ellipse.of(5, 100, 50, 30, 20)
    frame = rings_of(ellipse)
    brightness, inside = alone(frame, ellipse)
    assert 0.3 < inside.mean() < 0.7
    assert not brightness[inside == 0].any()
    weight = inside / inside.sum()
    full = inside == 1
    assert (brightness * (inside > 0) * weight).sum() == pytest.approx(0, abs=0.02)
    assert (brightness[full] ** 2).mean() == pytest.approx(1, abs=0.2)


def test_gain_and_offset_do_not_matter_and_nothing_is_shown_where_nothing_is():
    ellipse = Ellipse.of(120, 100, 40, 30, 70)
    frame = rings_of(ellipse) + 2
    assert alone(3 * frame + 5, ellipse) == pytest.approx(alone(frame, ellipse), abs=1e-3)
    assert not alone(torch.full((1, 1, *SHAPE), 0.7), ellipse)[0].round(3).any()


def test_each_antinode_is_looked_for_in_its_own_frame():
    ellipses = [
        Ellipse.of(120, 100, 40, 30, 70),
        Ellipse.of(90, 90, 50, 45, 10),
        Ellipse.of(60, 90, 30, 25, 0),
    ]
    frames = torch.cat([rings_of(ellipses[0]), rings_of(ellipses[1])])
    which = [1, 0, 1]
    together = unrolled(frames, torch.tensor(which), numbers(*ellipses)).numpy()
    for found, frame, ellipse in zip(together, which, ellipses, strict=True):
        assert found == pytest.approx(alone(frames[frame : frame + 1], ellipse), abs=1e-5)
    assert together.shape == (3, 2, RADII, ANGLES)
    assert _places(numbers(*ellipses), *SHAPE).shape == (3, 2, RADII, ANGLES * FINER)
    assert unrolled(frames, torch.tensor([], dtype=torch.long), numbers(*ellipses)[:0]).shape[0] == 0
