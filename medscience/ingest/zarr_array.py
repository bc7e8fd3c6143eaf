"""Arrays of a Zarr store as their metadata describe them, checked against the files before one is decoded.

Zarr 2 and 3 (zarr-specs.readthedocs.io), as far as OME-Zarr uses them: regular chunks, shards one deep, and
codecs that turn bytes into numbers and nothing else.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medscience.ingest.zarr_files import Loose, StoreFiles, refused

LARGEST_CHUNK = 256 << 20
"""Decoded bytes of what is decoded as one piece."""
MISSING = 2**64 - 1
"""In a shard's index: no such chunk."""

CODECS_V3 = {"bytes", "transpose", "gzip", "zstd", "blosc", "crc32c"}
CODECS_V2 = {"blosc", "zstd", "gzip", "zlib", "bz2", "lz4", "lzma"}
DTYPES_V3 = {
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}

Side = Annotated[int, Field(gt=0, le=2**40)]
Sides = Annotated[list[Side], Field(min_length=1, max_length=8)]


class Codec(Loose):
    """A step from numbers to bytes."""

    name: str
    configuration: dict[str, Any] = Field(default_factory=dict)


class ChunkShape(Loose):
    """Sides of a chunk."""

    chunk_shape: Sides


class Grid(Loose):
    """How an array is cut into chunks."""

    name: Literal["regular"]
    configuration: ChunkShape


class Separator(Loose):
    """What stands between the numbers of a chunk's key."""

    separator: Literal["/", "."] | None = None


class Keys(Loose):
    """How chunks are named."""

    name: Literal["default", "v2"]
    configuration: Separator = Separator()


class ArrayV3(Loose):
    """An array's zarr.json."""

    zarr_format: Literal[3]
    node_type: Literal["array"]
    shape: Sides
    data_type: str
    chunk_grid: Grid
    chunk_key_encoding: Keys
    codecs: Annotated[list[Codec], Field(min_length=1, max_length=8)]
    dimension_names: list[str | None] | None = None
    storage_transformers: Annotated[list[Any], Field(max_length=0, default_factory=list)]


class Compressor(Loose):
    """A compressor of Zarr 2."""

    id: str


class ArrayV2(Loose):
    """An array's .zarray."""

    zarr_format: Literal[2]
    shape: Sides
    chunks: Sides
    dtype: Annotated[str, Field(pattern=r"^([|<>][iu]1|[<>][iuf][248])$")]
    compressor: Compressor | None
    filters: list[Compressor] | None
    dimension_separator: Literal["/", "."] = "."


class Shards(Loose):
    """Configuration of the sharding codec."""

    chunk_shape: Sides
    codecs: Annotated[list[Codec], Field(min_length=1, max_length=8)]
    index_codecs: list[Codec]
    index_location: Literal["start", "end"] = "end"


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """An array: its numbers, and the files that hold them."""

    folder: str
    """Its path in the store."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: tuple[int, ...]
    """Sides of what one file holds: a chunk, or a shard."""
    prefix: str
    separator: str
    shards: Shards | None = None
    names: tuple[str | None, ...] | None = None
    """What the array itself calls its axes."""

    @classmethod
    def read(cls, files: StoreFiles, folder: str) -> "ArrayLayout":
        """Return the layout of an array, from its own metadata document."""
        layout = _read_v2(files, folder) if files.version(folder) == 2 else _read_v3(files, folder)
        sides = layout.shards.chunk_shape if layout.shards else layout.pieces
        if not len(layout.shape) == len(layout.pieces) == len(sides):
            raise refused(files.root, "CHUNKS", folder, layout.pieces, f"{len(layout.shape)} sides")
        if any(piece % side for piece, side in zip(layout.pieces, sides, strict=True)):
            raise refused(files.root, "CHUNKS", folder, sides, f"sides that divide those of {layout.pieces}")
        if math.prod(sides) * layout.dtype.itemsize > LARGEST_CHUNK:
            found = f"{math.prod(sides) * layout.dtype.itemsize} bytes in a chunk of {tuple(sides)}"
            raise refused(
                files.root, "CHUNKS", folder, found, f"{LARGEST_CHUNK} at most", "use smaller chunks"
            )
        return layout

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of pieces along the axes."""
        return tuple(-(-n // piece) for n, piece in zip(self.shape, self.pieces, strict=True))

    def key(self, index: tuple[int, ...]) -> str:
        """Return the key of a piece."""
        return f"{self.folder}/{self.prefix}{self.separator.join(map(str, index))}"

    def check_pieces(self, files: StoreFiles, *, may_miss: bool) -> int:
        """Return how many chunks are missing, or refuse a store in which some are, or too many are there.

        Raises
        ------
        InputError
            If pieces lie outside of the array; or if some are missing, unless they may.
        """
        dot = re.escape(self.separator)
        name = re.compile(rf"{re.escape(f'{self.folder}/{self.prefix}')}(\d+(?:{dot}\d+)*)")
        there = set()
        for match in filter(None, map(name.fullmatch, files.files)):
            index = tuple(map(int, match.group(1).split(self.separator)))
            if len(index) != len(self.grid) or any(i >= n for i, n in zip(index, self.grid, strict=True)):
                found = f"a chunk outside of {self.shape} in pieces of {self.pieces}"
                raise refused(files.root, "SHAPE", match.group(), found, "only chunks of the array")
            there.add(index)
        missing = math.prod(self.grid) - len(there)
        first = next((i for i in self._first(len(there) + 1) if i not in there), None)
        empty = [key for key in map(self.key, sorted(there)) if self._gaps(files, key)] if self.shards else []
        if (missing or empty) and not may_miss:
            fix = "copy the store again; if they are meant to be empty, say missing_chunks: fill"
            found = (
                f"{missing} of {math.prod(self.grid)} missing" if missing else f"gaps in {len(empty)} shards"
            )
            key = self.key(first) if first is not None else empty[0]
            raise refused(files.root, "MISSING-CHUNKS", key, found, "a file for every chunk", fix)
        return missing + len(empty)

    def _first(self, count: int) -> Iterator[tuple[int, ...]]:
        """Yield the first pieces of a grid that may be far larger than what is there."""
        for number in range(min(count, math.prod(self.grid))):
            index, rest = [], number
            for side in reversed(self.grid):
                rest, along = divmod(rest, side)
                index.append(along)
            yield tuple(reversed(index))

    def _gaps(self, files: StoreFiles, key: str) -> bool:
        """Whether chunks within the array are missing from a shard, by its index."""
        if self.shards is None:
            return False
        inner = [p // s for p, s in zip(self.pieces, self.shards.chunk_shape, strict=True)]
        index = _shard_index(files, key, inner, self.shards.index_location)
        corner = [int(n) for n in key.removeprefix(f"{self.folder}/{self.prefix}").split(self.separator)]
        sides = zip(self.shape, corner, self.pieces, self.shards.chunk_shape, inner, strict=True)
        within = tuple(slice(0, min(n, -(-(size - at * p) // s))) for size, at, p, s, n in sides)
        return bool((index[within][..., 0] == MISSING).any())


def _shard_index(files: StoreFiles, key: str, inner: list[int], location: str) -> NDArray[np.uint64]:
    """Offsets and sizes of a shard's chunks, and a checksum that the decoder checks."""
    size = 16 * math.prod(inner)
    path = files.files[key]
    held = path.stat().st_size
    if held < size + 4:
        raise refused(files.root, "CHUNK", key, f"{held} bytes", "a whole shard", "copy it again")
    with path.open("rb") as file:
        file.seek(0 if location == "start" else held - size - 4)
        content = file.read(size)
    return np.frombuffer(content, "<u8").reshape(*inner, 2)


def _read_v2(files: StoreFiles, folder: str) -> ArrayLayout:
    array = files.document(ArrayV2, files.json(f"{folder}/.zarray"), f"{folder}/.zarray")
    steps = [*(array.filters or []), *([array.compressor] if array.compressor else [])]
    for step in steps:
        _check_codec(files, folder, step.id, CODECS_V2)
    return ArrayLayout(
        folder,
        tuple(array.shape),
        np.dtype(array.dtype),
        tuple(array.chunks),
        "",
        array.dimension_separator,
    )


def _read_v3(files: StoreFiles, folder: str) -> ArrayLayout:
    where = f"{folder}/zarr.json"
    array = files.document(ArrayV3, files.json(where), where)
    if array.data_type not in DTYPES_V3:
        raise refused(files.root, "DTYPE", f"{where}: data_type", array.data_type, sorted(DTYPES_V3))
    codecs, shards = array.codecs, None
    if codecs[0].name == "sharding_indexed":
        shards = files.document(Shards, codecs[0].configuration, f"{where}: sharding_indexed")
        if len(codecs) > 1 or [codec.name for codec in shards.index_codecs] != ["bytes", "crc32c"]:
            expected = "shards alone, with an index of bytes and crc32c"
            raise refused(files.root, "CODEC", where, [codec.name for codec in codecs], expected)
        codecs = shards.codecs
    for codec in codecs:
        _check_codec(files, folder, codec.name, CODECS_V3)
    keys = array.chunk_key_encoding
    default = keys.name == "default"
    separator = keys.configuration.separator or ("/" if default else ".")
    return ArrayLayout(
        folder,
        tuple(array.shape),
        np.dtype(array.data_type),
        tuple(array.chunk_grid.configuration.chunk_shape),
        f"c{separator}" if default else "",
        separator,
        shards,
        tuple(array.dimension_names) if array.dimension_names else None,
    )


def _check_codec(files: StoreFiles, folder: str, name: str, known: set[str]) -> None:
    if name not in known:
        fix = "write the store with one of these"
        raise refused(
            files.root, "CODEC", f"{folder}: codec", name, f"one of {', '.join(sorted(known))}", fix
        )
