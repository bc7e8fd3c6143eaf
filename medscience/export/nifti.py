"""NIfTI files on the source's own grid and axes."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import IO, Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from medscience.errors import MismatchError
from medscience.geometry import Geometry
from medscience.image import Image
from medscience.store.files import replaced

MILLIMETRES = 2
SECONDS = 8
LABEL_INTENT = 1002
ALIGNED = 2
"""NIfTI's code for an affine to coordinates of some scan, where the source had no code of its own."""


def write_nifti(image: Image, destination: Path, *, is_labels: bool, form_code: int | None) -> None:
    """Write a volume, or a series in time, as NIfTI-1, slab by slab; the file is there whole or not at all.

    Array index [k, j, i] is written as voxel (i, j, k), so that a scan that came as NIfTI goes back on its
    own grid. sform holds the full affine; qform the same, unless it cannot say it (shear, some half turns).

    Parameters
    ----------
    image : Image
        Axes (z, y, x) or (t, z, y, x), in a patient.
    destination : Path
        Ends in ``.nii`` or ``.nii.gz``.
    is_labels : bool
        Whether to mark the numbers as labels.
    form_code : int, optional
        NIfTI's code of the source's affine.

    Raises
    ------
    MismatchError
        If the name has another ending, or NIfTI cannot say what the axes mean.
    """
    meaning = image.meaning
    sayable = meaning.axes in ("zyx", "tzyx") and meaning.space == "patient" and not meaning.skipped
    if not destination.name.endswith((".nii", ".nii.gz")) or not sayable:
        raise MismatchError(
            "EXPORT-NIFTI",
            file=destination,
            field="name and axes",
            found=f"{destination.name}, axes {meaning.axes} in {meaning.space} coordinates",
            expected="a name that ends in .nii or .nii.gz; axes zyx or tzyx in a patient, no time skipped",
            fix="choose such a name; frames of a video are no volumes",
        )
    header = _header(image, is_labels=is_labels, form_code=form_code or ALIGNED)
    with replaced(destination) as temporary, _opened(temporary, destination) as stream:
        stream.write(header.binaryblock + bytes(4))  # four bytes: no extension follows
        for slab in image.slabs():
            stream.write(np.ascontiguousarray(slab, slab.dtype.newbyteorder("<")).tobytes())


def _header(image: Image, *, is_labels: bool, form_code: int) -> Any:  # noqa: ANN401
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(image.data.dtype.newbyteorder("="))
    header.set_data_shape(image.shape[::-1])
    matrix = image.geometry.matrix[:, [2, 1, 0, 3]]
    header.set_sform(matrix, form_code)
    steps = (image.meaning.time_step or 0.0,) if "t" in image.meaning.axes else ()
    header.set_zooms((*image.geometry.spacing[::-1], *steps))
    if image.geometry.shear < 1e-5:
        header.set_qform(matrix, form_code)
        if not _can_say(header.get_qform(), image.geometry):
            header.set_qform(matrix, 0)
    header["xyzt_units"] = MILLIMETRES + (SECONDS if image.meaning.time_step else 0)
    header["intent_code"] = LABEL_INTENT if is_labels else 0
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1, 0
    return header


def _can_say(qform: NDArray[np.float64], geometry: Geometry) -> bool:
    """Whether a qform, in the 32-bit numbers of a header, puts every corner within a micrometre of its place.

    Near half turns it cannot (the ingest of NIfTI knows why), and readers that ask it first would be misled.
    """
    corners = np.array(list(product(*((0, n - 1) for n in geometry.shape))))
    meant = geometry.world(corners)
    said = corners[:, ::-1] @ qform[:3, :3].T + qform[:3, 3]
    return bool(np.abs(said - meant).max() < 1e-3)


@contextmanager
def _opened(path: Path, destination: Path) -> Iterator[IO[bytes]]:
    """Open for writing; gzipped bytes carry neither name nor time, so that equal volumes make equal files."""
    with path.open("wb") as file:
        if destination.name.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as stream:
                yield cast(IO[bytes], stream)
        else:
            yield file
