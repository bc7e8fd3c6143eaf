"""Small copies of an image and of its labels, from which the page shows any slice and the 3D view."""

import io
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import features

from medscience.geometry import Geometry
from medscience.image import Image
from medscience.report.shrink import coarse_grid, linear, nearest, shrunk

MOST_VOXELS = 8_000_000
"""A browser unpacks four bytes for each. A head then has voxels of 1 to 1.3 mm, as fine as what is shown."""
FEWEST_VOXELS = 500
"""Coarser than this nothing can be seen, and nothing is saved."""
VOXELS_PER_BYTE = {"image": 22, "labels": 60}
"""About what the two forms reach on heads: where the search for the finest copy that fits begins."""
QUALITY = 55
"""Of lossy pictures, from 0 to 100: outlines hide the rest."""
FORMAT = "avif" if features.check("avif") else "webp"
"""AVIF takes 40 percent less than WebP at the same look; Pillow has it since 11.3."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small copy of a volume; its axes run to I, P and L, and its first corner is the volume's."""

    grid: Geometry
    content: bytes
    kind: str
    """``image/avif`` or ``image/webp``: a picture of all slices along the first axis, in rows. ``uint8`` or
    ``uint16`` (little-endian): voxels, deflated."""
    columns: int
    """Slices in a row of the picture; 0 where there is none."""


def image_preview(pyramid: Sequence[Image], window: tuple[float, float], most: int) -> Preview:
    """Return the finest copy of an image that fits.

    Parameters
    ----------
    pyramid : sequence of Image
        Axes (z, y, x): the volume, then its coarser copies.
    window : tuple of float
        What is shown as black and as white.
    most : int
        Bytes.
    """
    low, high = window

    def shades(values: NDArray[Any], along: Sequence[NDArray[np.float64]]) -> NDArray[np.uint8]:
        part = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / (high - low)
        return np.rint(linear(255 * np.clip(part, 0, 1), along)).astype(np.uint8)

    def copy(grid: Geometry) -> Preview:
        voxels = shrunk(pyramid, grid, shades)
        columns = picture_columns(grid)
        return Preview(grid, _picture(voxels, columns), f"image/{FORMAT}", columns)

    return _finest(pyramid[0], "image", most, copy)


def label_preview(pyramid: Sequence[Image], labels: Sequence[int], most: int) -> Preview:
    """Return the finest copy of labels that fits.

    Parameters
    ----------
    pyramid : sequence of Image
        As for `image_preview`.
    labels : sequence of int
        The numbers that are shown: a voxel of the copy is 1 + its number's place among them, or 0.
    most : int
        Bytes.
    """
    numbers = np.array(labels or [-1], dtype=np.int64)
    order = np.argsort(numbers)
    kind = np.dtype("uint8" if len(numbers) < 256 else "<u2")

    def places(values: NDArray[Any], along: Sequence[NDArray[np.float64]]) -> NDArray[Any]:
        found = nearest(values, along).astype(np.int64)
        rank = np.searchsorted(numbers, found, sorter=order).clip(max=len(numbers) - 1)
        return np.where(numbers[order[rank]] == found, order[rank] + 1, 0).astype(kind)

    def copy(grid: Geometry) -> Preview:
        voxels = shrunk(pyramid, grid, places)
        return Preview(grid, zlib.compress(voxels.tobytes(), 6), f"uint{8 * kind.itemsize}", 0)

    return _finest(pyramid[0], "labels", most, copy)


def _finest(image: Image, form: str, most: int, copy: Callable[[Geometry], Preview]) -> Preview:
    """Return the finest copy of at most `most` bytes, or the last one that shows anything."""
    extent = math.prod(image.geometry.shape) * math.prod(image.geometry.spacing)
    spacing = (extent / min(most * VOXELS_PER_BYTE[form], MOST_VOXELS)) ** (1 / 3)
    while True:
        preview = copy(coarse_grid(image, spacing))
        size = len(preview.content)
        if size <= most or math.prod(preview.grid.shape) <= FEWEST_VOXELS:
            return preview
        spacing = max(spacing, min(preview.grid.spacing)) * max((size / most) ** (1 / 3), 1.03)


def picture_columns(grid: Geometry) -> int:
    """Return how many slices go into a row so that the picture is about square.

    >>> picture_columns(Geometry((16, 10, 10), ((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1))))
    4
    """
    slices, rows, columns = grid.shape
    return min(max(round(math.sqrt(slices * rows / columns)), 1), slices)


def _picture(voxels: NDArray[np.uint8], columns: int) -> bytes:
    """Lay the slices out in rows and encode them."""
    slices, height, width = voxels.shape
    rows = -(-slices // columns)
    padded = np.pad(voxels, ((0, rows * columns - slices), (0, 0), (0, 0)))
    tiled = padded.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, -1)
    file = io.BytesIO()
    if FORMAT == "avif":
        PIL.Image.fromarray(tiled).save(file, "avif", quality=QUALITY, speed=8, max_threads=2)
    else:
        PIL.Image.fromarray(tiled).save(file, "webp", quality=QUALITY)
    return file.getvalue()
