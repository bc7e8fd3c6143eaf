"""A volume that is painted in Hounsfield units, solid after solid, without jagged edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, Sizes, Triple, as_affine
from medscience.simulate.fields import Field, Place, capsule

AIR = -1000.0


class BodyPlace(Place):
    """Places in a body whose left is not its right: z to the head, y to the front, x to the right."""

    __slots__ = ()

    @property
    def side(self) -> Field:
        """The same as x: nothing is mirrored."""
        return self.x


def upright(shape: Sizes, step: float) -> Geometry:
    """Return a grid with axes S-A-R and cubic voxels, its middle at the world's origin."""
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0], [0, 1, 2]] = step
    matrix[[2, 1, 0], 3] = [-(n - 1) / 2 * step for n in shape]
    matrix[3, 3] = 1
    return Geometry(shape, as_affine(matrix))


@dataclass(frozen=True, slots=True)
class Canvas:
    """What has been painted so far."""

    hu: NDArray[np.float32]
    """Shape (Z, Y, X)."""
    place: BodyPlace
    """Where its voxels are, as three axes that broadcast."""
    step: float
    """Distance between voxels in mm."""

    @classmethod
    def empty(cls, shape: Sizes, step: float) -> "Canvas":
        """Return air around the world's origin."""
        z, y, x = (((np.arange(n) - (n - 1) / 2) * step).astype(np.float32) for n in shape)
        place = BodyPlace(z[:, None, None], y[None, :, None], x[None, None, :])
        return cls(np.full(shape, AIR, np.float32), place, step)

    def cover(self, depth: Field) -> NDArray[np.float32]:
        """Return how much of each voxel lies below a surface, from the depth of its centre in mm."""
        return np.asarray(np.clip(0.5 + depth / self.step, 0, 1), np.float32)

    def paint(self, depth: Field, hu: Field | float) -> None:
        """Paint a solid, given by the depth below its surface in mm, negative outside."""
        self.blend(self.cover(depth), hu)

    def blend(self, part: Field, hu: Field | float) -> None:
        """Paint a part of every voxel."""
        self.hu[...] += part * (hu - self.hu)

    def rod(self, start: Triple, end: Triple, radius: float, hu: float) -> None:
        """Paint a rod with round ends, however thin; its ends are (z, y, x) in mm."""
        box = []
        for axis, (a, b) in enumerate(zip(start, end, strict=True)):
            middle = (self.hu.shape[axis] - 1) / 2
            low, high = (min(a, b) - radius) / self.step, (max(a, b) + radius) / self.step
            box.append(slice(max(int(middle + low) - 1, 0), max(int(middle + high) + 3, 0)))
        region = (box[0], box[1], box[2])
        here = self.hu[region]
        if here.size:
            z, y, x = (
                axis[(*(region[n] if n == k else slice(None) for n in range(3)),)]
                for k, axis in enumerate((self.place.z, self.place.y, self.place.x))
            )
            thin = min(1.0, (2 * radius / self.step) ** 2)
            depth = capsule(BodyPlace(z, y, x), start, end, max(radius, self.step / 2))
            here += thin * self.cover(depth) * (hu - here)
