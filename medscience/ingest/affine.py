"""The grid that a header describes, checked the same way for every format."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry, Sizes, as_affine
from medscience.ingest.source import Repair

LARGEST_SHEAR = 0.01
"""Cosine between two axes above which a grid is refused."""
NOTED_SHEAR = 1e-4

LARGEST = 1e12
"""What is larger than this is no length, in any unit; computing with it would overflow."""
SIZES = (1e-9, 1e6)
"""Millimetres between voxels, from atoms to a kilometre."""

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the world of DICOM and ITK to ours."""


def checked_geometry(
    path: Path, kind: str, shape: Sizes, matrix: NDArray[np.float64], repairs: list[Repair]
) -> Geometry:
    """Return the grid of the array [k, j, i] of a source whose indices are (i, j, k).

    Parameters
    ----------
    path : Path
        The file, for the error.
    kind : str
        The format in capitals, as its codes begin.
    shape : tuple of int
        Number of voxels along (z, y, x).
    matrix : ndarray, shape (4, 4)
        Maps an index (i, j, k, 1) to RAS+ millimetres.
    repairs : list of Repair
        Grows by a slight shear.

    Raises
    ------
    InputError
        If the axes are not independent, or not at right angles, or voxels have no possible size or place.
    """
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    if not (sizes.min() >= SIZES[0] and sizes.max() <= SIZES[1] and np.abs(matrix).max() <= LARGEST):
        found, expected = matrix.tolist(), f"voxels of {SIZES[0]:g} to {SIZES[1]:g} mm, somewhere near"
        raise _refused(path, kind, found, expected, "correct the header")
    try:
        geometry = Geometry(shape, as_affine(matrix[:, [2, 1, 0, 3]]))
    except ValueError as fault:
        found, expected, fix = matrix.tolist(), "three independent axes", "correct the header"
        raise _refused(path, kind, found, expected, fix) from fault
    if geometry.shear > LARGEST_SHEAR:
        found = f"axes {np.degrees(np.arccos(geometry.shear)):.1f} degrees apart"
        raise _refused(path, kind, found, "right angles", "resample it to a grid with right angles")
    if geometry.shear > NOTED_SHEAR:
        repairs.append(Repair(f"{kind}-SHEAR", "affine", f"cosine {geometry.shear:.4f}", "kept as it is"))
    return geometry


def _refused(path: Path, kind: str, found: object, expected: str, fix: str) -> InputError:
    return InputError(f"{kind}-AFFINE", file=path, field="affine", found=found, expected=expected, fix=fix)
