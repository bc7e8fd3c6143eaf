"""What is painted on: Hounsfield units and labels of a box of the body, with soft edges."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medscience.geometry import Triple
from medscience.simulate.fields import Field, Place

AIR_HU = -1000.0
HALF: Triple = (280.0, 220.0, 300.0)
"""Half the sides of the box in which smooth fields are drawn, in millimetres along (z, y, x)."""

Region = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of a box lie, as three axes in millimetres: to the head, the front and the right."""

    z: NDArray[np.float32]
    y: NDArray[np.float32]
    x: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (z, y, x)."""
        return len(self.z), len(self.y), len(self.x)

    @property
    def place(self) -> Place:
        """The same, broadcastable."""
        return Place(self.z[:, None, None], self.y[None, :, None], self.x[None, None, :])

    def region(self, low: Triple, high: Triple) -> Region:
        """Return the voxels between two corners (z, y, x) in millimetres."""
        z, y, x = (
            slice(*np.searchsorted(axis, (a, b)).tolist())
            for axis, a, b in zip((self.z, self.y, self.x), low, high, strict=True)
        )
        return z, y, x

    def part(self, region: Region) -> "Grid":
        """Return a region's grid."""
        return Grid(self.z[region[0]], self.y[region[1]], self.x[region[2]])


class Waves:
    """A smooth random field of unit variance, the same at every place whatever grid it is read on."""

    def __init__(self, random: np.random.Generator, wavelength: float) -> None:
        """Draw a field whose bumps are about `wavelength` mm apart."""
        self.step = wavelength / 4
        counts = [int(2 * half / self.step) + 3 for half in HALF]
        values = gaussian_filter(random.standard_normal(counts).astype(np.float32), 1.0, mode="wrap")
        self.values = values / values.std()

    def on(self, grid: Grid) -> Field:
        """Return the field on a grid, by linear interpolation."""
        values = self.values
        for axis, (at, half) in enumerate(zip((grid.z, grid.y, grid.x), HALF, strict=True)):
            where = np.clip((at + half) / self.step, 0, values.shape[axis] - 1)[:, None]
            knots = np.arange(values.shape[axis], dtype=np.float32)
            stretch = np.maximum(0, 1 - np.abs(where - knots)).astype(np.float32)
            values = np.moveaxis(np.tensordot(stretch, values, (1, axis)), 0, axis)
        return np.ascontiguousarray(values)


@dataclass(frozen=True)
class Canvas:
    """A box of the body while it is painted."""

    grid: Grid
    hu: NDArray[np.float32]
    """Hounsfield units, shape (Z, Y, X)."""
    labels: NDArray[np.uint8]
    """Truth."""
    edge: float
    """Width in mm over which a surface goes from outside to inside: a voxel's."""

    @classmethod
    def empty(cls, grid: Grid, edge: float) -> "Canvas":
        """Return air."""
        return cls(grid, np.full(grid.shape, AIR_HU, np.float32), np.zeros(grid.shape, np.uint8), edge)

    @cached_property
    def everywhere(self) -> Region:
        """All of it."""
        z, y, x = (slice(0, n) for n in self.grid.shape)
        return z, y, x

    def paint(
        self, depth: Field, hu: Field | float, region: Region | None = None, label: int | None = 0
    ) -> None:
        """Paint a solid over what is there.

        Parameters
        ----------
        depth : Field
            Millimetres below its surface, negative outside, in the region.
        hu : Field or float
            Its Hounsfield units.
        region : tuple of slice, optional
            Where; everywhere if not given.
        label : int, optional
            Its label; None leaves the labels as they are.
        """
        region = region or self.everywhere
        covered = np.clip(depth / self.edge + 0.5, 0, 1)
        self.hu[region] += covered * (hu - self.hu[region])
        if label is not None:
            self.labels[region][np.broadcast_to(depth > 0, self.labels[region].shape)] = label
