"""SPNet's own measures: its grid, and what they leave out."""

import math

import pytest

from medscience.antinode import Antinode, Ellipse
from medscience.errors import InputError
from medscience.measure.ellipses import average_precision
from medscience.measure.spnet import spnet_measures
from medscience.slots import FRAME, slots


def at(x, y, rings=3.0, score=1.0, wide=30.0):
    return Antinode(Ellipse(x, y, wide, 20, 10), rings, score)


def test_cells_are_those_of_the_published_target():
    """Column (x - 40) // 71 and row (y - 40) // 51, kept inside the grid; slots by x, then y."""
    filled = slots([at(39, 39), at(500, 380), at(181, 141), at(111, 91), at(182, 142)])
    assert filled == {
        (0, 0, 0): at(39, 39),
        (1, 1, 0): at(111, 91),
        (1, 1, 1): at(181, 141),
        (2, 2, 0): at(182, 142),
        (5, 5, 0): at(500, 380),
    }


def test_a_third_antinode_in_a_cell_has_no_place():
    three = [at(120 + n, 100, score=0.5 + 0.1 * n) for n in range(3)]
    with pytest.raises(InputError, match="SPNET-CELL"):
        slots(three)
    assert list(slots(three, keep=2).values()) == three[1:]


def test_published_measures_of_a_counted_example():
    """Four true: one right, one miscounted, one with little overlap, one missed; and one false."""
    truth = [at(80, 80), at(220, 80), at(360, 80), at(80, 250)]
    found = [at(80, 80), at(220, 80, rings=4.0), at(385, 80), at(360, 300)]
    measures = spnet_measures([(truth, found)])
    assert measures["ring_accuracy"] == 0.5
    assert measures["class_accuracy"] == 1 - (1 + 1 + 1) / 4
    assert measures["mAP"] == pytest.approx(2 / 3)


def test_the_published_map_flatters():
    """Badly placed ellipses lower average precision, not the published number, which counts misses only."""
    truth = [at(80, 80), at(220, 80), at(360, 80)]
    found = [at(80, 80), at(240, 80), at(380, 80)]
    assert spnet_measures([(truth, found)])["mAP"] == 1
    assert average_precision([(truth, found)], FRAME)[0.5] < 0.5
    assert math.isnan(spnet_measures([([], [])])["mAP"])
