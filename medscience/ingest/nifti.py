"""NIfTI-1 and NIfTI-2 single files, plain or gzipped.

The header is checked field by field before a voxel is read; the voxels are then streamed to the end of
the file, so that a truncated or damaged gzip never passes. Format: nifti.nimh.nih.gov/nifti-1 and -2.
"""

from pathlib import Path
from typing import Any

import nibabel as nib

from medscience.errors import InputError
from medscience.image import Meaning
from medscience.ingest.nifti_header import Header, check_header
from medscience.ingest.series import volume_source
from medscience.ingest.source import Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import Packing, VoxelFile, unpacked

GZIP_MAGIC = b"\x1f\x8b"
HEADERS = {348: (nib.Nifti1Header, 348), 540: (nib.Nifti2Header, 540)}
"""Header class and length by the number in the file's first four bytes."""


def open_nifti(path: Path, acquisition: Path | None = None) -> Source:
    """Open a NIfTI file.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``; exactly this file is read.
    acquisition : Path, optional
        Says how the volumes of a series follow each other, where the header does not.

    Returns
    -------
    Source
        A volume (Z, Y, X), or several in time, in RAS+ millimetres; whole numbers keep their type, scaled
        ones become float32.

    Raises
    ------
    InputError
        If the header is inconsistent, the orientation is unknown or ambiguous, or the file is too short.
        Voxels are checked when they are read.
    """
    stamp = Stamp.of(path)
    _check_ending(path)
    header = check_header(path, _read_header(path), acquisition)
    return volume_source(
        _voxels(path, header),
        Meaning(header.geometry, "tzyx" if header.times else "zyx", time_step=header.time_step),
        stamp,
        list(header.repairs),
        {"format": "nifti", "form_code": header.form_code},
        acquisition,
        header.scale if header.scaled else None,
    )


def _voxels(path: Path, header: Header) -> VoxelFile:
    return VoxelFile(
        path,
        "NIFTI",
        header.geometry.shape,
        header.dtype,
        packing=_packing(path),
        skip=header.offset,
        tail="noted",
        times=header.times or 1,
    )


def _read_header(path: Path) -> Any:  # noqa: ANN401 - nibabel is untyped
    """Return nibabel's header structure, unchecked."""
    with unpacked(path, "NIFTI", _packing(path)) as stream:
        start = stream.read(4)
        for order in ("little", "big"):
            if (size := int.from_bytes(start, order)) in HEADERS:
                kind, length = HEADERS[size]
                block = start + stream.read(length - 4)
                if len(block) == length:
                    return kind(block, endianness="<" if order == "little" else ">", check=False)
    raise InputError(
        "NIFTI-HEADER",
        file=path,
        field="sizeof_hdr",
        found=int.from_bytes(start, "little") if len(start) == 4 else f"{len(start)} bytes",
        expected="348 or 540, and a whole header",
        fix="convert the scan to NIfTI again",
    )


def _check_ending(path: Path) -> None:
    """Refuse a file that is packed against what its name says."""
    named = path.name.lower().endswith(".gz")
    if named != (_packing(path) == "gzip"):
        raise InputError(
            "NIFTI-GZIP",
            file=path,
            field="compression",
            found="plain data" if named else "gzip",
            expected="gzip" if named else "plain data",
            fix="give the file the ending that fits: .nii, or .nii.gz if gzipped",
        )


def _packing(path: Path) -> Packing:
    with path.open("rb") as file:
        return "gzip" if file.read(2) == GZIP_MAGIC else "plain"
