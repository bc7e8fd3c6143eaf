"""Smooth random fields and simple solids, in millimetres: what an anatomy is made of."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from medscience.geometry import Triple

Field = NDArray[np.floating[Any]]
"""A value for every voxel of a grid, or a broadcastable axis of one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Millimetres along the head's axes, for every voxel; each (Z, Y, X) or broadcastable."""

    z: Field
    """To the crown."""
    y: Field
    """To the face."""
    x: Field
    """To the right."""

    def where(self, inside: NDArray[np.bool_]) -> "Place":
        """Return the places of some voxels only, each (N,)."""
        return type(self)(self.z[inside], self.y[inside], self.x[inside])

    def box(self, region: tuple[slice, slice, slice]) -> "Place":
        """Return the places of a box of voxels."""
        return type(self)(self.z[region], self.y[region], self.x[region])

    @property
    def side(self) -> Field:
        """Distance from the middle plane: the shapes of the left are those of the right."""
        return np.abs(self.x)


class Bumps:
    """A smooth random field of unit variance over a box of 2 x 160 mm a side."""

    HALF = 160.0

    def __init__(self, random: np.random.Generator, wavelength: float, *, band: bool = False) -> None:
        """Draw a field whose bumps are about `wavelength` mm apart; `band` leaves out longer waves."""
        self.step = wavelength / 8
        count = int(np.ceil(2 * self.HALF / self.step)) + 3
        noise = random.standard_normal((count,) * 3).astype(np.float32)
        values = gaussian_filter(noise, 1.3, mode="wrap")
        if band:
            values -= gaussian_filter(noise, 2.0, mode="wrap")
        self.values: Field = values / values.std()

    def at(self, place: Place) -> Field:
        """Return the field at any places, by linear interpolation."""
        where = [(axis + self.HALF) / self.step for axis in np.broadcast_arrays(place.z, place.y, place.x)]
        return np.asarray(map_coordinates(self.values, where, order=1, mode="grid-wrap"))

    def slope(self) -> "Bumps":
        """Return the length of the gradient, per millimetre, as a field of its own."""
        slope = object.__new__(Bumps)
        slope.step = self.step
        slope.values = np.sqrt(sum(np.gradient(self.values, self.step, axis=n) ** 2 for n in range(3)))
        return slope


def smooth(random: np.random.Generator, place: Place, wavelength: float) -> Field:
    """Return a smooth random field of unit variance on a regular grid: quicker than `Bumps.at`."""
    shape = np.broadcast_shapes(place.z.shape, place.y.shape, place.x.shape)
    values = random.standard_normal([max(round(n * _step(place) / wavelength * 4), 4) + 2 for n in shape])
    values = gaussian_filter(values.astype(np.float32), 1.0, mode="wrap")
    values /= values.std()
    for axis, n in enumerate(shape):
        values = np.moveaxis(np.tensordot(_stretch(values.shape[axis], n), values, (1, axis)), 0, axis)
    return np.ascontiguousarray(values)


def _step(place: Place) -> float:
    """Return about the distance between voxels."""
    return float(np.ptp(place.z).item() / len(place.z))


def _stretch(few: int, many: int) -> Field:
    """Return the matrix (many, few) that interpolates linearly between the inner ones of `few` samples."""
    where = np.linspace(1, few - 2, many)[:, None]
    return np.asarray(np.maximum(0, 1 - np.abs(where - np.arange(few))), dtype=np.float32)


def rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that turns about the first, the second and the third axis, in this order."""
    turn = np.eye(3)
    for axis, (c, s) in enumerate(zip(np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)), strict=True)):
        about = np.eye(3)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        about[[one, one, other, other], [one, other, one, other]] = c, -s, s, c
        turn = about @ turn
    return turn


def ellipsoid(place: Place, centre: Triple, radii: Triple) -> Field:
    """Return about the depth below an ellipsoid's surface in mm, negative outside; (z, y, x), mirrored."""
    r = np.sqrt(
        ((place.z - centre[0]) / radii[0]) ** 2
        + ((place.y - centre[1]) / radii[1]) ** 2
        + ((place.side - centre[2]) / radii[2]) ** 2
    )
    return np.asarray((1 - r) * min(radii), dtype=np.float32)


def capsule(place: Place, start: Triple, end: Triple, radius: float) -> Field:
    """Return the depth below the surface of a rod with round ends in mm, negative outside; mirrored."""
    axis = np.subtract(end, start)
    parts = [here - there for here, there in zip((place.z, place.y, place.side), start, strict=True)]
    along = np.clip(sum(p * a for p, a in zip(parts, axis, strict=True)) / (axis @ axis), 0, 1)
    away = np.sqrt(sum((p - along * a) ** 2 for p, a in zip(parts, axis, strict=True)))
    return np.asarray(radius - away, dtype=np.float32)


def union(*depths: Field, blend: float = 0.0) -> Field:
    """Join solids; `blend` mm rounds off the crease between them."""

    def joined(one: Field, other: Field) -> Field:
        if not blend:
            return np.maximum(one, other)
        h = np.clip(0.5 + (one - other) / (2 * blend), 0, 1)
        return np.asarray(other + (one - other) * h + blend * h * (1 - h), dtype=np.float32)

    return reduce(joined, depths)


def true_distance(depth: Field, step: float) -> Field:
    """Turn a depth whose slope varies into millimetres, near its surface."""
    slope = np.sqrt(sum(np.gradient(depth, step, axis=n) ** 2 for n in range(3)))
    return np.asarray(depth / np.maximum(slope, 0.3), dtype=np.float32)
