"""What many people drew around the same antinodes, as one ellipse each with its spread and its votes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from medscience.antinode import Antinode, Ellipse

NEAR = 0.75
"""Centres belong together if, on average, they are closer than this part of the ellipses' mean radius."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """One antinode that people agree on, and by how much they differ.

    Spreads of lengths and rings are median absolute deviations times 1.4826, which is the standard
    deviation of votes of normal law and is not moved by a few that are far off.
    """

    antinode: Antinode
    votes: int
    """How many ellipses it was made from."""
    centre_px: float
    """Spread of the centres, along x and y together."""
    axes_px: float
    """Spread of the half axes, the larger of both."""
    angle_deg: float
    """Circular standard deviation of the axis, at most 90; large where ellipses are nearly round."""
    rings: float
    """Spread of the ring counts."""


def agree(votes: Sequence[Antinode], least: int = 1) -> list[Consensus]:
    """Return the antinodes that the ellipses of one frame are votes for, the most voted for first.

    Centres are clustered by average linkage, in units of the ellipses' radius. Centre, axes and rings are
    medians; the angle is the mean direction of the doubled angles, to which round ellipses add little.

    Parameters
    ----------
    votes : sequence of Antinode
        Of all people, in any order.
    least : int
        Leave out what fewer votes speak for.
    """
    if not votes:
        return []
    numbers = np.array([(v.ellipse.x, v.ellipse.y, v.ellipse.a, v.ellipse.b, v.rings) for v in votes])
    angles = np.radians([v.ellipse.angle for v in votes])
    groups = _groups(numbers)
    made = [
        _consensus(numbers[groups == group], angles[groups == group])
        for group in np.unique(groups)
        if (groups == group).sum() >= least
    ]
    return sorted(made, key=lambda one: (-one.votes, one.antinode.ellipse.x, one.antinode.ellipse.y))


def _groups(numbers: NDArray[np.float64]) -> NDArray[np.int_]:
    if len(numbers) == 1:
        return np.zeros(1, dtype=int)
    first, second = np.triu_indices(len(numbers), 1)
    radius = np.sqrt(numbers[:, 2] * numbers[:, 3])
    apart = np.hypot(*(numbers[first, :2] - numbers[second, :2]).T)
    return np.asarray(
        fcluster(linkage(apart * 2 / (radius[first] + radius[second]), "average"), NEAR, "distance")
    )


def _consensus(numbers: NDArray[np.float64], angles: NDArray[np.float64]) -> Consensus:
    x, y, a, b, rings = np.median(numbers, axis=0).tolist()
    spread = 1.4826 * np.median(np.abs(numbers - (x, y, a, b, rings)), axis=0)
    long = numbers[:, 2] - numbers[:, 3] + 1e-9 * numbers[:, 2]
    mean = (long * np.exp(2j * angles)).sum() / long.sum()
    turned = np.degrees(np.sqrt(-2 * np.log(np.clip(np.abs(mean), 1e-9, 1)))) / 2
    return Consensus(
        Antinode(Ellipse.of(x, y, a, b, float(np.degrees(np.angle(mean)) / 2)), rings),
        votes=len(numbers),
        centre_px=float(np.hypot(spread[0], spread[1])),
        axes_px=float(max(spread[2], spread[3])),
        angle_deg=float(min(turned, 90)),
        rings=float(spread[4]),
    )
