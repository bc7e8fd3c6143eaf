"""FreeSurfer's conformed form of a head scan: 256 voxels of 1 mm a side, axes L-I-A, 0 to 255.

The rules are those of ``mri_convert --conform``: the cube is centred on the scan's centre (its index n / 2),
voxels are first scaled to whole numbers between the smallest value and the one that 99.9 % of the non-zero
voxels do not exceed (histogram of 1000 bins), then interpolated and rounded. Scans of 8 bits are not scaled.
We depart from them in two places: interpolation is cubic, which keeps the sharpness that the networks were
trained on (docs/adr/0007), and fields of view over 256 mm are cut around the head instead of at the centre.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, as_affine
from medscience.image import Image
from medscience.preprocess.resample import interpolated

SIDE = 256
"""Voxels, and millimetres, along each side of the conformed cube."""
AXES = "LIA"
BINS = 1000
SATURATED = 0.001
"""Part of the non-zero voxels that may become 255 before rounding."""
SLAB = 32
"""Slices that are in memory at once."""
BRIGHT = 0.15
"""A voxel brighter than this part of the scaled range belongs to the head rather than to noise in air."""


@dataclass(frozen=True, slots=True)
class Conformed:
    """A scan in conformed form."""

    image: Image
    """Axes L-I-A."""
    notes: tuple[str, ...]
    """What was done that a reader of the result should know."""


def conform(image: Image) -> Conformed:
    """Return a head scan in FreeSurfer's conformed form.

    A scan that has this form already, in any of the 48 orientations, passes through bit for bit.

    Parameters
    ----------
    image : Image
        A volume (Z, Y, X) of any type, spacing and orientation.
    """
    turned = image.turned(image.geometry.reorientation(AXES))
    if _is_conformed(turned):
        return Conformed(turned, ())
    scale = _scaling(image)
    grid, notes = _grid(image, scale)
    volume = np.empty(grid.shape, dtype=np.uint8)
    for start in range(0, SIDE, SLAB):
        bounds = [(start, start + SLAB), (0, SIDE), (0, SIDE)]
        volume[start : start + SLAB] = np.rint(interpolated(image, grid, bounds, scale))
    return Conformed(Image(volume, replace(image.meaning, geometry=grid)), notes)


def _is_conformed(turned: Image) -> bool:
    """Whether the scan lies on a conformed grid already: size, spacing, right angles to the world, 8 bits."""
    geometry = turned.geometry
    straight = np.abs(np.abs(geometry.directions).max(axis=0) - 1).max() < 1e-4
    unit = np.allclose(geometry.spacing, 1, atol=1e-3)
    return geometry.shape == (SIDE,) * 3 and unit and bool(straight) and turned.data.dtype == np.uint8


def _scaling(image: Image) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """FreeSurfer's robust scaling to whole numbers from 0 to 255."""
    if image.data.dtype == np.uint8:
        return lambda values: values.astype(np.float32)
    low = min(float(slab.min()) for slab in image.slabs(SLAB))
    high = max(float(slab.max()) for slab in image.slabs(SLAB))
    top = _robust_top(image, low, high)
    factor = 255 / (top - low) if top > low else 1.0

    def scale(values: NDArray[Any]) -> NDArray[np.float32]:
        scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(factor)
        return np.asarray(np.rint(np.clip(scaled, 0, 255)))

    return scale


def _robust_top(image: Image, low: float, high: float) -> float:
    """The bin's edge, one bin back, below which all but a thousandth of the non-zero voxels lie."""
    counts = np.zeros(BINS, dtype=np.int64)
    nonzero = voxels = 0
    for slab in image.slabs(SLAB):
        counts += np.histogram(slab, BINS, (low, high))[0]
        nonzero += int(np.count_nonzero(slab))
        voxels += slab.size
    below = np.concatenate([[0], np.cumsum(counts)])
    reached = np.flatnonzero(below >= voxels - int(SATURATED * nonzero))
    return low + (int(reached[0]) - 2) * (high - low) / BINS if high > low else high


def _grid(
    image: Image, scale: Callable[[NDArray[Any]], NDArray[np.float32]]
) -> tuple[Geometry, tuple[str, ...]]:
    """The cube around the scan's centre; along axes where the scan is longer, around the head."""
    geometry = image.geometry
    centre = geometry.world([n / 2 for n in geometry.shape])
    extent = _extent(geometry)
    notes = []
    if max(extent) > SIDE + 1:
        head = _head_box(image, scale)
        for world, name in ((0, "left-right"), (1, "front-back"), (2, "head-foot")):
            if extent[world] > SIDE + 1:
                low, high = head[world]
                # a long neck goes rather than the crown
                centre[world] = max((low + high) / 2, high - SIDE / 2 + 5) if world == 2 else (low + high) / 2
                notes.append(
                    f"the scan is {extent[world]:.0f} mm long {name}: {SIDE} mm around the head were used"
                )
    return cube(centre), tuple(notes)


def cube(centre: NDArray[np.float64]) -> Geometry:
    """Return the conformed grid around a point of the world, in millimetres."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([(-1, 0, 0), (0, 0, 1), (0, -1, 0)])
    matrix[:3, 3] = centre - matrix[:3, :3] @ np.full(3, SIDE / 2)
    return Geometry((SIDE,) * 3, as_affine(matrix))


def _extent(geometry: Geometry) -> list[float]:
    """Length of the scan along the world's axes, in millimetres."""
    corners = geometry.world(np.array(list(product(*((-0.5, n - 0.5) for n in geometry.shape)))))
    lengths: list[float] = np.ptp(corners, axis=0).tolist()
    return lengths


def _head_box(
    image: Image, scale: Callable[[NDArray[Any]], NDArray[np.float32]]
) -> list[tuple[float, float]]:
    """Where bright tissue begins and ends along the world's axes, in millimetres."""
    counts = [np.zeros(n, dtype=np.int64) for n in image.shape]
    for number, slab in enumerate(image.slabs(SLAB)):
        bright = scale(slab) > BRIGHT * 255
        start = number * SLAB
        counts[0][start : start + len(bright)] = bright.sum(axis=(1, 2))
        counts[1] += bright.sum(axis=(0, 2))
        counts[2] += bright.sum(axis=(0, 1))
    planes = [np.flatnonzero(count > 0.02 * max(int(count.max()), 1)) for count in counts]
    ends = [
        (int(p[0]), int(p[-1])) if len(p) else (0, n - 1) for p, n in zip(planes, image.shape, strict=True)
    ]
    corners = image.geometry.world(np.array(list(product(*ends))))
    lows, highs = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return list(zip(lows, highs, strict=True))
