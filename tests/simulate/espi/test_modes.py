"""Shapes of notes: at rest on the ellipse of the truth, with rings to count from there to the middle."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.antinode import Ellipse
from medscience.simulate.espi.modes import SHAPE, Dome, between
from medscience.simulate.espi.optics import fringes
from medscience.simulate.espi.pan import LEAST_INSIDE, draw_domes

WHOLE = Dome(Ellipse.of(250.0, 190.0, 110, 70, 35), 1.6, (0.1, -0.08))
CUT = Dome(Ellipse.of(12.0, 370.0, 90, 60, 120), 2.0)


def shape(dome, part=0):
    """Return a shape over the whole frame."""
    values = np.zeros(SHAPE)
    region, inside = dome.values(part)
    values[region] = inside
    return values


@pytest.mark.parametrize("dome", [WHOLE, CUT])
def test_contours_of_the_displacement_are_ellipses_with_the_half_axes_of_the_truth(dome):
    """Moments of what moves: a filled ellipse has the variance axis² / 4 along each axis."""
    plain = Dome(dome.ellipse, dome.power)
    large = shape(Dome(Ellipse.of(250, 190, *_axes(dome), dome.ellipse.angle), dome.power))
    for level in (1e-9, 0.5):
        inside = np.argwhere(large > level)
        spread = np.linalg.eigvalsh(np.cov((inside - inside.mean(axis=0)).T))
        part = np.sqrt(1 - level ** (1 / dome.power))
        assert_allclose(2 * np.sqrt(spread[::-1]), np.array(_axes(dome)) * part, rtol=0.01)
    assert (shape(plain) > 0).sum() == pytest.approx(dome.ellipse.inside(SHAPE) * dome.ellipse.area, rel=0.01)


def _axes(dome):
    return dome.ellipse.a, dome.ellipse.b


@pytest.mark.parametrize("rings", [0.4, 3.0, 7.7, 11.0])
def test_rings_counted_along_a_radius_are_the_rings_of_the_truth(rings):
    """From the outline to the middle the phase is unwrapped, as a person counts."""
    radius = np.linspace(1, 0, 2000)
    ellipse = WHOLE.ellipse
    turn = np.radians(ellipse.angle)
    y = ellipse.y - radius * ellipse.a * np.sin(turn)
    x = ellipse.x + radius * ellipse.a * np.cos(turn)
    from scipy.ndimage import map_coordinates

    displacement = map_coordinates(rings * shape(WHOLE), [y, x], order=1)
    wrapped = np.angle(np.exp(2j * np.pi * displacement))
    unwrapped = np.unwrap(wrapped) / (2 * np.pi)
    assert unwrapped[-1] - unwrapped[0] == pytest.approx(rings, abs=0.02)
    shown = fringes(displacement, np.zeros(2000))
    dark = ((shown[1:-1] < shown[:-2]) & (shown[1:-1] <= shown[2:])).sum()
    assert abs(dark - rings) <= 1


def test_partials_have_two_lobes_of_opposite_sign_and_leave_the_middle_at_rest():
    for part in (1, 2):
        values = shape(WHOLE, part)
        assert values.max() == pytest.approx(1, abs=0.01)
        assert values.min() == pytest.approx(-1, abs=0.01)
        assert values[190, 250] == pytest.approx(0, abs=0.01)


def test_waves_stop_in_the_middle_of_notes_only():
    bowl = between([WHOLE, CUT])
    assert bowl[190, 250] == pytest.approx(0, abs=0.01)
    assert bowl[20, 480] == 1
    assert 0 <= bowl.min() <= bowl.max() == 1


def test_notes_do_not_overlap_and_some_are_cut_by_the_frame_or_touch():
    from medscience.antinode import overlap

    random = np.random.default_rng(0)
    cut = touching = 0
    for _ in range(40):
        ellipses = [dome.ellipse for dome in draw_domes(random, 6, (30.0, 128.0))]
        inside = [ellipse.inside(SHAPE) for ellipse in ellipses]
        assert min(inside) >= LEAST_INSIDE
        cut += sum(part < 0.95 for part in inside)
        for number, one in enumerate(ellipses):
            for other in ellipses[:number]:
                assert overlap(one, other) <= 0.01 * max(one.area, other.area)
                larger = Ellipse.of(one.x, one.y, one.a * 1.06, one.b * 1.06, one.angle)
                touching += overlap(larger, other) > 0
    assert cut > 30
    assert touching > 15
