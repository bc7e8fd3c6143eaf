"""How an image's grid and the grid that a network sees lie in each other.

An answer is wanted on the image's grid (z, y, x); the network sees a frame with axes (i, j, k). Where the two
grids coincide, voxel for voxel, nothing is interpolated; else features are, linearly.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, Reorientation

Region = tuple[slice, ...]

COINCIDE = 1e-3
"""Voxels by which two grids may differ and still be taken for the same."""


@dataclass(frozen=True)
class Link:
    """From indices of the image to indices of the frame."""

    image: Geometry
    frame: Geometry

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """Affine (4, 4) from an index (z, y, x, 1) to an index (i, j, k, 1)."""
        return np.asarray(np.linalg.inv(self.frame.matrix) @ self.image.matrix)

    @cached_property
    def coincides(self) -> bool:
        """Whether every voxel of the image lies on a voxel of the frame's (endless) grid."""
        corners = np.array(list(product(*((0, n - 1) for n in self.image.shape))))
        exact = corners @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        whole = corners @ np.rint(self.matrix[:3, :3]).T + np.rint(self.matrix[:3, 3])
        return bool(np.abs(exact - whole).max() < COINCIDE)

    @property
    def turn(self) -> Reorientation:
        """For grids that coincide: what brings an array in the frame's axes into the image's."""
        steps = np.rint(self.matrix[:3, :3]).astype(int)
        order = np.abs(steps).argmax(axis=0).tolist()
        flips = [bool(steps[axis, n] < 0) for n, axis in enumerate(order)]
        return Reorientation((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))

    def box(self, region: Region) -> Region | None:
        """Return the part of the frame that a region of the image needs, or None if that is nothing."""
        corners = np.array(list(product(*((part.start, part.stop - 1) for part in region))))
        at = corners @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        at = np.where(np.abs(at - np.rint(at)) < COINCIDE, np.rint(at), at)
        first = np.maximum(np.floor(at.min(axis=0)).astype(int), 0)
        last = np.minimum(np.ceil(at.max(axis=0)).astype(int), np.array(self.frame.shape) - 1)
        if (last < first).any():
            return None
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def tile(self, block: tuple[int, ...], halo: tuple[int, ...]) -> tuple[int, ...]:
        """Return the largest tile of the frame that a block of the image can need, halo included."""
        reach = np.abs(self.matrix[:3, :3]) @ (np.array(block) - 1)
        sides = np.rint(reach) + 1 if self.coincides else np.ceil(reach) + 2
        grown = zip(sides.astype(int).tolist(), halo, self.frame.shape, strict=True)
        return tuple(min(side + 2 * h, n) for side, h, n in grown)

    def covered(self, box: Region) -> Region:
        """For grids that coincide: the region of the image that a box of the frame answers."""
        back = np.linalg.inv(self.matrix)
        ends = np.array(list(product(*((part.start, part.stop - 1) for part in box))))
        at = np.rint(ends @ back[:3, :3].T + back[:3, 3]).astype(int)
        low, high = at.min(axis=0).tolist(), at.max(axis=0).tolist()
        return tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))

    def places(self, region: Region, box: Region) -> NDArray[np.float64]:
        """Return the affine (3, 4) from an index within a region to an index within a box."""
        start = np.array([part.start for part in region])
        first = np.array([part.start for part in box])
        steps = self.matrix[:3, :3]
        return np.column_stack([steps, steps @ start + self.matrix[:3, 3] - first])
