"""What SPNet is to answer for the antinodes of a frame, how far off it is, and what its answer means.

Hawley and Morrison 2021, J. Acoust. Soc. Am. 150(4), and the repository drscotthawley/SPNet. Each slot has
eight values: centre x and y, half axes a and b, cos 2θ, sin 2θ, whether there is no object, and rings; each
less a mean and divided by a range.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection
from medscience.slots import BIN, DEEP, FIRST, SIDE, slots

BLANK = (0.0, 0.0, BIN[0] / 2, BIN[1] / 2, -1.0, 0.0, 1.0, 0.0)
"""Values of a slot without an antinode, its centre from the cell's."""

MEANS = np.array([0, 0, BIN[0] / 2, BIN[1] / 2, 0, 0, 0, 5])
RANGES = np.array([*BIN, *BIN, 2, 2, 1, 10])

NO_OBJECT = 6
"""Place of the value that says whether a slot is empty."""

WEIGHTS = {"empty": 0.3, "centre": 2.0, "axes": 1.0, "angle": 3.0, "rings": 5.0}

UNSURE = 1.0
"""Rings to either side of a count, before calibration: the network says nothing of how sure it is."""


def centres() -> NDArray[np.float64]:
    """Return the middle (x, y) of each cell, shape (6, 6, 2): column, row."""
    numbers = np.moveaxis(np.indices((SIDE, SIDE)), 0, -1)
    return np.asarray(FIRST + (numbers + 0.5) * np.array(BIN))


def encode(antinodes: Sequence[Antinode]) -> NDArray[np.float32]:
    """Return the normalised target of a frame, shape (6, 6, 2, 8).

    Raises
    ------
    InputError
        If a cell has a third antinode.
    """
    values = np.tile(np.array(BLANK), (SIDE, SIDE, DEEP, 1))
    middles = centres()
    for (column, row, depth), antinode in slots(antinodes).items():
        ellipse = antinode.ellipse
        turn = math.radians(2 * ellipse.angle)
        x, y = np.array([ellipse.x, ellipse.y]) - middles[column, row]
        values[column, row, depth] = (
            x, y, ellipse.a, ellipse.b, math.cos(turn), math.sin(turn), 0.0, antinode.rings,
        )  # fmt: skip
    return np.asarray((values - MEANS) / RANGES, dtype=np.float32)


def loss(answer: Tensor, target: Tensor) -> Tensor:
    """Return the published loss of normalised values (B, 6, 6, 2, 8), a single number.

    The angle counts by the difference of the normalised half axes: a round ellipse has none.
    """
    errors = (answer - target) ** 2
    there = 1 - target[..., NO_OBJECT]
    long = (target[..., 2] - target[..., 3]) ** 2
    parts = {
        "centre": errors[..., 0:2].sum(-1),
        "axes": errors[..., 2:4].sum(-1),
        "angle": long * errors[..., 4:6].sum(-1),
        "rings": errors[..., 7],
    }
    objects = there * sum((WEIGHTS[name] * part for name, part in parts.items()), torch.zeros(()))
    total = WEIGHTS["empty"] * errors[..., NO_OBJECT] + objects
    return total.sum() / (target[0].numel() * len(target))


def found(answer: Tensor, least: float = 0.5) -> list[list[Detection]]:
    """Return the antinodes in normalised values (B, 6, 6, 2, 8), the surest first.

    A slot has one if its value for "no object" rounds to 0 and half axes and rings are more than 0; nothing
    is left out for lying on another, as published.

    Parameters
    ----------
    least : float
        Score, 1 less the value for "no object", from which a slot has one; 0.5 is the published one.
    """
    values = answer.double().numpy() * RANGES + MEANS
    values[..., :2] += centres()[:, :, None]
    return [
        sorted(
            (_detection(slot) for slot in frame.reshape(-1, len(MEANS)) if _is_object(slot, least)),
            key=lambda one: -one.antinode.score,
        )
        for frame in values
    ]


def _is_object(slot: NDArray[np.float64], least: float) -> bool:
    _, _, a, b, _, _, empty, rings = slot.tolist()
    return bool(-0.5 <= empty <= 1 - least and min(a, b, rings) > 0)


def _detection(slot: NDArray[np.float64]) -> Detection:
    x, y, a, b, cos, sin, empty, rings = slot.tolist()
    ellipse = Ellipse.of(x, y, a, b, math.degrees(math.atan2(sin, cos)) / 2)
    score = min(max(1 - empty, 0.0), 1.0)
    return Detection(Antinode(ellipse, rings, score), max(rings - UNSURE, 0.0), rings + UNSURE)
