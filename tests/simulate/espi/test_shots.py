"""Single frames: the same for the same seed, speckle of the right law, truth that can be seen."""

from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from medscience.simulate.espi.camera import MOST_RINGS
from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.published import LEAST_RING, published_shots
from medscience.simulate.espi.shots import VISIBLE, drawn_shots
from medscience.simulate.espi.speckle import GRAINS, sheet


def averaged(seed):
    return drawn_shots(seed, many_periods=True)


@pytest.mark.parametrize("source", [drawn_shots, averaged, published_shots])
def test_the_same_seed_gives_the_same_frames_and_truth(source):
    for one, again in islice(zip(source(4), source(4), strict=True), 4):
        assert_array_equal(one.frame, again.frame)
        assert one.antinodes == again.antinodes
    assert (next(source(4)).frame != next(source(5)).frame).any()


def test_rings_are_fractions_and_everything_that_is_listed_can_be_seen():
    shots = list(islice(drawn_shots(1), 60))
    rings = np.array([antinode.rings for shot in shots for antinode in shot.antinodes])
    assert VISIBLE <= rings.min() < 0.6
    assert 7 < rings.max() <= MOST_RINGS
    assert 0.2 < (rings % 1 < 0.5).mean() < 0.8
    assert {len(shot.antinodes) for shot in shots} >= {0, 1, 2, 3, 4}
    for shot in shots:
        assert shot.frame.shape == SHAPE
        assert shot.frame.dtype == np.uint8
        assert all(antinode.ellipse.inside(SHAPE) > 0.3 for antinode in shot.antinodes)


def test_antinodes_are_brighter_than_what_is_at_rest():
    """Where the truth says that something moves, there is light on average."""
    ratios = []
    for shot in islice(drawn_shots(2), 40):
        rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
        moving = np.zeros(SHAPE, dtype=bool)
        for antinode in shot.antinodes:
            u, v = antinode.ellipse.along(rows, columns)
            moving |= u * u + v * v < 0.6
        if moving.any():
            ratios.append(shot.frame[moving].mean() / (shot.frame[~moving].mean() + 1))
    assert np.median(ratios) > 1.5


@pytest.mark.parametrize("grain", GRAINS)
def test_speckle_is_fully_developed_with_grains_of_its_size(grain):
    """Intensity of exponential law: deviation as large as the mean; two grains away nothing is left of it."""
    intensity = np.abs(sheet(grain)) ** 2
    assert intensity.std() == pytest.approx(intensity.mean(), rel=0.03)
    assert np.median(intensity) == pytest.approx(np.log(2), rel=0.03)
    assert (intensity > 3).mean() == pytest.approx(np.exp(-3), rel=0.1)
    centred = intensity - 1
    near, far = ((centred * np.roll(centred, step, axis=1)).mean() for step in (1, round(1.22 * grain * 2)))
    assert near > 0.4
    assert abs(far) < 0.05


def test_published_frames_follow_the_published_recipe():
    shots = list(islice(published_shots(1), 25))
    for shot in shots:
        assert 0.47 < (shot.frame == 0).mean() < 0.75  # half of all, and black bands with negative noise
        for antinode in shot.antinodes:
            assert antinode.rings == int(antinode.rings)
            assert antinode.ellipse.b >= 2 * LEAST_RING * antinode.rings or antinode.rings == 1
            assert antinode.ellipse.inside(SHAPE) > 0.98
    assert {int(antinode.rings) for shot in shots for antinode in shot.antinodes} >= {1, 2, 3, 4, 5, 6}
