"""Size, place and brightness of every label."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import ndimage

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.image import Image

SLAB = 64
"""Slices that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Region:
    """What is measured of one label; a row of the table.

    Positions are None, and the mean is None, where the label does not occur.
    """

    label: int
    name: str
    voxels: int
    volume_mm3: float
    centroid_x_mm: float | None = None
    """World position, RAS+."""
    centroid_y_mm: float | None = None
    centroid_z_mm: float | None = None
    first_z: int | None = None
    """Bounding box in array indices; `last` belongs to it."""
    first_y: int | None = None
    first_x: int | None = None
    last_z: int | None = None
    last_y: int | None = None
    last_x: int | None = None
    touches_border: bool = False
    """Whether a voxel of it lies on the outermost layer of the image: it may go on outside."""
    mean_intensity: float | None = None
    """In the image's own unit."""


COLUMNS: "list[pa.Field[Any]]" = [  # quoted: pyarrow knows its types only as text
    pa.field("sample", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    pa.field("label", pa.int32(), nullable=False),
    pa.field("name", pa.string(), nullable=False),
    pa.field("voxels", pa.int64(), nullable=False),
    pa.field("volume_mm3", pa.float64(), nullable=False),
    *(pa.field(f"centroid_{axis}_mm", pa.float64()) for axis in "xyz"),
    *(pa.field(f"{end}_{axis}", pa.int32()) for end in ("first", "last") for axis in "zyx"),
    pa.field("touches_border", pa.bool_(), nullable=False),
    pa.field("mean_intensity", pa.float64()),
    pa.field("reference_voxels", pa.int64()),
    pa.field("dice", pa.float64()),
]

SCHEMA = pa.schema(COLUMNS)
"""Columns of the table of measurements; the last two are null where there is no reference."""


def measure_regions(labels: Image, image: Image, names: tuple[Label, ...]) -> list[Region]:
    """Return a row for every label but the background, whether it occurs or not.

    Parameters
    ----------
    labels : Image
        Whole numbers, axes (z, y, x).
    image : Image
        What the labels were made from, on the same grid.
    names : tuple of Label
        The labels to report.

    Raises
    ------
    MismatchError
        If the grids differ, or a label occurs that has no name.
    """
    if not labels.geometry.close_to(image.geometry):
        raise MismatchError(
            "MEASURE-GRID",
            field="grid",
            found=f"labels {labels.shape} {labels.geometry.orientation}",
            expected=f"the image's {image.shape} {image.geometry.orientation}",
            fix="measure labels with the image that they were made from",
        )
    known = max(label.value for label in names) + 1
    totals = _Totals.empty(known)
    for start in range(0, labels.shape[0], SLAB):
        region = (slice(start, min(start + SLAB, labels.shape[0])), slice(None), slice(None))
        totals.add(labels.read(region), image.read(region), start)
    found = totals.stray | set(np.flatnonzero(totals.voxels).tolist())
    stray = sorted(found - {label.value for label in names})
    if stray:
        raise MismatchError(
            "MEASURE-LABEL",
            field="labels",
            found=f"the numbers {stray}",
            expected=f"only {sorted(label.value for label in names)}",
            fix="use the model that made the labels",
        )
    return [_region(label, totals, labels) for label in names if label.value]


@dataclass(slots=True)
class _Totals:
    """Sums over the slabs seen so far, one entry for each label number."""

    voxels: NDArray[np.int64]
    positions: NDArray[np.float64]
    intensity: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    stray: set[int] = field(default_factory=set)
    """Numbers beyond the known ones."""

    @classmethod
    def empty(cls, known: int) -> "_Totals":
        return cls(
            np.zeros(known, dtype=np.int64),
            np.zeros((known, 3)),
            np.zeros(known),
            np.full((known, 3), np.iinfo(np.int64).max),
            np.full((known, 3), -1),
        )

    def add(self, labels: NDArray[Any], image: NDArray[Any], start: int) -> None:
        """Add a slab that begins at slice `start`."""
        wild = (labels < 0) | (labels >= len(self.voxels))
        if wild.any():
            self.stray.update(np.unique(labels[wild]).tolist())
            labels = np.where(wild, 0, labels)
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            if box is None:
                continue
            inside = labels[box] == label
            offset = np.array([box[0].start + start, box[1].start, box[2].start])
            count = int(inside.sum())
            self.voxels[label] += count
            for axis in range(3):
                others = tuple(other for other in range(3) if other != axis)
                profile = inside.sum(axis=others)
                self.positions[label, axis] += profile @ np.arange(len(profile)) + count * offset[axis]
            self.intensity[label] += image[box][inside].sum(dtype=np.float64)
            self.first[label] = np.minimum(self.first[label], offset)
            self.last[label] = np.maximum(self.last[label], offset + inside.shape - 1)


def _region(label: Label, totals: _Totals, labels: Image) -> Region:
    count = int(totals.voxels[label.value])
    volume = count * labels.geometry.voxel_volume
    if not count:
        return Region(label.value, label.name, voxels=0, volume_mm3=0.0)
    first, last = totals.first[label.value], totals.last[label.value]
    centroid = labels.geometry.world(totals.positions[label.value] / count).tolist()
    places: dict[str, Any] = {f"centroid_{axis}_mm": at for axis, at in zip("xyz", centroid, strict=True)}
    for end, corner in (("first", first), ("last", last)):
        places |= {f"{end}_{axis}": int(at) for axis, at in zip("zyx", corner, strict=True)}
    return Region(
        label=label.value,
        name=label.name,
        voxels=count,
        volume_mm3=volume,
        touches_border=bool((first == 0).any() or (last == np.array(labels.shape) - 1).any()),
        mean_intensity=float(totals.intensity[label.value] / count),
        **places,
    )


def table(
    sample: str, model: str, regions: list[Region], overlaps: dict[int, tuple[int, float | None]]
) -> pa.Table:
    """Return the regions as a table with the columns of `SCHEMA`.

    Parameters
    ----------
    overlaps : dict
        Voxels of the reference and Dice for each label, empty without a reference.
    """
    rows = [
        asdict(region)
        | {"sample": sample, "model": model}
        | dict(zip(("reference_voxels", "dice"), overlaps.get(region.label, (None, None)), strict=True))
        for region in regions
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
