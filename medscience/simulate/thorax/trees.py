"""Trees of vessels that fill a lung: each new end joins the tree where that is nearest.

Radii follow Murray's law (1926, PNAS 12): the cube of a vessel's is the sum of its branches' cubes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

LEAF = 0.85
"""Radius of the thinnest vessels, mm."""
HOP = 7.0
"""Longest piece of a vessel that is straight, mm."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tree:
    """Pieces of vessels."""

    points: Points
    """Shape (N, 3), mm, along (z, y, x); the first is the root."""
    parents: NDArray[np.int64]
    """Of each point, the one from which its piece comes; of the root, itself."""
    radii: NDArray[np.float64]
    """Of each point's piece, mm."""


def grown(root: Points, ends: Points, random: np.random.Generator) -> Tree:
    """Return a tree from a root (3,) to ends (N, 3).

    Near ends join first; a way round costs a little, so that branches lead away from the root.
    """
    points, parents, ways = [root], [0], [0.0]
    ends = ends[np.argsort(np.linalg.norm(ends - root, axis=1))]
    tips = []
    for end in ends:
        there = np.array(points)
        gaps = np.linalg.norm(there - end, axis=1)
        at = int(np.argmin(gaps + 0.35 * np.array(ways)))
        pieces = max(int(np.ceil(gaps[at] / HOP)), 1)
        start = there[at]
        for n in range(1, pieces + 1):
            bend = random.normal(0, 0.9, 3) if n < pieces else 0.0
            points.append(start + (end - start) * (n / pieces) + bend)
            parents.append(at if n == 1 else len(points) - 2)
            ways.append(ways[parents[-1]] + float(np.linalg.norm(points[-1] - points[parents[-1]])))
        tips.append(len(points) - 1)
    cubes = np.zeros(len(points))
    cubes[tips] += LEAF**3
    for n in range(len(points) - 1, 0, -1):
        cubes[parents[n]] += cubes[n]
    return Tree(np.array(points), np.array(parents), np.cbrt(np.maximum(cubes, LEAF**3)))


def spread(candidates: Points, count: int, random: np.random.Generator) -> Points:
    """Return about `count` of the candidates (N, 3), not too near to each other."""
    chosen = candidates[random.permutation(len(candidates))[: 4 * count]]
    if len(chosen) <= count:
        return chosen
    crowd = np.asarray(KDTree(chosen).query(chosen, k=4)[0])[:, -1]
    kept: Points = chosen[np.argsort(-crowd)[:count]]
    return kept
