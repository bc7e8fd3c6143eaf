"""Voxels in one file, streamed front to back with every check that does not depend on the format."""

import bz2
import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, MedscienceError
from medscience.geometry import Sizes
from medscience.ingest.source import Repair
from medscience.ingest.stamp import Stamp

Packing = Literal["plain", "gzip", "zlib", "bzip2"]

LARGEST_RATIO = {"plain": 1, "gzip": 1040, "zlib": 1040, "bzip2": 1 << 20}
"""How many times more than a file's size its unpacked content can be."""
LARGEST_TAIL = 64 << 20
"""Bytes after the voxels that are read through, to reach the checksum of what is before them."""
SWAPPED = 16
"""How many times rougher voxels are than with their bytes swapped, when their byte order is doubted."""


@dataclass(frozen=True, slots=True)
class VoxelFile:
    """Where a file holds its voxels, x fastest, and how."""

    path: Path
    format: str
    """In capitals, as the codes of its errors begin."""
    shape: Sizes
    """Number of voxels along (z, y, x)."""
    dtype: np.dtype[Any]
    """As stored, byte order included."""
    begin: int = 0
    """Byte of the file at which the data begin, packed or not."""
    packing: Packing = "plain"
    skip: int = 0
    """Bytes of unpacked data before the first voxel."""
    tail: Literal["refused", "noted", "expected"] = "refused"
    """What becomes of a file with data after its voxels."""
    times: int = 1
    """Number of volumes, one after the other."""

    @property
    def voxel_bytes(self) -> int:
        """Bytes of all voxels."""
        return self.times * math.prod(self.shape) * self.dtype.itemsize

    def check_size(self) -> None:
        """Refuse, from sizes alone, a file that cannot hold the voxels that its header promises."""
        size = max(self.path.stat().st_size - self.begin, 0)
        needed = self.skip + self.voxel_bytes
        if needed > size * LARGEST_RATIO[self.packing]:
            raise self._truncated(f"{size} bytes in the file")
        if self.packing == "plain" and self.tail == "refused" and size > needed:
            raise self._surplus(size - needed)

    def slabs(
        self,
        stamp: Stamp,
        repairs: list[Repair],
        slices: int,
        convert: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    ) -> Iterator[NDArray[Any]]:
        """Yield the voxels, then read to the end of the file so that every checksum is checked.

        Parameters
        ----------
        stamp : Stamp
            Of the source's files, from before their headers were read.
        repairs : list of Repair
            Grows by what is found on the way.
        slices : int
            How many to yield at a time.
        convert : callable, optional
            From stored numbers to values; without it they only get this machine's byte order.

        Raises
        ------
        InputError
            If voxels are missing, damaged or not finite, or the file was changed.
        """
        try:
            yield from self._checked(repairs, slices, convert or _native)
        except MedscienceError:
            stamp.check()  # a file that is being written looks damaged in many ways
            raise
        stamp.check()

    def _checked(
        self, repairs: list[Repair], slices: int, convert: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> Iterator[NDArray[Any]]:
        depth, height, width = self.shape
        row = height * width * self.dtype.itemsize
        broken, doubt = 0, _Doubt()
        with unpacked(self.path, self.format, self.packing, self.begin) as stream:
            if self.skip:
                stream.seek(self.skip)
            for volume, start in product(range(self.times), range(0, depth, slices)):
                count = min(slices, depth - start)
                content = stream.read(count * row)
                if len(content) < count * row:
                    read = (volume * depth + start) * row + len(content)
                    raise self._truncated(f"{read} bytes of voxels")
                stored = np.frombuffer(content, self.dtype).reshape(count, height, width)
                doubt.look(stored[count // 2])
                slab = convert(stored)
                broken += not_finite(slab)
                yield slab
            self._read_tail(stream, repairs)
        if doubt.grave:
            repairs.append(
                Repair(f"{self.format}-BYTE-ORDER", "voxels", "smoother with swapped bytes", "kept as it is")
            )
        if broken:
            raise self.refused(
                "NOT-FINITE",
                found=f"{broken} NaN or infinite voxels",
                expected="finite numbers",
                fix="replace them with what they stand for",
            )

    def refused(
        self, code: str, *, found: object, expected: object, fix: str, field: str = "voxels"
    ) -> InputError:
        """Return an error about this file."""
        return InputError(
            f"{self.format}-{code}", file=self.path, field=field, found=found, expected=expected, fix=fix
        )

    def _read_tail(self, stream: BinaryIO, repairs: list[Repair]) -> None:
        """Read what follows the voxels; nothing of it is used."""
        extra = 0
        try:
            while (more := stream.read(1 << 20)) and extra <= LARGEST_TAIL:
                extra += len(more)
        except gzip.BadGzipFile as fault:
            if "Not a gzipped file" not in str(fault):  # a bad checksum, not a stray tail
                raise
            extra += 1
        if extra > (0 if self.tail == "refused" else LARGEST_TAIL):
            raise self._surplus(extra)
        if extra and self.tail == "noted":
            repairs.append(
                Repair(f"{self.format}-TAIL", "end of file", "more data after the voxels", "ignored")
            )

    def _truncated(self, found: str) -> InputError:
        return self.refused(
            "TRUNCATED",
            found=found,
            expected=f"{self.voxel_bytes} bytes of voxels",
            fix="copy or download the file again",
        )

    def _surplus(self, extra: int) -> InputError:
        return self.refused(
            "SURPLUS",
            field="end of file",
            found=f"{extra} bytes or more after the voxels",
            expected=f"{self.voxel_bytes} bytes of voxels and no more",
            fix="correct the sizes and the type in the header",
        )


@contextmanager
def unpacked(path: Path, kind: str, packing: Packing, begin: int = 0) -> Iterator[BinaryIO]:
    """Open a file's data from byte `begin` on, with the errors of unpacking made those of format `kind`."""
    openers: dict[Packing, Callable[[BinaryIO], Any]] = {
        "plain": lambda file: file,
        "gzip": _gzip,
        "bzip2": bz2.BZ2File,
        "zlib": _Inflated,
    }
    try:
        with path.open("rb") as file:
            file.seek(begin)
            yield cast(BinaryIO, openers[packing](file))
    except (EOFError, zlib.error, OSError) as fault:
        if isinstance(fault, MedscienceError) or getattr(fault, "errno", None) is not None:
            raise  # ours already, or the disk's
        raise InputError(
            f"{kind}-DAMAGED",
            file=path,
            field=f"{packing} stream",
            found=fault,
            expected="a whole stream with matching checksums",
            fix="copy or download the file again",
        ) from fault


class _Doubt:
    """Whether whole numbers look as if their bytes were swapped, judged from a few slices."""

    def __init__(self) -> None:
        self.stored = 0.0
        self.swapped = 0.0

    @property
    def grave(self) -> bool:
        return self.stored > SWAPPED * self.swapped

    def look(self, plane: NDArray[Any]) -> None:
        if plane.dtype.kind in "iu" and plane.dtype.itemsize > 1:
            self.stored += _roughness(plane)
            self.swapped += _roughness(plane.byteswap())


def _roughness(plane: NDArray[Any]) -> float:
    """Sum of the steps from voxel to voxel along x."""
    return float(np.abs(np.diff(plane.astype(np.float64), axis=1)).sum())


class _Inflated:
    """A zlib stream that is read a piece at a time and must be all that there is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stream = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size and not self._stream.eof:
            packed = self._stream.unconsumed_tail or self._file.read(1 << 16)
            if not packed:
                raise EOFError("it ends before its end was marked")
            content += self._stream.decompress(packed, size - len(content))
        if self._stream.eof and (self._stream.unused_data or self._file.read(1)):
            raise zlib.error("more data after its end")
        return bytes(content)


def _gzip(file: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=file, mode="rb")


def _native(stored: NDArray[Any]) -> NDArray[Any]:
    return stored.astype(stored.dtype.newbyteorder("="), copy=False)


def not_finite(values: NDArray[Any]) -> int:
    """Return how many values are NaN or infinite."""
    if not np.issubdtype(values.dtype, np.floating):
        return 0
    return int(values.size - np.isfinite(values).sum())
