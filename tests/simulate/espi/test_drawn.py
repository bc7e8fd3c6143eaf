"""Frames of several styles, mixed."""

from itertools import islice

import numpy as np

from medscience.simulate.espi.drawn import drawn_frames
from medscience.simulate.espi.published import published_shots


def test_the_same_seed_gives_the_same_frames_and_another_one_others():
    parts = {"espi": 1.0, "spnet": 1.0, "black": 1.0}
    one, same, other = (list(islice(drawn_frames(parts, seed), 4)) for seed in (1, 1, 2))
    assert all(
        np.array_equal(a.frame, b.frame) and a.antinodes == b.antinodes
        for a, b in zip(one, same, strict=True)
    )
    assert not all(np.array_equal(a.frame, b.frame) for a, b in zip(one, other, strict=True))


def test_the_order_of_the_keys_does_not_matter():
    one, other = ({"espi": 1.0, "spnet": 2.0}, {"spnet": 2.0, "espi": 1.0})
    for first, second in zip(islice(drawn_frames(one, 3), 6), drawn_frames(other, 3), strict=False):
        assert np.array_equal(first.frame, second.frame)


def test_a_style_alone_is_that_style():
    for mine, published in zip(islice(drawn_frames({"spnet": 3.0}, 5), 2), published_shots(5), strict=False):
        assert np.array_equal(mine.frame, published.frame)


def test_black_frames_have_no_antinodes_and_hardly_any_light():
    for shot in islice(drawn_frames({"black": 1.0}, 1), 5):
        assert not shot.antinodes
        assert shot.frame.mean() < 12
