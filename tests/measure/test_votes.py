"""Votes of many people: the truth comes back from scattered copies of it, whatever their order."""

import numpy as np
import pytest

from medscience.antinode import Antinode, Ellipse
from medscience.measure.votes import agree

TRUTH = [
    Antinode(Ellipse(120, 110, 60, 35, 178), 6.5),
    Antinode(Ellipse(200, 130, 40, 30, 60), 2.0),
    Antinode(Ellipse(400, 300, 90, 88, 20), 9.0),
]


def scattered(antinode, count, seed, error=2.0):
    random = np.random.default_rng(seed)
    old = antinode.ellipse
    return [
        Antinode(
            Ellipse.of(
                *(np.array([old.x, old.y, old.a, old.b]) + random.normal(0, error, 4)),
                old.angle + random.normal(0, 4),
            ),
            max(antinode.rings + random.normal(0, 0.4), 0),
        )
        for _ in range(count)
    ]


@pytest.fixture
def votes():
    """15, 11 and 7 people who saw the three."""
    drawn = zip(TRUTH, (15, 11, 7), strict=True)
    return [vote for seed, (one, count) in enumerate(drawn) for vote in scattered(one, count, seed)]


def test_every_antinode_comes_back_with_its_votes_across_the_turn_of_the_angle(votes):
    """Votes of 178 degrees are half 179 and half 1, whose plain mean is 90."""
    found = agree(votes)
    assert [one.votes for one in found] == [15, 11, 7]
    for one, true in zip(found, TRUTH, strict=True):
        ellipse = one.antinode.ellipse
        assert (ellipse.x, ellipse.y) == pytest.approx((true.ellipse.x, true.ellipse.y), abs=2.5)
        assert (ellipse.a, ellipse.b) == pytest.approx((true.ellipse.a, true.ellipse.b), abs=3)
        assert one.antinode.rings == pytest.approx(true.rings, abs=0.5)
        turned = abs(ellipse.angle - true.ellipse.angle) % 180
        assert min(turned, 180 - turned) < 5 or true is TRUTH[2]  # nearly round: no direction


def test_spreads_are_those_of_the_votes_and_circles_have_no_direction():
    one = agree(scattered(TRUTH[0], 800, seed=5))[0]
    assert one.centre_px == pytest.approx(2 * np.sqrt(2), rel=0.1)
    assert one.axes_px == pytest.approx(2, rel=0.12)
    assert one.rings == pytest.approx(0.4, rel=0.12)
    assert one.angle_deg == pytest.approx(4, rel=0.15)
    circle = agree(scattered(Antinode(Ellipse(300, 200, 80, 80, 20), 5.0), 200, seed=6))[0]
    assert circle.angle_deg > 30


def test_the_order_of_the_votes_does_not_matter(votes):
    shuffled = [votes[number] for number in np.random.default_rng(0).permutation(len(votes))]
    for one, other in zip(agree(votes), agree(shuffled), strict=True):
        assert one.votes == other.votes
        assert one.antinode.ellipse.angle == pytest.approx(other.antinode.ellipse.angle)
        assert one.antinode.rings == other.antinode.rings


def test_a_few_who_are_far_off_do_not_move_the_others(votes):
    lost = [Antinode(Ellipse(30, 340, 25, 20, 0), 1.0)]
    assert [one.votes for one in agree([*votes, *lost])] == [15, 11, 7, 1]
    assert [one.votes for one in agree([*votes, *lost], least=5)] == [15, 11, 7]


def test_one_vote_is_itself_and_none_is_nothing():
    (only,) = agree(TRUTH[:1])
    assert only.antinode.ellipse.angle == pytest.approx(178)
    assert (only.votes, only.centre_px, only.rings) == (1, 0, 0)
    assert agree([]) == []
