"""An oblique image on an upright grid, sampled where it is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from medscience.geometry import Geometry, as_affine
from medscience.image import Image
from napari_medscience.lazy import lazy
from napari_medscience.placement import UPRIGHT, tilt


def upright_grid(geometry: Geometry) -> Geometry:
    """Return the upright grid that holds all of a grid's box, with its spacing along the nearest axes."""
    turned = geometry.reoriented(geometry.reorientation(UPRIGHT))
    corners = geometry.world(list(product(*((-0.5, n - 0.5) for n in geometry.shape))))
    low, high = corners.min(axis=0)[::-1], corners.max(axis=0)[::-1]
    spacing = np.asarray(turned.spacing)
    z, y, x = np.ceil((high - low) / spacing - 1e-6).astype(int).tolist()
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0, 3], [0, 1, 2, 3]] = (*spacing, 1.0)
    matrix[:3, 3] = (low + spacing / 2)[::-1]
    return Geometry((z, y, x), as_affine(matrix))


def sliceable(levels: Sequence[Image], identity: str, *, is_labels: bool) -> list[Image]:
    """Return lazy images that napari slices rightly: as they are, or if oblique on an upright grid.

    Parameters
    ----------
    levels : sequence of Image
        The image (…, Z, Y, X) and its coarser copies.
    identity : str
        Differs between images with different voxels.
    is_labels : bool
        Labels are not interpolated.
    """
    if tilt(levels[0].geometry) is None:
        return [lazy(level, f"{identity}-{n}") for n, level in enumerate(levels)]
    copies = upright(levels, is_labels=is_labels)
    return [lazy(copy, f"{identity}-upright-{n}") for n, copy in enumerate(copies)]


def upright(levels: Sequence[Image], *, is_labels: bool) -> list[Image]:
    """Return an image and its coarser copies on upright grids; only the coarsest is read now.

    Parameters
    ----------
    levels : sequence of Image
        The image (…, Z, Y, X) and its coarser copies.
    is_labels : bool
        Labels take the nearest voxel, other images are interpolated linearly.

    Returns
    -------
    list of Image
        Labels in their own type, images in float32. Outside of the box labels are 0, and images have the
        least value of the coarsest level.
    """
    first = levels[0].geometry
    turn = first.reorientation(UPRIGHT)
    everything = (slice(None),) * len(levels[-1].shape)
    outside = 0.0 if is_labels else float(np.nanmin(levels[-1].read(everything)))
    made = []
    for level in levels:
        factors = np.rint(np.asarray(level.geometry.spacing) / first.spacing).astype(int).tolist()
        z, y, x = (factors[old] for old in turn.order)
        grid = upright_grid(first).coarser((z, y, x))
        kind = level.data.dtype if is_labels else np.dtype(np.float32)
        sampled = _Sampled(level, grid, kind, outside, linear=not is_labels)
        made.append(Image(sampled, replace(level.meaning, geometry=grid)))
    return made


@dataclass(frozen=True, slots=True)
class _Sampled:
    """A lazy array (…, Z, Y, X) on another grid."""

    image: Image
    grid: Geometry
    dtype: np.dtype[Any]
    outside: float
    linear: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.image.shape[:-3], *self.grid.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Sample a region, reading only the voxels around it."""
        bounds = [part.indices(n)[:2] for part, n in zip(region[-3:], self.grid.shape, strict=True)]
        shape = tuple(stop - start for start, stop in bounds)
        to_image = np.linalg.inv(self.image.geometry.matrix) @ self.grid.matrix
        matrix = to_image[:3, :3]
        offset = matrix @ [start for start, _ in bounds] + to_image[:3, 3]
        corners = np.array(list(product(*((0, n - 1) for n in shape)))) @ matrix.T + offset
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, self.image.shape[-3:])
        if (low >= high).any():
            volumes = [len(range(*part.indices(n))) for part, n in zip(region[:-3], self.shape, strict=False)]
            return np.full((*volumes, *shape), self.outside, dtype=self.dtype)
        near = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        values = self.image.read((*region[:-3], *near)).astype(self.dtype, copy=False)
        found = [
            affine_transform(
                volume,
                matrix,
                offset - low,
                output_shape=shape,
                order=1 if self.linear else 0,
                mode="grid-constant",
                cval=self.outside,
            )
            for volume in values.reshape(-1, *values.shape[-3:])
        ]
        return np.reshape(found, (*values.shape[:-3], *shape))
