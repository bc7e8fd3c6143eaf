"""An image: a lazy array, and what its numbers and axes mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medscience.errors import GeometryError
from medscience.geometry import Geometry, Reorientation

AXES = "tczyx"
"""The axes that there are, in the order in which they are stored."""

Space = Literal["patient", "own", "pixels"]
"""Where a grid's coordinates are: in a patient (RAS+ millimetres); in millimetres along the array's own axes,
from its first voxel; or the same in numbers of voxels, where their size is unknown (ADR 14)."""


class LazyArray(Protocol):
    """What an image reads from: a zarr array, a NumPy array, a memory map or a dask array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        ...

    def __getitem__(self, region: Any) -> Any:  # noqa: ANN401 - zarr's and NumPy's selections differ
        """Return the numbers of a region."""
        ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of an image mean, without the numbers.

    Raises
    ------
    GeometryError
        If the axes are not some of t, c before z, y, x, or times are given where there are none.
    """

    geometry: Geometry
    axes: str = "zyx"
    value_unit: str | None = None
    """Unit of the numbers, such as ``HU``; None where the scanner's scale is arbitrary, as in MRI."""
    time_step: float | None = None
    """Seconds between two volumes or frames, where there is an axis t and it is known."""
    space: Space = "patient"
    skipped: tuple[tuple[int, int], ...] = ()
    """Where frames were lost: pairs of an index along t and how many time steps are missing before it."""

    def __post_init__(self) -> None:
        known = [axis for axis in AXES if axis in self.axes]
        if list(self.axes) != known or not self.axes.endswith("zyx"):
            raise GeometryError(
                "IMAGE-AXES",
                field="axes",
                found=self.axes,
                expected="zyx, preceded by some of t, c",
                fix="name the axes in this order",
            )
        step = self.time_step
        if (step is None and self.skipped) or (
            step is not None and not ("t" in self.axes and 0 < step < inf)
        ):
            raise GeometryError(
                "IMAGE-TIME",
                field="time step",
                found=f"{step}, axes {self.axes}",
                expected="seconds, more than 0, and an axis t",
                fix="check the times of the source",
            )

    def times(self, count: int) -> NDArray[np.float64]:
        """Return the seconds from the first volume or frame to each of the first `count`.

        Steps, not seconds, where the time step is unknown.

        >>> grid = Geometry.own((1, 384, 512))
        >>> Meaning(grid, "tzyx", time_step=0.5, space="pixels", skipped=((2, 3),)).times(4).tolist()
        [0.0, 0.5, 2.5, 3.0]
        """
        steps = np.arange(count, dtype=np.float64)
        for index, missing in self.skipped:
            steps[index:] += missing
        return steps * (self.time_step or 1.0)


@dataclass(frozen=True, slots=True)
class _Turned:
    """A lazy array whose axes are turned as they are read."""

    data: LazyArray
    change: Reorientation

    @property
    def shape(self) -> tuple[int, ...]:
        lead, volume = self.data.shape[:-3], self.data.shape[-3:]
        return (*lead, *(volume[old] for old in self.change.order))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        source, sizes = [slice(None)] * 3, self.shape[-3:]
        for new, (old, flip) in enumerate(zip(self.change.order, self.change.flips, strict=True)):
            size = sizes[new]
            start, stop, _ = region[new - 3].indices(size)
            source[old] = slice(size - stop, size - start) if flip else slice(start, stop)
        return self.change.apply(np.asarray(self.data[(*region[:-3], *source)]))


@dataclass(frozen=True, slots=True)
class Image:
    """A lazy array and its meaning."""

    data: LazyArray
    meaning: Meaning

    @property
    def geometry(self) -> Geometry:
        """The grid of the last three axes."""
        return self.meaning.geometry

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        return tuple(self.data.shape)

    def turned(self, change: Reorientation) -> "Image":
        """Return a lazy view with the axes z, y, x in another order and direction."""
        meaning = replace(self.meaning, geometry=self.geometry.reoriented(change))
        return Image(_Turned(self.data, change), meaning)

    def slabs(self, slices: int = 32) -> Iterator[NDArray[Any]]:
        """Yield a few slices (Z, Y, X) at a time, volume after volume along the axes before z."""
        *lead, depth, _, _ = self.shape
        for place in product(*map(range, lead)):
            volume = tuple(slice(n, n + 1) for n in place)
            for start in range(0, depth, slices):
                part = self.read((*volume, slice(start, start + slices), slice(None), slice(None)))
                yield part.reshape(part.shape[-3:])

    def pieces(self, side: int = 128) -> Iterator[NDArray[Any]]:
        """Yield all numbers in boxes of so many voxels a side: in little memory, however large a slice is."""
        steps = [1] * (len(self.shape) - 3) + [side] * 3
        for corner in product(*(range(0, n, step) for n, step in zip(self.shape, steps, strict=True))):
            yield self.read(tuple(slice(c, c + step) for c, step in zip(corner, steps, strict=True)))

    def read(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Return the numbers of a region, one slice for each axis."""
        return np.asarray(self.data[region])
