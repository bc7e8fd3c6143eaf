"""How a patient lies in the scanner: IEC 61217 and RAS+, the only place that converts between them.

In the fixed coordinates of IEC 61217, seen by someone who looks at the gantry's front: x to the right, y
into the gantry, z up. A patient who goes in head first on the back (HFS) has the left side at x, the head at
y, the front at z.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medscience.errors import GeometryError
from medscience.geometry import Geometry, Reorientation, Sizes, Triple, as_affine

Position = Literal["HFS", "HFP", "FFS", "FFP"]
"""DICOM's words: head or feet first, supine or prone."""

TOWARDS: dict[Position, str] = {"HFS": "LSA", "HFP": "RSP", "FFS": "RIA", "FFP": "LIP"}
"""Towards which side of the patient x, y and z of IEC 61217 run."""

RAS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def ras_from_iec(position: Position) -> NDArray[np.float64]:
    """Return the rotation (3, 3) from IEC to RAS+ coordinates.

    >>> ras_from_iec("HFS") @ [10, 20, 30]  # left, head, front
    array([-10.,  30.,  20.])
    """
    return np.array([RAS[letter] for letter in TOWARDS[position]], dtype=np.float64).T


def patient_grid(position: Position, shape: Sizes, spacing: Triple, centre: Triple = (0, 0, 0)) -> Geometry:
    """Return the grid (z, y, x) along IEC's y, z, x, so that slices are across the patient.

    Parameters
    ----------
    position : str
        How the patient lies.
    shape, spacing : tuple
        Voxels, and millimetres between them, along the array's axes: IEC's y, z, x.
    centre : tuple of float
        Where the grid's centre is, along IEC's y, z, x, in millimetres from the isocentre.
    """
    x, y, z = ras_from_iec(position).T
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([y, z, x], axis=1) * spacing
    first = [c - (n - 1) / 2 * s for n, s, c in zip(shape, spacing, centre, strict=True)]
    matrix[:3, 3] = np.stack([y, z, x], axis=1) @ first
    return Geometry(shape, as_affine(matrix))


def iec_grid(grid: Geometry, position: Position) -> tuple[Geometry, Reorientation]:
    """Return a grid in IEC coordinates with its axes along IEC's z, y, x, and the change of axes to it.

    Raises
    ------
    GeometryError
        If the grid's axes do not run along the scanner's: nothing is resampled here.
    """
    change = grid.reorientation(TOWARDS[position][::-1])
    turned = grid.reoriented(change)
    matrix = np.eye(4)
    matrix[:3] = ras_from_iec(position).T @ turned.matrix[:3]
    leaning = np.abs(matrix[:3, :3] - np.flipud(np.diag(turned.spacing))).max()
    if leaning > 1e-3 * min(turned.spacing):
        raise GeometryError(
            "PROJECT-OBLIQUE",
            field="affine",
            found=f"axes that lean by up to {leaning:.3g} mm in a voxel",
            expected="axes along those of the scanner",
            fix="resample the volume to an upright grid",
        )
    return Geometry(turned.shape, as_affine(matrix)), change
