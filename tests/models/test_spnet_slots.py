"""The published target and loss, against what they say in words."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from medscience.antinode import Antinode, Ellipse
from medscience.errors import InputError
from medscience.models.spnet_slots import encode, found, loss
from medscience.simulate.espi.published import published_shots
from medscience.slots import slots


def test_what_is_encoded_is_found_again():
    tried = 0
    for _, shot in zip(range(60), published_shots(3), strict=False):
        try:
            target = encode(shot.antinodes)
        except InputError:
            continue  # three in a cell
        tried += 1
        again = [one.antinode for one in found(torch.from_numpy(target[None]))[0]]
        key = lambda one: (one.ellipse.x, one.ellipse.y)  # noqa: E731
        for one, other in zip(sorted(shot.antinodes, key=key), sorted(again, key=key), strict=True):
            wanted = (one.ellipse.x, one.ellipse.y, one.ellipse.a, one.ellipse.b, one.rings)
            got = (other.ellipse.x, other.ellipse.y, other.ellipse.a, other.ellipse.b, other.rings)
            assert_allclose(got, wanted, atol=1e-3)
            if one.ellipse.a > 1.01 * one.ellipse.b:  # a circle has no angle
                assert abs((one.ellipse.angle - other.ellipse.angle + 90) % 180 - 90) < 1e-2
            assert other.score == 1
    assert tried > 40


def test_a_blank_slot_is_its_cell_without_an_object():
    """Normalised: centre, half axes and sine 0, cosine -1/2, no object 1, rings -5/10."""
    assert_allclose(encode([]), np.broadcast_to([0, 0, 0, 0, -0.5, 0, 1, -0.5], (6, 6, 2, 8)))
    assert found(torch.from_numpy(encode([])[None])) == [[]]


def test_the_values_of_an_antinode_are_those_of_the_paper():
    values = encode([Antinode(Ellipse(200, 100, 71, 30, 45), 7.0)])[2, 1, 0]
    x, y = (200 - (40 + 2.5 * 71)) / 71, (100 - (40 + 1.5 * 51)) / 51
    assert_allclose(values, [x, y, 0.5, 4.5 / 51, 0, 0.5, 0, 0.2], atol=1e-6)


def test_a_third_antinode_in_a_cell_is_an_error():
    three = [Antinode(Ellipse(200 + n, 100, 20, 15, 0), 2.0) for n in range(3)]
    with pytest.raises(InputError, match="SPNET-CELL"):
        encode(three)


def test_the_loss_is_the_one_that_loops_over_slots_give():
    random = np.random.default_rng(0)
    antinodes = [
        [Antinode(Ellipse(90 + 110 * n, 80 + 60 * n, 40, 25, 30 * n), 1.5 + n) for n in range(3)],
        [],
    ]
    target = np.stack([encode(each) for each in antinodes])
    answer = target + random.normal(0, 0.2, target.shape).astype(np.float32)
    total = 0.0
    for guess, truth in zip(answer.reshape(-1, 8), target.reshape(-1, 8), strict=True):
        dx, dy, da, db, dcos, dsin, dno, drings = (guess - truth).tolist()
        total += 0.3 * dno**2
        if truth[6] == 0:
            total += 2 * (dx**2 + dy**2) + (da**2 + db**2) + 5 * drings**2
            total += 3 * (truth[2] - truth[3]) ** 2 * (dcos**2 + dsin**2)
    found_loss = loss(torch.from_numpy(answer), torch.from_numpy(target))
    assert found_loss.item() == pytest.approx(total / 576 / 2, rel=1e-5)
    assert len(slots(antinodes[0])) == 3


def test_an_object_needs_a_size_and_rings():
    target = encode([Antinode(Ellipse(200, 100, 30, 20, 10), 2.0)])
    for place, value in ((2, -0.6), (3, -0.6), (7, -0.51), (6, 0.51), (6, -0.6)):
        changed = target.copy()
        changed[2, 1, 0, place] = value
        assert found(torch.from_numpy(changed[None])) == [[]], place
    assert math.isclose(found(torch.from_numpy(target[None]))[0][0].antinode.rings, 2, abs_tol=1e-5)
