"""The grid on which a network sees a scan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.description import NetworkInput
from medscience.errors import InputError
from medscience.geometry import Geometry
from medscience.image import Image
from medscience.preprocess.conform import conform, cube
from medscience.preprocess.resample import resampled

SMALLEST = 30.0
"""Millimetres along each axis below which a scan is no volume that a 3D network can read."""
SPACING_AGREES = 0.02
"""Part by which spacing may differ from the one that a network was trained at, without interpolation."""
AIR = -500.0
"""Hounsfield units: darker voxels than this are air in CT, and do not occur in MRI."""
SOME_AIR = 0.005
"""Part of a CT's middle planes that is air at least: around a body, or in its bowels."""
SOFT = (-250.0, 400.0)
"""Hounsfield units between which soft tissue lies, with contrast agent too."""
MOSTLY = 0.7
"""Part of a CT's body that is soft tissue at least; the rest is bone, metal and table."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A scan on the grid that a network sees, and what was done to bring it there."""

    image: Image
    notes: tuple[str, ...]


def frame_of(image: Image, wanted: NetworkInput) -> Frame:
    """Return a scan on a network's grid, in its axes; lossless where only axes have to be turned.

    Parameters
    ----------
    image : Image
        A volume (Z, Y, X).
    wanted : NetworkInput
        From the model file.

    Raises
    ------
    InputError
        If the scan is thinner than a volume, or is of another kind than the network was trained on.
    """
    _check_extent(image)
    _check_modality(image, wanted)
    if wanted.grid == "conformed":
        conformed = conform(image)
        return Frame(conformed.image, conformed.notes)
    turned = image.turned(image.geometry.reorientation(wanted.axes))
    grid = _own_grid(turned.geometry, wanted)
    if grid == turned.geometry:
        return Frame(turned, ())
    found = " x ".join(f"{s:.3g}" for s in turned.geometry.spacing)
    note = f"resampled from {found} mm along {wanted.axes} to {wanted.spacing[0]:g} mm, and labels back"
    return Frame(resampled(image, grid), (note,))


def grid_of_frame(grid: Geometry, wanted: NetworkInput) -> Geometry:
    """Return the grid on which a network will see a scan, from the scan's grid alone.

    The voxels may move a conformed cube along axes on which the scan is longer than the cube.
    """
    if wanted.grid == "conformed":
        return cube(grid.world([n / 2 for n in grid.shape]))
    return _own_grid(grid.reoriented(grid.reorientation(wanted.axes)), wanted)


def _own_grid(turned: Geometry, wanted: NetworkInput) -> Geometry:
    """The scan's own field of view at a network's spacing."""
    if wanted.spacing == "own" or np.allclose(turned.spacing, wanted.spacing, rtol=SPACING_AGREES, atol=0):
        return turned
    return turned.with_spacing(wanted.spacing)


def _check_extent(image: Image) -> None:
    extent = [n * s for n, s in zip(image.shape, image.geometry.spacing, strict=True)]
    if min(extent) < SMALLEST:
        raise InputError(
            "PREDICT-THIN",
            field="field of view",
            found=f"{' x '.join(f'{e:.0f}' for e in extent)} mm (z, y, x)",
            expected=f"{SMALLEST:.0f} mm or more along each axis",
            fix="give a whole volume, not a slice or a slab",
        )


def _check_modality(image: Image, wanted: NetworkInput) -> None:
    """CT carries Hounsfield units, with air far below zero; magnitude MRI has no such values."""
    if wanted.modality == "CT":
        _check_hounsfield(image)
        return
    if image.data.dtype.kind == "u":
        return  # nothing is below zero
    dark = max(float((plane < AIR).mean()) for plane in _middle_planes(image))
    if dark > 0.05:
        raise InputError(
            "PREDICT-MODALITY",
            field="voxels",
            found=f"{dark:.0%} of a middle slice below {AIR:g}, as air is in CT",
            expected=f"{wanted.modality}-weighted MRI",
            fix="choose a model for CT",
        )


def _check_hounsfield(image: Image) -> None:
    """Check that a scan has air, and that most else is as dense as soft tissue.

    So are all CTs, with metal and contrast too. MRI and PET have no air below zero; a CT that was stored
    without its intercept has tissue where there should be bone.
    """
    unit = image.meaning.value_unit
    values = np.concatenate([plane.ravel() for plane in _middle_planes(image)])
    dense = values[values >= AIR]
    air = 1 - dense.size / values.size
    soft = float(((dense > SOFT[0]) & (dense < SOFT[1])).mean()) if dense.size else 0.0
    if unit not in (None, "HU") or air < SOME_AIR or soft < MOSTLY:
        raise InputError(
            "PREDICT-MODALITY",
            field="voxels",
            found=f"{air:.1%} of three middle slices below {AIR:g}, and {soft:.0%} of the rest from "
            f"{SOFT[0]:g} to {SOFT[1]:g}" + (f", in {unit}" if unit else ""),
            expected=f"CT in Hounsfield units: {SOME_AIR:.1%} or more, as air is, and {MOSTLY:.0%} or more, "
            "as soft tissue is",
            fix="choose a model for this kind of scan, or bring its values to Hounsfield units",
        )


def _middle_planes(image: Image) -> Iterator[NDArray[Any]]:
    for axis in range(3):
        middle = image.shape[axis] // 2
        yield image.read(tuple(slice(middle, middle + 1) if n == axis else slice(None) for n in range(3)))
