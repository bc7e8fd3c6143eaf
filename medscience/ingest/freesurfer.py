"""FreeSurfer's volumes, plain (.mgh) or gzipped (.mgz).

A header of 284 bytes, most significant byte first (surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat),
the voxels, and tags that may name people and folders, of which nothing is read.
"""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry, Sizes
from medscience.image import Meaning
from medscience.ingest.affine import LARGEST, checked_geometry
from medscience.ingest.series import time_step, volume_source
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import Packing, VoxelFile, unpacked

HEADER = struct.Struct(">7ih3f9f3f")
HEADER_BYTES = 284
DTYPES = {0: ">u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}
"""NumPy's name by FreeSurfer's number."""


def open_freesurfer(path: Path, acquisition: Path | None = None) -> Source:
    """Open a FreeSurfer volume.

    Parameters
    ----------
    path : Path
        ``.mgz`` or ``.mgh``.
    acquisition : Path, optional
        Says how volumes in time follow each other.

    Returns
    -------
    Source
        A volume (Z, Y, X), or several in time, in RAS+ millimetres with the numbers as they are stored.

    Raises
    ------
    InputError
        If the header is inconsistent or has no orientation, or the data do not fit to it.
    """
    stamp, repairs = Stamp.of(path), list[Repair]()
    voxels, geometry = _header(path, repairs)
    meaning = Meaning(geometry)
    if voxels.times > 1:
        step = time_step(path, "MGH", "frames", f"{voxels.times} volumes", None, acquisition, repairs)
        meaning = replace(meaning, axes="tzyx", time_step=step)
    return volume_source(voxels, meaning, stamp, repairs, {"format": "freesurfer"}, acquisition)


def grid_in_header(path: Path) -> Geometry:
    """Return the grid of a FreeSurfer volume; nothing behind its header is read.

    Raises
    ------
    InputError
        If the header is inconsistent or has no orientation.
    """
    return _header(path, [])[1]


def _header(path: Path, repairs: list[Repair]) -> tuple[VoxelFile, Geometry]:
    packing: Packing = "gzip" if path.name.lower().endswith("z") else "plain"
    with unpacked(path, "MGH", packing) as stream:
        block = stream.read(HEADER_BYTES)
    if len(block) < HEADER_BYTES:
        raise _refused(path, "header", f"{len(block)} bytes", f"{HEADER_BYTES}", "copy the file again")
    version, *sizes, frames, code, _, oriented = HEADER.unpack_from(block)[:8]
    if version != 1:
        raise _refused(path, "version", version, "1", "convert it with FreeSurfer's mri_convert")
    if min(*sizes, frames) < 1:
        raise _refused(path, "width, height, depth, frames", (*sizes, frames), "four positive sizes")
    if code not in DTYPES:
        raise _refused(path, "type", code, f"one of {sorted(DTYPES)}")
    if oriented != 1:
        fix = "say where the voxels lie, with mri_convert"
        raise _refused(path, "goodRASFlag", oriented, "1: an orientation", fix)
    x, y, z = sizes
    dtype = np.dtype(DTYPES[code])
    voxels = VoxelFile(
        path, "MGH", (z, y, x), dtype, packing=packing, skip=HEADER_BYTES, tail="expected", times=frames
    )
    matrix = _affine(path, (z, y, x), np.array(HEADER.unpack_from(block)[8:]))
    return voxels, checked_geometry(path, "MGH", (z, y, x), matrix, repairs)


def _affine(path: Path, shape: Sizes, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix of (i, j, k): spacing, directions one after the other, and the place of the middle."""
    spacing, directions, middle = numbers[:3], numbers[3:12].reshape(3, 3).T, numbers[12:]
    if not (np.abs(numbers) <= LARGEST).all() or spacing.min() <= 0:
        raise _refused(path, "delta, Mdc, Pxyz_c", numbers.tolist(), "finite numbers, sizes above 0")
    if np.abs(np.linalg.norm(directions, axis=0) - 1).max() > 1e-3:
        raise _refused(path, "Mdc", directions.T.tolist(), "three unit vectors")
    matrix = np.eye(4)
    matrix[:3, :3] = directions * spacing
    matrix[:3, 3] = middle - matrix[:3, :3] @ (np.array(shape[::-1]) / 2)
    return matrix


def _refused(
    path: Path, field: str, found: object, expected: str, fix: str = "correct the header"
) -> InputError:
    code = f"MGH-{field.partition(',')[0].upper()}"
    return InputError(code, file=path, field=field, found=found, expected=expected, fix=fix)
