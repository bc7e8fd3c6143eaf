"""An image on another grid, by cubic splines, read lazily."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, spline_filter

from medscience.geometry import Geometry
from medscience.image import Image

CONTEXT = 12
"""Voxels around a region that its splines depend on, to 1 part in 10 million (0.268 to this power)."""


@dataclass(frozen=True, slots=True)
class _Resampled:
    """A lazy array (Z, Y, X), float32; 0 outside the image."""

    image: Image
    grid: Geometry

    @property
    def shape(self) -> tuple[int, ...]:
        return self.grid.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[np.float32]:
        bounds = [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]
        return interpolated(self.image, self.grid, bounds)


def resampled(image: Image, grid: Geometry) -> Image:
    """Return a lazy image on another grid; nothing is read until a region of it is.

    Parameters
    ----------
    image : Image
        A volume (Z, Y, X).
    grid : Geometry
        The wanted grid, in any orientation.
    """
    return Image(_Resampled(image, grid), replace(image.meaning, geometry=grid))


@dataclass(frozen=True, slots=True)
class _Nearest:
    """Labels on another grid, lazily; where they do not reach, the largest value of their type."""

    labels: Image
    grid: Geometry

    @property
    def shape(self) -> tuple[int, ...]:
        return self.grid.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.labels.data.dtype

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        bounds = [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]
        to_labels = np.linalg.inv(self.labels.geometry.matrix) @ self.grid.matrix
        places = np.mgrid[tuple(slice(*bound) for bound in bounds)].reshape(3, -1)
        at = np.rint(to_labels[:3, :3] @ places + to_labels[:3, 3:]).astype(np.int64)
        limits = np.array(self.labels.shape)[:, None]
        inside = ((at >= 0) & (at < limits)).all(axis=0)
        found = np.full(inside.shape, np.iinfo(self.dtype).max, dtype=self.dtype)
        if inside.any():
            low, high = at[:, inside].min(axis=1), at[:, inside].max(axis=1) + 1
            box = self.labels.read(tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)))
            found[inside] = box[tuple(at[:, inside] - low[:, None])]
        return found.reshape([stop - start for start, stop in bounds])


def nearest(labels: Image, grid: Geometry) -> Image:
    """Return labels (Z, Y, X) on another grid, lazily: each voxel's is that of the nearest.

    Outside of the labels it is the largest value of their type, which stands for "not looked at".
    """
    return Image(_Nearest(labels, grid), replace(labels.meaning, geometry=grid))


def interpolated(
    image: Image,
    grid: Geometry,
    bounds: list[tuple[int, int]],
    prepare: Any = np.asarray,  # noqa: ANN401 - a function of an array
) -> NDArray[np.float32]:
    """Return the part of a grid between `bounds`, reading only the voxels that it needs.

    Cubic B-splines through the voxels (Unser 1999, IEEE Signal Processing Magazine 16(6)): linear
    interpolation blurs, which costs a network that knows sharp scans several per cent of Dice. What swings
    out of the range of the voxels is cut to it. Voxels that coincide are copied; outside the image is 0.

    Parameters
    ----------
    bounds : list of tuple of int
        First index and the one after the last along the grid's three axes.
    prepare : callable
        Applied to the image's voxels before they are interpolated.
    """
    starts = np.array([start for start, _ in bounds])
    shape = tuple(stop - start for start, stop in bounds)
    to_image = np.linalg.inv(image.geometry.matrix) @ grid.matrix
    matrix, offset = to_image[:3, :3], to_image[:3, :3] @ starts + to_image[:3, 3]
    corners = np.array(list(product(*((0, n - 1) for n in shape)))) @ matrix.T + offset
    first = np.maximum(np.floor(corners.min(axis=0)).astype(int) - CONTEXT, 0)
    last = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + CONTEXT, np.array(image.shape) - 1)
    if (last < first).any():
        return np.zeros(shape, dtype=np.float32)
    region = tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    values = prepare(image.read(region)).astype(np.float32, copy=False)
    offset = _exact(offset - first)
    along = np.abs(matrix).argmax(axis=0)  # the image's axes along which the grid's run
    if len(set(along)) == 3:
        values, matrix, offset = values.transpose(along), matrix[along], offset[along]
    if _is_upright(matrix, shape):
        found = _along_each_axis(values, np.diag(matrix), offset, shape)
    else:
        found = affine_transform(values, matrix, offset, output_shape=shape, order=3, mode="constant")
    return np.clip(found, min(float(values.min()), 0), float(values.max()), out=found)


def _is_upright(matrix: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether a grid's axes run along the image's, one by one, to a millionth of a voxel."""
    return bool(np.abs(matrix - np.diag(np.diag(matrix))).max() * max(shape) < 1e-6)


def _along_each_axis(
    values: NDArray[np.float32],
    steps: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Interpolate by the same splines one axis after the other: three products instead of 64 taps a voxel."""
    found = spline_filter(values, order=3, output=np.float32)
    for axis, (step, start, n) in enumerate(zip(steps, offset, shape, strict=True)):
        weights = _spline_weights(start + step * np.arange(n), values.shape[axis])
        found = np.moveaxis(np.tensordot(weights, found, (1, axis)), 0, axis)
    return np.ascontiguousarray(found)


def _spline_weights(places: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Return the matrix (places, count) from spline coefficients to values; 0 outside, ends mirrored."""
    weights = np.zeros((len(places), count))
    inside = np.flatnonzero((places >= 0) & (places <= count - 1))
    for tap in range(-1, 3):
        near = np.floor(places[inside]).astype(int) + tap
        t = np.abs(places[inside] - near)
        spline = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.maximum(2 - t, 0) ** 3 / 6)
        mirrored = np.abs(near)
        mirrored = np.where(mirrored > count - 1, 2 * (count - 1) - mirrored, mirrored)
        np.add.at(weights, (inside, np.clip(mirrored, 0, count - 1)), spline)
    return weights.astype(np.float32)


def _exact(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take away rounding errors, so that voxels which coincide are copied and border voxels stay inside."""
    return np.where(np.abs(offset - np.rint(offset)) < 1e-6, np.rint(offset), offset)
