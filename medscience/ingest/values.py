"""What the values of a volume must be, watched while it is read, whatever its format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.ingest.source import Repair

NOTED = 5
"""Values that an error lists at most."""
ATTENUATION = 10.0
"""What no number of a volume in 1/mm or 1/cm exceeds, and a CT's air always does."""


def labels_only(path: Path, slabs: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield slabs of whole numbers, and refuse negative ones: labels are 0 or more."""
    for slab in slabs:
        if slab.min() < 0:
            values = np.unique(slab[slab < 0])
            raise InputError(
                "INPUT-LABELS",
                file=path,
                field="voxels",
                found=", ".join(map(str, values[:NOTED])) + (", ..." if len(values) > NOTED else ""),
                expected="labels, 0 or more",
                fix="give what is meant to be background the label 0",
            )
        yield slab


def in_hounsfield_units(
    path: Path, slabs: Iterator[NDArray[Any]], repairs: list[Repair]
) -> Iterator[NDArray[Any]]:
    """Yield the slabs of a CT, and note values that cannot be Hounsfield units: air is at -1000.

    Fractions about zero are refused: they are attenuation in 1/mm or 1/cm.
    """
    least, most = np.inf, -np.inf
    for slab in slabs:
        least, most = min(least, float(slab.min())), max(most, float(slab.max()))
        yield slab
    if np.issubdtype(slab.dtype, np.floating) and max(-least, most) < ATTENUATION:
        raise InputError(
            "CT-ATTENUATION",
            file=path,
            field="voxels",
            found=f"{least:.4g} to {most:.4g}",
            expected="Hounsfield units: -1000 is air, 0 water",
            fix="these look like attenuation in 1/mm or 1/cm: export Hounsfield units",
        )
    if least >= 0 and most <= 255:
        repairs.append(Repair("CT-RANGE", "voxels", f"{least:g} to {most:g}", "kept, not Hounsfield units"))
