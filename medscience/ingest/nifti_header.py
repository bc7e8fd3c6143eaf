"""The fields of a NIfTI header, each checked before anything is believed."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry
from medscience.ingest.affine import checked_geometry
from medscience.ingest.series import time_step
from medscience.ingest.source import Repair

DTYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
"""NumPy's name by NIfTI's datatype code; RGB, complex and 128-bit types are not images of one value."""

MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres in the unit of xyzt_units; 0 is unknown, which every reader takes for millimetres."""

SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
"""Seconds in the unit of time of xyzt_units; the others are unknown, or not of time."""

TEXTS = ("descrip", "aux_file", "db_name", "intent_name")
"""Fields that programs fill with words."""

FORMS_AGREE = 0.1
"""Voxels by which qform and sform may differ at a corner."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a checked header says."""

    geometry: Geometry
    dtype: np.dtype[Any]
    """As stored, byte order included."""
    offset: int
    """Byte at which the voxels begin."""
    slope: float
    intercept: float
    form_code: int
    """NIfTI's code for the space that the affine leads to."""
    repairs: tuple[Repair, ...]
    times: int | None
    """Number of volumes; None if there is no axis of time."""
    time_step: float | None
    """Seconds between two of them."""

    @property
    def scaled(self) -> bool:
        """Whether stored numbers have to be scaled."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def scale(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values of stored numbers."""
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is counted and refused
            return (stored.astype(np.float64) * self.slope + self.intercept).astype(np.float32)


@np.errstate(invalid="ignore")  # a signalling NaN is refused like any other
def check_header(path: Path, header: Any, acquisition: Path | None = None) -> Header:  # noqa: ANN401 - nibabel is untyped
    """Return the content of a nibabel header structure.

    Parameters
    ----------
    path : Path
        The file, for errors.
    header : Any
        nibabel's structure.
    acquisition : Path, optional
        Says how volumes follow each other in time, where the header does not say it.

    Raises
    ------
    InputError
        If a field is out of range, or two readers would disagree on it.
    """
    _check_magic(path, header)
    repairs: list[Repair] = []
    shape, times = _shape(path, header, repairs)
    step = _time_step(path, header, acquisition, repairs) if times else None
    dtype = _dtype(path, header, repairs)
    offset = _offset(path, header)
    _leave_out_text(header, offset, repairs)
    slope, intercept = _scaling(path, header)
    matrix, code = _affine(path, header, shape, repairs)
    geometry = checked_geometry(path, "NIFTI", shape, matrix, repairs)
    return Header(geometry, dtype, offset, slope, intercept, code, tuple(repairs), times, step)


def _check_magic(path: Path, header: Any) -> None:  # noqa: ANN401
    magic = bytes(header["magic"].item())[:3]
    if magic not in (b"n+1", b"n+2"):
        raise _refused(path, "magic", magic, "n+1 or n+2: header and voxels in one file")


def _shape(path: Path, header: Any, repairs: list[Repair]) -> tuple[tuple[int, int, int], int | None]:  # noqa: ANN401
    """Sizes along (z, y, x), and the number of volumes where there are several."""
    dim = [int(n) for n in header["dim"]]
    sizes = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else []
    if len(sizes) < 3 or min(sizes, default=0) < 1 or max(sizes[4:], default=1) > 1:
        raise _refused(path, "dim", dim, "three positive sizes, or four with time: not a slice, not vectors")
    times = sizes[3] if len(sizes) > 3 and sizes[3] > 1 else None
    axes = 4 if times else 3
    if len(sizes) > axes:
        repairs.append(Repair("NIFTI-SINGLETON", "dim", f"{len(sizes)} axes", f"{axes} axes"))
    return (sizes[2], sizes[1], sizes[0]), times


def _time_step(path: Path, header: Any, acquisition: Path | None, repairs: list[Repair]) -> float | None:  # noqa: ANN401
    """Seconds between volumes: the header's where it names a unit of time."""
    step, unit = float(header["pixdim"][4]), int(header["xyzt_units"]) & 0x38
    said = f"pixdim[4] {step:g}, time unit {unit}"
    seconds = step * SECONDS[unit] if unit in SECONDS and 0 < step < np.inf else None
    return time_step(path, "NIFTI", "pixdim[4], xyzt_units", said, seconds, acquisition, repairs)


def _dtype(path: Path, header: Any, repairs: list[Repair]) -> "np.dtype[Any]":  # noqa: ANN401
    code, bits = int(header["datatype"]), int(header["bitpix"])
    if code not in DTYPES:
        raise _refused(path, "datatype", code, f"one of {sorted(DTYPES)}: one number a voxel")
    dtype = np.dtype(DTYPES[code]).newbyteorder(header.endianness)
    if bits != dtype.itemsize * 8:
        repairs.append(Repair("NIFTI-BITPIX", "bitpix", str(bits), str(dtype.itemsize * 8)))
    return dtype


def _offset(path: Path, header: Any) -> int:  # noqa: ANN401
    offset = float(header["vox_offset"])
    least = int(header["sizeof_hdr"]) + 4
    if not (np.isfinite(offset) and offset >= least and offset == int(offset)):
        raise _refused(path, "vox_offset", offset, f"a whole number, {least} or more")
    return int(offset)


def _leave_out_text(header: Any, offset: int, repairs: list[Repair]) -> None:  # noqa: ANN401
    """Note that there is text, which may name people; nothing of it is kept."""
    filled = [name for name in TEXTS if name in header and header[name].item()]
    if filled:
        repairs.append(Repair("NIFTI-TEXT", ", ".join(filled), "text", "left out"))
    extra = offset - int(header["sizeof_hdr"]) - 4
    if extra:
        repairs.append(Repair("NIFTI-EXTENSION", "extensions", f"{extra} bytes", "left out"))


def _scaling(path: Path, header: Any) -> tuple[float, float]:  # noqa: ANN401
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite([slope, intercept]).all():
        raise _refused(path, "scl_slope, scl_inter", (slope, intercept), "finite numbers")
    return (1.0, 0.0) if slope == 0 else (slope, intercept)


def _affine(
    path: Path,
    header: Any,  # noqa: ANN401
    shape: tuple[int, int, int],
    repairs: list[Repair],
) -> tuple[NDArray[np.float64], int]:
    """Affine of (i, j, k) in millimetres, and its code, from sform or qform; both if they agree."""
    scale = _millimetres(path, header, repairs)
    codes = {"sform": int(header["sform_code"]), "qform": int(header["qform_code"])}
    readers = {"sform": _sform, "qform": _qform}
    forms = {name: readers[name](path, header, repairs) for name, code in codes.items() if code > 0}
    if not forms:
        raise _refused(path, "sform_code, qform_code", (0, 0), "one of them set", "say where the voxels lie")
    if len(forms) == 2:
        gap = _largest_gap(forms["sform"], forms["qform"], shape)
        agreed = FORMS_AGREE + _rounding(header, shape)
        if gap > agreed:
            raise _refused(
                path,
                "sform and qform",
                f"positions that differ by up to {gap:.2f} voxels",
                f"at most {agreed:.2g}",
                "remove the wrong one",
            )
        if gap > FORMS_AGREE:
            repairs.append(
                Repair("NIFTI-HALF-TURN", "qform", f"{gap:.2f} voxels from sform by rounding", "sform alone")
            )
    name = "sform" if "sform" in forms else "qform"
    matrix = forms[name].copy()
    matrix[:3] *= scale
    return matrix, codes[name]


def _millimetres(path: Path, header: Any, repairs: list[Repair]) -> float:  # noqa: ANN401
    unit = int(header["xyzt_units"]) & 7
    if unit not in MILLIMETRES:
        raise _refused(path, "xyzt_units", unit, "metres, millimetres, micrometres or unknown")
    if unit != 2:
        given = {0: "unknown", 1: "metre", 3: "micrometre"}[unit]
        repairs.append(Repair("NIFTI-UNIT", "xyzt_units", given, "millimetre"))
    return MILLIMETRES[unit]


def _sform(path: Path, header: Any, repairs: list[Repair]) -> NDArray[np.float64]:  # noqa: ANN401
    rows = [header[f"srow_{axis}"] for axis in "xyz"]
    matrix = np.array([*rows, (0, 0, 0, 1)], dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise _refused(path, "srow_x, srow_y, srow_z", "NaN or infinity", "finite numbers")
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    pixdim = np.array(header["pixdim"][1:4], dtype=np.float64)
    if not np.allclose(sizes, pixdim, rtol=0.01):
        repairs.append(Repair("NIFTI-PIXDIM", "pixdim", f"{pixdim}", f"{sizes} from sform"))
    return matrix


def _qform(path: Path, header: Any, repairs: list[Repair]) -> NDArray[np.float64]:  # noqa: ANN401
    pixdim = np.array(header["pixdim"][1:4], dtype=np.float64)
    quaternion = np.array([header[f"quatern_{axis}"] for axis in "bcd"], dtype=np.float64)
    offset = np.array([header[f"qoffset_{axis}"] for axis in "xyz"], dtype=np.float64)
    if not np.isfinite([*pixdim, *quaternion, *offset]).all() or not pixdim.all():
        raise _refused(path, "pixdim, quatern, qoffset", f"{pixdim}", "finite numbers, sizes not 0")
    if pixdim.min() < 0:
        repairs.append(Repair("NIFTI-PIXDIM", "pixdim", f"{pixdim}", "their absolute values"))
    length = float(quaternion @ quaternion)
    if length > 1 + 1e-5:
        raise _refused(path, "quatern_b, _c, _d", f"length² {length:.6f}", "at most 1: a rotation")
    # -1 stands for a left-handed grid; 0, which old writers leave there, for 1
    handedness = -1.0 if float(header["pixdim"][0]) < 0 else 1.0
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(quaternion) * np.abs(pixdim) * (1, 1, handedness)
    matrix[:3, 3] = offset
    return matrix


def _rotation(bcd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation of a unit quaternion with a non-negative real part (NIfTI-1, method 2)."""
    b, c, d = bcd.tolist()
    a = max(1.0 - float(bcd @ bcd), 0.0) ** 0.5
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )


def _largest_gap(
    sform: NDArray[np.float64], qform: NDArray[np.float64], shape: tuple[int, int, int]
) -> float:
    """Largest distance, in voxels, between where two forms put the corners."""
    corners = np.array([(i, j, k, 1) for k, j, i in product(*((0, n - 1) for n in shape))])
    gaps = np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1)
    smallest = np.linalg.norm(sform[:3, :3], axis=0).min()
    return float(gaps.max() / smallest) if smallest > 0 else np.inf


def _rounding(header: Any, shape: tuple[int, int, int]) -> float:  # noqa: ANN401
    """Voxels by which a qform can be off at a corner because its numbers have 32 bits.

    A quaternion's real part is not stored: it is what is missing to length 1. Near half turns, as in many
    axial scans, it is near 0, and the rounding of the other three takes most of its digits.
    """
    quaternion = np.array([header[f"quatern_{axis}"] for axis in "bcd"], dtype=np.float64)
    real_squared = max(1.0 - float(quaternion @ quaternion), 0.0)
    lost = np.sqrt(real_squared + 2 * np.finfo(np.float32).eps) - np.sqrt(real_squared)
    spacing = np.abs(np.array(header["pixdim"][1:4], dtype=np.float64))
    return float(2 * lost * np.linalg.norm(np.array(shape[::-1]) * spacing) / spacing.min())


def _refused(
    path: Path, field: str, found: object, expected: str, fix: str = "correct the header"
) -> InputError:
    name = field.partition(",")[0].partition(" ")[0].upper().replace("_", "-")
    return InputError(f"NIFTI-{name}", file=path, field=field, found=found, expected=expected, fix=fix)
