"""NRRD: a text header with its voxels behind it (.nrrd) or in a file beside it (.nhdr).

The header is read as the format's definition says (teem.sourceforge.net/nrrd/format.html). Only volumes in a
space of the body are read: three spatial axes, with their directions and an origin.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry, Sizes
from medscience.image import Meaning
from medscience.ingest.affine import LARGEST, checked_geometry
from medscience.ingest.beside import file_beside
from medscience.ingest.series import time_step, volume_source
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import Packing, VoxelFile

LONGEST_HEADER = 1 << 20
"""Bytes; segmentations carry pages of keys."""
MAGIC = re.compile(r"NRRD000[1-5]")
VECTOR = re.compile(r"\(([^()]*)\)|\S+")

TYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
DTYPES = {name: dtype for dtype, names in TYPES.items() for name in names.split(", ")}
"""NumPy's name by NRRD's."""
PACKINGS: dict[str, Packing] = {
    "raw": "plain",
    "gz": "gzip",
    "gzip": "gzip",
    "bz2": "bzip2",
    "bzip2": "bzip2",
}
SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
"""Signs from a space's axes to RAS+."""
UNITS = {"mm": 1.0, "millimeter": 1.0, "um": 0.001, "cm": 10.0, "m": 1000.0}
SPATIAL_KINDS = {"domain", "space", "???", "none"}
TIME_KINDS = {"time", "list"}

USED = {
    *("dimension", "type", "sizes", "encoding", "endian", "space", "spacedimension", "spacedirections"),
    *("spaceorigin", "spaceunits", "kinds", "datafile", "lineskip", "byteskip"),
}
UNUSED = {
    *("spacings", "thicknesses", "axismins", "axismaxs", "centers", "centerings", "labels", "units"),
    *("measurementframe", "min", "max", "oldmin", "oldmax", "blocksize", "number", "content", "sampleunits"),
}
"""What the format defines and a volume in a space does not need."""


def open_nrrd(path: Path, acquisition: Path | None = None) -> Source:
    """Open an NRRD file.

    Parameters
    ----------
    path : Path
        ``.nrrd`` or ``.nhdr``; the data file of the latter must lie beside it.
    acquisition : Path, optional
        Says how volumes follow each other, where there are several.

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
    geometry = checked_geometry(path, "NRRD", voxels.shape, header.affine(), repairs)
    meaning = Meaning(geometry)
    if header.axes == 4:
        said = f"a {header.kinds[3]} of {voxels.times} volumes"
        step = time_step(path, "NRRD", "kinds", said, None, acquisition, repairs)
        meaning = Meaning(geometry, "tzyx", time_step=step)
    return volume_source(voxels, meaning, stamp, repairs, {"format": "nrrd"}, acquisition)


def grid_in_header(path: Path) -> Geometry:
    """Return the grid of an NRRD file; nothing behind its header is read.

    Raises
    ------
    InputError
        If the header is inconsistent or leaves open where the voxels lie.
    """
    header = _Header.read(path)
    return checked_geometry(path, "NRRD", header.voxels().shape, header.affine(), [])


class _Header:
    """The fields of a header by name, taken one by one."""

    def __init__(self, path: Path, fields: dict[str, str], others: int, end: int) -> None:
        self.path = path
        self.fields = fields
        self.end = end
        """Byte after the header."""
        self.repairs: list[Repair] = []
        if others:  # not even their names: programs put patients' data there
            self.repairs.append(Repair("NRRD-KEYS", "header", f"{others} keys of other programs", "left out"))
        (self.axes,) = self.integers("dimension", 1)
        """Number of axes: 3, or 4 with time."""
        if self.axes not in (3, 4):
            fix = "write each volume to a file"
            raise self.refused("dimension", fields["dimension"], "3, or 4 with time", fix)

    @classmethod
    def read(cls, path: Path) -> "_Header":
        """Split a header into its fields; an empty line or the end of the file ends it."""
        with path.open("rb") as file:
            content = file.read(LONGEST_HEADER)
        lines, end = _lines(path, content)
        if not lines or not MAGIC.fullmatch(lines[0]):
            raise _refused(path, "magic", lines[0][:8] if lines else "nothing", "NRRD0001 to NRRD0005")
        fields: dict[str, str] = {}
        others = 0
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            name = name.replace(" ", "").lower()
            if line.startswith("#") or ":=" in line:
                others += ":=" in line
            elif not colon or name not in USED | UNUSED:
                raise _refused(path, "header", "a line that is no field, key or comment", "FIELD: VALUE")
            elif name in fields:
                raise _refused(path, name, "it twice", "every field once")
            else:
                fields[name] = value.strip()
        return cls(path, fields, others, end)

    def refused(
        self, field: str, found: object, expected: str, fix: str = "correct the header"
    ) -> InputError:
        """Return an error about a field."""
        return _refused(self.path, field, found, expected, fix)

    def value(self, name: str, fix: str = "add it: its default would be a guess") -> str:
        """Return a field that must be there."""
        if name not in self.fields:
            raise self.refused(name, "nothing", "it in the header", fix)
        return self.fields[name]

    def integers(self, name: str, count: int) -> list[int]:
        """Return a field's whole numbers."""
        words = self.value(name).split()
        if len(words) != count or not all(re.fullmatch(r"[+-]?\d{1,15}", word) for word in words):
            raise self.refused(name, self.value(name), f"{count} whole numbers")
        return [int(word) for word in words]

    def vectors(self, name: str, count: int, nones: int = 0) -> NDArray[np.float64]:
        """Return a field's vectors of three numbers as rows; after them, so many axes have none."""
        rows = [match.group(1) for match in VECTOR.finditer(self.value(name))]
        if nones and rows[count:] == [None] * nones:
            rows = rows[:count]
        try:
            vectors = np.array([[float(word) for word in (row or "").split(",")] for row in rows])
        except ValueError:  # also rows of different lengths, and axes without a direction
            vectors = np.array([])
        if vectors.shape != (count, 3) or not (np.abs(vectors) <= LARGEST).all():
            expected = f"{count} vectors of 3 numbers, none beyond {LARGEST:g}"
            raise self.refused(name, self.value(name), expected)
        return vectors

    @property
    def kinds(self) -> list[str]:
        """What the axes are, the fastest first."""
        return self.fields.get("kinds", "domain domain domain list").lower().split()[: self.axes]

    def shape(self) -> tuple[int, Sizes]:
        """Return the number of volumes, and their sizes along (z, y, x)."""
        sizes = self.integers("sizes", self.axes)
        if min(sizes) < 1:
            raise self.refused("sizes", self.value("sizes"), f"{self.axes} positive sizes")
        *space, time = [*self.kinds, "list"][:4]
        if not set(space) <= SPATIAL_KINDS or time not in TIME_KINDS:
            fix = "write each volume to a file"
            raise self.refused("kinds", self.value("kinds"), "three axes of space, and time the last", fix)
        return (sizes[3] if self.axes == 4 else 1), (sizes[2], sizes[1], sizes[0])

    def dtype(self) -> "np.dtype[Any]":
        """Return the type of the stored numbers."""
        name = " ".join(self.value("type").lower().split())
        if name not in DTYPES:
            raise self.refused("type", name, f"one of {', '.join(sorted(DTYPES))}")
        dtype = np.dtype(DTYPES[name])
        if dtype.itemsize == 1:
            return dtype
        orders = {"little": "<", "big": ">"}
        endian = self.value("endian").lower()
        if endian not in orders:
            raise self.refused("endian", endian, "little or big")
        return dtype.newbyteorder("<" if endian == "little" else ">")

    def affine(self) -> NDArray[np.float64]:
        """Return the matrix from an index (i, j, k) to RAS+ millimetres."""
        space = self.value("space", "name the space: its axes could run either way").lower()
        if space not in SPACES:
            raise self.refused("space", space, f"one of {', '.join(SPACES)}")
        matrix = np.eye(4)
        matrix[:3, :3] = self.vectors("spacedirections", 3, nones=self.axes - 3).T
        matrix[:3, 3] = self.vectors("spaceorigin", 1)[0]
        matrix[:3] *= np.reshape(SPACES[space], (3, 1)) * self._millimetres()
        return matrix

    def _millimetres(self) -> float:
        units = set(self.fields.get("spaceunits", '"mm"').replace('"', " ").split())
        if len(units) != 1 or not units <= UNITS.keys():
            raise self.refused("spaceunits", self.value("spaceunits"), f"one of {', '.join(UNITS)}, thrice")
        (unit,) = units
        if UNITS[unit] != 1:
            self.repairs.append(Repair("NRRD-UNIT", "space units", unit, "millimetre"))
        return UNITS[unit]

    def voxels(self) -> VoxelFile:
        """Return where the voxels are."""
        (times, shape), dtype = self.shape(), self.dtype()
        encoding = self.value("encoding").lower()
        if encoding not in PACKINGS:
            raise self.refused("encoding", encoding, f"one of {', '.join(PACKINGS)}")
        name = self.fields.get("datafile")
        if name is None:
            path, begin = self.path, self.end
        elif name.split()[:1] == ["LIST"] or "%" in name:
            raise self.refused("datafile", name, "one file", "join the slices into one file")
        else:
            path, begin = file_beside(self.path, name, kind="NRRD", field="data file"), 0
        voxels = VoxelFile(path, "NRRD", shape, dtype, begin=begin, packing=PACKINGS[encoding], times=times)
        if "lineskip" in self.fields and self.integers("lineskip", 1) != [0]:
            raise self.refused("lineskip", self.value("lineskip"), "0", "save it without them")
        return self._skipping(voxels)

    def _skipping(self, voxels: VoxelFile) -> VoxelFile:
        """Begin some bytes later, as the header says; -1 stands for data at the end of the file."""
        (skip,) = self.integers("byteskip", 1) if "byteskip" in self.fields else (0,)
        if skip < -1 or (skip and voxels.packing != "plain"):
            raise self.refused("byteskip", skip, "bytes before plain data, or -1", "save it without them")
        if skip == -1:
            skip = max(voxels.path.stat().st_size - voxels.begin - voxels.voxel_bytes, 0)
        return replace(voxels, begin=voxels.begin + skip)


def _lines(path: Path, content: bytes) -> tuple[list[str], int]:
    """Return a header's lines, and the byte after the empty line that ends it."""
    lines: list[str] = []
    start = 0
    while start < len(content):
        stop = content.find(b"\n", start)
        stop = len(content) if stop < 0 else stop
        line = content[start:stop].decode("latin-1").rstrip("\r")
        start = stop + 1
        if not line:
            return lines, start
        lines.append(line.rstrip())
    if len(content) == LONGEST_HEADER:
        raise _refused(path, "header", f"{LONGEST_HEADER} bytes without its end", "an empty line after it")
    return lines, len(content)


def _refused(
    path: Path, field: str, found: object, expected: str, fix: str = "correct the header"
) -> InputError:
    code = f"NRRD-{field.partition(',')[0].upper()}"
    return InputError(code, file=path, field=field, found=found, expected=expected, fix=fix)
