"""Volumes in time seen as one: their average, or the brightest of each voxel."""

from dataclasses import replace
from typing import Literal

import numpy as np

from medscience.errors import MismatchError
from medscience.image import Image

SLAB = 16
"""Slices of all volumes that are read at once."""

Kind = Literal["average", "maximum"]


def projected(image: Image, kind: Kind) -> Image:
    """Return the average or the maximum of volumes over time, held in memory.

    Parameters
    ----------
    image : Image
        Axes (t, z, y, x).

    Returns
    -------
    Image
        Axes (z, y, x); an average is float32.

    Raises
    ------
    MismatchError
        If it is a single volume.
    """
    if image.meaning.axes != "tzyx":
        raise MismatchError(
            "EXPORT-PHASES",
            field="axes",
            found=image.meaning.axes,
            expected="tzyx, volumes in time",
            fix=f"leave out --phases {kind}: there is one volume",
        )
    depth = image.shape[1]
    volume = np.empty(image.shape[1:], dtype=np.float32 if kind == "average" else image.data.dtype)
    for start in range(0, depth, SLAB):
        some = slice(start, min(start + SLAB, depth))
        slab = image.read((slice(None), some, slice(None), slice(None)))
        volume[some] = slab.mean(axis=0, dtype=np.float64) if kind == "average" else slab.max(axis=0)
    return Image(volume, replace(image.meaning, axes="zyx", time_step=None))
