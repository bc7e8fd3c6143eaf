"""What the maps are asked for is what they are read as."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medscience.antinode import Antinode, Ellipse
from medscience.measure.ellipses import iou
from medscience.models.antinode_maps import counted, counts_of, exp_ellipse, found, log_ellipse, wanted
from medscience.simulate.espi.drawn import drawn_frames
from tests.test_antinode import ELLIPSES

FRAME, CELLS, COUNTS = (384, 512), (48, 64), 48


def answered(antinodes):
    """The answer of a network that knows everything: maps (1, 6 + counts, Y, X)."""
    target = wanted(antinodes, CELLS, COUNTS)
    middle = np.log(target.middle.clip(1e-6, 1 - 1e-6) / (1 - target.middle.clip(1e-6, 1 - 1e-6)))
    rings = np.log(target.rings + 1e-9)
    return torch.from_numpy(np.concatenate([middle[None], target.shape, rings])[None])


@given(ELLIPSES)
def test_an_ellipse_is_the_one_of_its_logarithm(ellipse):
    again = exp_ellipse(ellipse.x, ellipse.y, *log_ellipse(ellipse))
    assert (again.a, again.b) == pytest.approx((ellipse.a, ellipse.b), rel=1e-6)
    if ellipse.a > 1.001 * ellipse.b:
        assert abs((again.angle - ellipse.angle + 90) % 180 - 90) < 1e-3


@pytest.mark.parametrize("style", ["espi", "spnet"])
def test_every_antinode_of_a_frame_is_found_again(style):
    frames = drawn_frames({style: 1.0}, 1)
    for _, shot in zip(range(20), frames, strict=False):
        detections = found(answered(shot.antinodes), 0.5)[0]
        assert len(detections) == len(shot.antinodes)
        for antinode in shot.antinodes:
            best = max(detections, key=lambda one: iou(one.antinode.ellipse, antinode.ellipse, FRAME))
            assert iou(best.antinode.ellipse, antinode.ellipse, FRAME) > 0.99
            assert abs(best.antinode.rings - antinode.rings) < 0.05
            assert best.low < antinode.rings < best.high


def test_a_middle_outside_of_the_frame_is_found_where_it_is():
    outside = Antinode(Ellipse(-20, 200, 60, 40, 30), 3.0)
    detection = found(answered([outside]), 0.5)[0][0]
    assert (detection.antinode.ellipse.x, detection.antinode.ellipse.y) == pytest.approx((-20, 200), abs=0.1)


def test_an_empty_frame_asks_for_nothing():
    target = wanted([], CELLS, COUNTS)
    assert not target.middle.any()
    assert not target.weight.any()
    assert found(answered([]), 0.01) == [[]]


def test_each_antinode_weighs_the_same_however_large_it_is():
    antinodes = [Antinode(Ellipse(100, 100, 90, 80, 0), 2.0), Antinode(Ellipse(400, 300, 16, 15, 0), 1.0)]
    weight = wanted(antinodes, CELLS, COUNTS).weight
    assert weight[:, :32].sum() == pytest.approx(1, abs=1e-5)
    assert weight[:, 32:].sum() == pytest.approx(1, abs=1e-5)


def test_what_lies_in_the_middle_of_a_surer_one_is_no_second_one():
    answer = answered([Antinode(Ellipse(200, 200, 80, 70, 0), 4.0)])
    row, column = 25, 28  # 24 pixels from the middle
    answer[0, 0, row, column] = 2.0
    assert len(found(answer, 0.5)[0]) == 1


@given(st.integers(0, 46), st.floats(0.05, 0.95))
def test_the_count_has_as_much_of_the_distribution_as_can_be_within_half_a_ring(place, share):
    law = np.zeros(COUNTS)
    law[place], law[(place + 20) % COUNTS] = share, 1 - share
    values = counts_of(COUNTS)
    best = max(law[np.abs(values - value) < 0.5].sum() for value in values)
    found_count = counted(law[None])[0]
    assert law[np.abs(values - found_count) <= 0.5].sum() >= best - 1e-9
