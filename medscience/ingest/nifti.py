"""NIfTI-1 and NIfTI-2 single files, plain or gzipped.

The header is checked field by field before a voxel is read; the voxels are then streamed to the end of
the file, so that a truncated or damaged gzip never passes. Format: nifti.nimh.nih.gov/nifti-1 and -2.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Series
from medscience.config.yaml import read_yaml
from medscience.description import file_sha256
from medscience.errors import InputError
from medscience.image import Meaning
from medscience.ingest.nifti_header import Header, check_header
from medscience.ingest.source import Repair, Source, unused

GZIP_MAGIC = b"\x1f\x8b"
HEADERS = {348: (nib.Nifti1Header, 348), 540: (nib.Nifti2Header, 540)}
"""Header class and length by the number in the file's first four bytes."""
LARGEST_DEFLATE_RATIO = 1040
"""Deflate cannot shrink data by more than this."""


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
    stamp = _stamp(path)
    digest = file_sha256(path)
    series = read_yaml(acquisition, Series) if acquisition else None
    header = check_header(path, _read_header(path), series)
    if series and not header.times:
        raise unused(acquisition, "a single volume")
    _check_size(path, header)
    repairs = list(header.repairs)
    return Source(
        Meaning(header.geometry, "tzyx" if header.times else "zyx", time_step=header.time_step),
        np.dtype(np.float32) if header.scaled else header.dtype.newbyteorder("="),
        digest,
        {"format": "nifti", "form_code": header.form_code},
        partial(_slabs, path, header, stamp, repairs),
        repairs,
        header.times or 1,
    )


def _read_header(path: Path) -> Any:  # noqa: ANN401 - nibabel is untyped
    """Return nibabel's header structure, unchecked."""
    with _opened(path) as stream:
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


def _check_size(path: Path, header: Header) -> None:
    """Refuse, from sizes alone, a file that cannot hold the voxels that its header promises."""
    size = path.stat().st_size
    needed = header.offset + header.voxel_bytes
    most = size * LARGEST_DEFLATE_RATIO if _is_gzip(path) else size
    if needed > most:
        raise _truncated(path, f"{size} bytes in the file", header)


def _slabs(
    path: Path, header: Header, stamp: tuple[int, int], repairs: list[Repair], slices: int
) -> Iterator[NDArray[Any]]:
    """Yield the voxels, then read to the end of the file so that every checksum is checked."""
    depth, height, width = header.geometry.shape
    row = height * width * header.dtype.itemsize
    broken = 0
    with _opened(path) as stream:
        stream.seek(header.offset)
        for volume, start in product(range(header.times or 1), range(0, depth, slices)):
            count = min(slices, depth - start)
            content = stream.read(count * row)
            if len(content) < count * row:
                read = (volume * depth + start) * row + len(content)
                raise _truncated(path, f"{read} bytes of voxels", header)
            values = np.frombuffer(content, header.dtype).reshape(count, height, width)
            slab = header.scale(values)
            broken += _not_finite(slab)
            yield slab
        repairs += _rest(stream)
    if broken:
        raise InputError(
            "NIFTI-NOT-FINITE",
            file=path,
            field="voxels",
            found=f"{broken} NaN or infinite voxels",
            expected="finite numbers",
            fix="replace them with what they stand for",
        )
    if _stamp(path) != stamp:
        raise InputError(
            "INPUT-CHANGED",
            file=path,
            field="size and time",
            found="another file than when reading began",
            expected="a file at rest",
            fix="wait until it is written, then run again",
        )


def _rest(stream: BinaryIO) -> Iterator[Repair]:
    """Read what follows the voxels; nothing is expected there, and nothing of it is used."""
    extra = 0
    try:
        while more := stream.read(1 << 20):
            extra += len(more)
    except gzip.BadGzipFile as fault:
        if "Not a gzipped file" not in str(fault):  # a bad checksum, not a stray tail
            raise
        extra += 1
    if extra:
        yield Repair("NIFTI-TAIL", "end of file", "more data after the voxels", "ignored")


def _not_finite(values: NDArray[Any]) -> int:
    if not np.issubdtype(values.dtype, np.floating):
        return 0
    return int(values.size - np.isfinite(values).sum())


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the file as what its name says it is, with gzip's errors made ours."""
    named = path.name.lower().endswith(".gz")
    if named != _is_gzip(path):
        raise InputError(
            "NIFTI-GZIP",
            file=path,
            field="compression",
            found="plain data" if named else "gzip",
            expected="gzip" if named else "plain data",
            fix="give the file the ending that fits: .nii, or .nii.gz if gzipped",
        )
    opener = gzip.open if named else open
    try:
        with opener(path, "rb") as stream:
            yield cast(BinaryIO, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise InputError(
            "NIFTI-DAMAGED",
            file=path,
            field="gzip stream",
            found=fault,
            expected="a whole stream with matching checksums",
            fix="copy or download the file again",
        ) from fault


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _truncated(path: Path, found: str, header: Header) -> InputError:
    return InputError(
        "NIFTI-TRUNCATED",
        file=path,
        field="voxels",
        found=found,
        expected=f"{header.voxel_bytes} bytes of voxels",
        fix="copy or download the file again",
    )
