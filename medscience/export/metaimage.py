"""Stacks of projections as MetaImage, one file with its header."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.store.files import replaced

TYPES = {"uint16": "MET_USHORT", "float32": "MET_FLOAT"}


def write_stack(views: NDArray[Any], detector: Geometry, destination: Path) -> None:
    """Write projections as ITK and RTK read them; the file is there whole or not at all.

    Parameters
    ----------
    views : ndarray of uint16 or float32, shape (views, V, U)
        What each pixel counted, or line integrals.
    detector : Geometry
        The detector's grid, whose axes are v and u in millimetres.
    destination : Path
        Ends in ``.mha``.
    """
    _, v, u = detector.spacing
    x, y, _ = detector.origin
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        f"Offset = {x:g} {y:g} 0",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {u:g} {v:g} 1",
        f"DimSize = {' '.join(str(n) for n in views.shape[::-1])}",
        f"ElementType = {TYPES[views.dtype.name]}",
        "ElementDataFile = LOCAL",
    ]
    with replaced(destination) as temporary, temporary.open("wb") as file:
        file.write(("\n".join(lines) + "\n").encode("ascii"))
        file.write(np.ascontiguousarray(views, views.dtype.newbyteorder("<")).tobytes())
