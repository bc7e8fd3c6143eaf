"""Projections before anyone asked what their numbers mean: in one file, or in a folder with a file each."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.geometry import Geometry, as_affine
from medscience.ingest.metaimage import open_stack
from medscience.ingest.panel import PANELS, read_panel
from medscience.ingest.source import Repair
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import VoxelFile

NUMBERS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Stack:
    """Projections that wait to be read, front to back."""

    detector: Geometry
    """The grid of a view, (1, V, U), in millimetres on the detector."""
    dtype: np.dtype[Any]
    numbers: tuple[int, ...] | None
    """Of the files, ascending; None where nothing numbers the views but their order."""
    count: int
    read: Callable[[list[Repair]], Iterator[NDArray[Any]]]
    """Yields the views (V, U) one by one; the list grows by what is found on the way."""
    stamp: Stamp
    format: str

    def digests(self) -> list[str]:
        """Return the digest of each view's numbers."""
        return [hashlib.sha256(np.ascontiguousarray(view).data).hexdigest() for view in self.read([])]


def open_views(path: Path, repairs: list[Repair]) -> Stack:
    """Open a stack of projections.

    Parameters
    ----------
    path : Path
        A MetaImage file with axes u, v, view; or a folder of ``.his``, ``.hnd`` or ``.xim`` files whose names
        differ in one number.
    repairs : list of Repair
        Grows by what a header left out.

    Raises
    ------
    InputError
        If it is no such thing, or the views are not of one size.
    """
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() not in {".mha", ".mhd"}:
        raise InputError(
            "PROJECTIONS-FORMAT",
            file=path,
            field="format",
            found=path.suffix or "no ending",
            expected=f".mha, .mhd, or a folder of {', '.join(PANELS)} files",
            fix="write the projections as one MetaImage stack",
        )
    voxels, detector, found = open_stack(path)
    repairs += found
    voxels.check_size()
    stamp = Stamp.of(path) if voxels.path == path else Stamp.of(path, voxels.path)

    def read(noted: list[Repair]) -> Iterator[NDArray[Any]]:
        for slab in voxels.slabs(stamp, noted, _together(voxels)):
            yield from slab

    return Stack(detector, voxels.dtype.newbyteorder("="), None, voxels.shape[0], read, stamp, "metaimage")


def _together(voxels: VoxelFile) -> int:
    """How many views to read at once: about 16 million bytes."""
    view = voxels.voxel_bytes // voxels.shape[0]
    return max((16 << 20) // max(view, 1), 1)


def _folder(folder: Path) -> Stack:
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in PANELS]
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) != 1:
        raise _names(folder, f"{len(kinds)} kinds of projections", f"one of {', '.join(PANELS)}")
    numbers = _numbers(folder, files)
    order = sorted(range(len(files)), key=numbers.__getitem__)
    ordered = [files[n] for n in order]
    stamp, first = Stamp.of(*ordered), read_panel(ordered[0])
    height, width = first.pixels.shape
    matrix = Geometry.own((1, height, width), (1.0, *first.pitch)).matrix
    matrix[:2, 3] = [-(width - 1) / 2 * first.pitch[1], -(height - 1) / 2 * first.pitch[0]]  # as RTK has it

    def read(_: list[Repair]) -> Iterator[NDArray[Any]]:
        for file in ordered:
            panel = read_panel(file)
            if panel.pixels.shape != first.pixels.shape or panel.pitch != first.pitch:
                raise InputError(
                    "PROJECTIONS-DIFFER",
                    file=file,
                    field="size",
                    found=f"{panel.pixels.shape[::-1]} pixels of {panel.pitch[::-1]} mm",
                    expected=f"{first.pixels.shape[::-1]} of {first.pitch[::-1]}, as the first view",
                    fix="take out what does not belong to the scan",
                )
            yield panel.pixels
        stamp.check()

    return Stack(
        Geometry((1, height, width), as_affine(matrix)),
        first.pixels.dtype.newbyteorder("="),
        tuple(numbers[n] for n in order),
        len(files),
        read,
        stamp,
        kinds.pop()[1:],
    )


def _numbers(folder: Path, files: list[Path]) -> list[int]:
    """The number in which the files' names differ."""
    if len({NUMBERS.sub("#", file.name) for file in files}) != 1:
        raise _names(folder, "names of several patterns", "names that differ in one number")
    columns = list(zip(*(map(int, NUMBERS.findall(file.name)) for file in files), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if len(files) == 1 and columns:
        return list(columns[-1])
    if len(varying) != 1 or len(set(varying[0])) != len(files):
        found = f"names that differ in {len(varying)} numbers"
        raise _names(folder, found, "one number that is another in each name")
    return list(varying[0])


def _names(folder: Path, found: str, expected: str) -> InputError:
    return InputError(
        "PROJECTIONS-NAMES",
        file=folder,
        field="file names",
        found=found,
        expected=expected,
        fix="leave one scan in the folder, its files numbered in the order of their views",
    )
