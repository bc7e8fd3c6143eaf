"""MetaImage: a text header with its voxels behind it (.mha) or in a file beside it (.mhd).

The header is read as the format's documentation defines it (itk.org/Wiki/MetaIO/Documentation) and as ITK
writes it: positions in LPS+ millimetres, one row of the matrix for each axis of the array.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry, Sizes
from medscience.image import Meaning
from medscience.ingest.affine import LARGEST, RAS_FROM_LPS, checked_geometry
from medscience.ingest.beside import file_beside
from medscience.ingest.series import time_step, volume_source
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import VoxelFile

LONGEST_HEADER = 1 << 16
DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""NumPy's name by MetaImage's; its long has four bytes on every machine."""

SYNONYMS = {
    "Position": "Offset",
    "Origin": "Offset",
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
PLAIN = {
    "ObjectType": {"Image"},
    "BinaryData": {"True", "1"},
    "CenterOfRotation": {"0"},
    "ElementNumberOfChannels": {"1"},
    "ElementToIntensityFunctionSlope": {"1"},
    "ElementToIntensityFunctionOffset": {"0"},
}
"""Fields that may be absent, and must have this value otherwise."""
KNOWN = {
    *PLAIN,
    *SYNONYMS.values(),
    *("NDims", "DimSize", "ElementType", "ElementSpacing", "ElementSize", "ElementMin", "ElementMax"),
    *("CompressedData", "CompressedDataSize", "HeaderSize", "AnatomicalOrientation", "ElementDataFile"),
    *("ObjectSubType", "TransformType", "DistanceUnits", "Modality"),
}
UNITS = {"mm": 1.0, "millimeter": 1.0, "um": 0.001, "cm": 10.0, "m": 1000.0}


def open_metaimage(path: Path, acquisition: Path | None = None) -> Source:
    """Open a MetaImage file.

    Parameters
    ----------
    path : Path
        ``.mha`` or ``.mhd``; the data file of the latter must lie beside it.
    acquisition : Path, optional
        Says how volumes in time follow each other: the format has no unit of time.

    Returns
    -------
    Source
        A volume (Z, Y, X), or several in time, in RAS+ millimetres with the numbers as they are stored.

    Raises
    ------
    InputError
        If the header is inconsistent or leaves open where the voxels lie, or the data do not fit to it.
    """
    stamp = Stamp.of(path)
    header = _Header.read(path)
    voxels, repairs = header.voxels(), header.repairs
    geometry = checked_geometry(path, "METAIMAGE", voxels.shape, header.affine(), repairs)
    meaning = Meaning(geometry)
    if header.times is not None:
        said = f"{header.numbers('ElementSpacing')[3]:g}, of no unit"
        step = time_step(path, "METAIMAGE", "ElementSpacing", said, None, acquisition, repairs)
        meaning = Meaning(geometry, "tzyx", time_step=step)
    return volume_source(voxels, meaning, stamp, repairs, {"format": "metaimage"}, acquisition)


def grid_in_header(path: Path) -> Geometry:
    """Return the grid of a MetaImage file; nothing behind its header is read.

    Raises
    ------
    InputError
        If the header is inconsistent or leaves open where the voxels lie.
    """
    header = _Header.read(path)
    return checked_geometry(path, "METAIMAGE", header.voxels().shape, header.affine(), [])


class _Header:
    """The fields of a header by name, taken one by one."""

    def __init__(self, path: Path, fields: dict[str, str], end: int) -> None:
        self.path = path
        self.fields = fields
        self.end = end
        """Byte after the header."""
        self.repairs: list[Repair] = []
        others = fields.keys() - KNOWN
        if others:  # not even their names: programs put patients' data there
            self.repairs.append(
                Repair("METAIMAGE-FIELDS", "header", f"{len(others)} fields of other programs", "left out")
            )
        for name, values in PLAIN.items():
            if not set(fields.get(name, min(values)).split()) <= values | {f"{v}.0" for v in values}:
                raise self.refused(name, fields[name], " or ".join(sorted(values)))
        (self.axes,) = self.integers("NDims", 1)
        """Number of axes: 3, or 4 with time."""
        if self.axes not in (3, 4):
            raise self.refused("NDims", fields["NDims"], "3, or 4 with time", "write each volume to a file")

    @classmethod
    def read(cls, path: Path) -> "_Header":
        """Split a header into its fields; ElementDataFile is the last."""
        fields: dict[str, str] = {}
        with path.open("rb") as file:
            content = file.read(LONGEST_HEADER)
        start = 0
        while (end := content.find(b"\n", start)) >= 0:
            name, equals, value = (part.strip() for part in _text(content[start:end]).partition("="))
            if not equals:
                if name or start == 0:
                    raise _refused(path, "header", f"a line of {len(name)} letters without =", "NAME = VALUE")
            else:
                name = SYNONYMS.get(name, name)
                if name in fields:
                    raise _refused(path, name if name in KNOWN else "header", "it twice", "every field once")
                fields[name] = value
                if name == "ElementDataFile":
                    return cls(path, fields, end + 1)
            start = end + 1
        raise _refused(path, "ElementDataFile", "no such line", "a header that ends with it")

    def refused(
        self, field: str, found: object, expected: str, fix: str = "correct the header"
    ) -> InputError:
        """Return an error about a field."""
        return _refused(self.path, field, found, expected, fix)

    def value(self, name: str) -> str:
        """Return a field that must be there."""
        if name not in self.fields:
            raise self.refused(name, "nothing", "it in the header", "add it: its default would be a guess")
        return self.fields[name]

    def numbers(self, name: str, count: int = 0) -> NDArray[np.float64]:
        """Return a field's numbers: one for each axis, if their count is not given."""
        count = count or self.axes
        words = self.value(name).split()
        try:
            numbers = np.array([float(word) for word in words])
        except ValueError:
            numbers = np.array([])
        if len(numbers) != count or not (np.abs(numbers) <= LARGEST).all():
            raise self.refused(name, self.value(name), f"{count} numbers, none beyond {LARGEST:g}")
        return numbers

    def integers(self, name: str, count: int = 0) -> list[int]:
        """Return a field's whole numbers, as many as of `numbers`."""
        numbers = self.numbers(name, count)
        if (numbers != numbers.round()).any():
            raise self.refused(name, self.value(name), f"{len(numbers)} whole numbers")
        return [int(number) for number in numbers]

    def flag(self, name: str) -> bool:
        """Return a field that says yes or no; absent means no."""
        value = self.fields.get(name, "False")
        if value not in {"True", "False", "1", "0"}:
            raise self.refused(name, value, "True or False")
        return value in {"True", "1"}

    @property
    def times(self) -> int | None:
        """Number of volumes; None if there is no axis of time."""
        return self.integers("DimSize")[3] if self.axes == 4 else None

    def shape(self) -> Sizes:
        """Return the sizes along (z, y, x)."""
        sizes = self.integers("DimSize")
        if min(sizes) < 1:
            raise self.refused("DimSize", self.value("DimSize"), f"{self.axes} positive sizes")
        return sizes[2], sizes[1], sizes[0]

    def dtype(self) -> "np.dtype[Any]":
        """Return the type of the stored numbers."""
        name = self.value("ElementType")
        if name not in DTYPES:
            raise self.refused("ElementType", name, f"one of {', '.join(DTYPES)}")
        dtype = np.dtype(DTYPES[name])
        if dtype.itemsize > 1 and "BinaryDataByteOrderMSB" not in self.fields:
            self.default("BinaryDataByteOrderMSB", "False")
        return dtype.newbyteorder(">" if self.flag("BinaryDataByteOrderMSB") else "<")

    def default(self, name: str, value: str) -> None:
        """Note a field that is absent, whose default the format defines."""
        self.repairs.append(Repair("METAIMAGE-DEFAULT", name, "absent", value))

    def affine(self) -> NDArray[np.float64]:
        """Return the matrix from an index (i, j, k) to RAS+ millimetres."""
        unit = self.fields.get("DistanceUnits", "mm")
        if unit not in UNITS:
            raise self.refused("DistanceUnits", unit, f"one of {', '.join(UNITS)}")
        spacing = self.numbers("ElementSpacing")[:3]
        if not spacing.all():
            raise self.refused("ElementSpacing", self.value("ElementSpacing"), "no 0 among the first three")
        if spacing.min() < 0:
            self.repairs.append(
                Repair(
                    "METAIMAGE-SPACING", "ElementSpacing", self.value("ElementSpacing"), "axes turned round"
                )
            )
        matrix = np.eye(4)
        matrix[:3, :3] = self._directions() * spacing
        if "Offset" in self.fields:
            matrix[:3, 3] = self.numbers("Offset")[:3]
        else:
            self.default("Offset", "0 0 0")
        matrix[:3] *= UNITS[unit]
        return RAS_FROM_LPS @ matrix

    def _directions(self) -> NDArray[np.float64]:
        """Unit vectors of i, j, k in LPS+ as columns; the header lists one after the other."""
        if "TransformMatrix" not in self.fields:
            self.default("TransformMatrix", "1 0 0 0 1 0 0 0 1")
            return np.eye(3)
        every = self.numbers("TransformMatrix", self.axes**2).reshape(self.axes, self.axes).T
        directions = every[:3, :3]
        if (every[3:, :3] != 0).any() or (every[:3, 3:] != 0).any():
            raise self.refused("TransformMatrix", self.value("TransformMatrix"), "time apart from space")
        if np.abs(np.linalg.norm(directions, axis=0) - 1).max() > 1e-3:
            raise self.refused("TransformMatrix", self.value("TransformMatrix"), "three unit vectors")
        return directions

    def voxels(self) -> VoxelFile:
        """Return where the voxels are."""
        name, shape, dtype = self.value("ElementDataFile"), self.shape(), self.dtype()
        if name.split()[:1] == ["LIST"] or "%" in name:
            raise self.refused("ElementDataFile", name, "LOCAL or one file", "join the slices into one file")
        local = name.upper() == "LOCAL"
        path = self.path if local else file_beside(self.path, name, kind="METAIMAGE", field="ElementDataFile")
        packed = self.flag("CompressedData")
        (before,) = self.integers("HeaderSize", 1) if "HeaderSize" in self.fields else (0,)
        if before and (packed or local or before < -1):
            raise self.refused("HeaderSize", before, "bytes before plain data in a file of their own, or -1")
        if before == -1:
            size = math.prod(self.integers("DimSize")) * dtype.itemsize
            before = max(path.stat().st_size - size, 0)
        return VoxelFile(
            path,
            "METAIMAGE",
            shape,
            dtype,
            begin=self.end if local else before,
            packing="zlib" if packed else "plain",
            times=self.times or 1,
        )


def _text(line: bytes) -> str:
    return line.decode("latin-1")


def _refused(
    path: Path, field: str, found: object, expected: str, fix: str = "correct the header"
) -> InputError:
    code = f"METAIMAGE-{field.upper()}"
    return InputError(code, file=path, field=field, found=found, expected=expected, fix=fix)
