"""What a detector's file may say, and how intervals are stretched."""

import pytest
from pydantic import ValidationError

from medscience.antinode import Antinode, Ellipse
from medscience.description import read_model
from medscience.detections import Detection
from medscience.detector import Interval, read_any_model, read_detector
from medscience.errors import ModelError


def interval(**changes):
    kept = {"level": 0.9, "edges": (2.0,), "widths": (1.0,), "stretch": ((1.0, 2.0), (3.0, 0.5))}
    return Interval(**kept | {"calibrated_on": "nothing"} | changes)


def detection(rings, low, high):
    return Detection(Antinode(Ellipse(50, 50, 30, 20, 0), rings), low, high)


@pytest.mark.parametrize(
    "found, low, high",
    [((1, 0.8, 1.4), 0.8, 1.4), ((1, 0.2, 1.4), 0, 1.8), ((4, 3.8, 4.2), 3.4, 4.6), ((4, 2, 5), 3, 4.5)],
)
def test_each_group_of_counts_and_widths_has_its_stretch_and_no_interval_goes_below_0(found, low, high):
    stretched = interval().stretched(detection(*found))
    assert (stretched.low, stretched.high) == pytest.approx((low, high))
    assert stretched.antinode.rings == found[0]


@pytest.mark.parametrize(
    "changes", [{"edges": (2.0, 1.0)}, {"stretch": ((1.0, 2.0),)}, {"widths": ()}, {"level": 1.2}]
)
def test_groups_that_do_not_fit_together_are_refused(changes):
    with pytest.raises(ValidationError):
        interval(**changes)


def test_each_kind_of_model_is_refused_where_the_other_is_needed(tiny_model, tiny_detector):
    assert read_any_model(tiny_model).name == "tiny"
    assert read_any_model(tiny_detector).name == "tiny-fringe"
    with pytest.raises(ModelError, match=r"MODEL-KIND.*medscience predict"):
        read_detector(tiny_model)
    with pytest.raises(ModelError, match=r"MODEL-KIND.*medscience detect"):
        read_model(tiny_detector)
