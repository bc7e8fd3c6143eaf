"""The lesions of a liver: size, diameters, place and brightness of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import ndimage

from medscience.geometry import Geometry
from medscience.image import Image
from medscience.measure.diameters import axial_axis, diameters, slice_tilt

SLAB = 64
"""Slices that are read at once."""
TO_LPS = (-1.0, -1.0, 1.0)
"""From RAS+ to DICOM's patient coordinates (PS3.3 C.7.6.2.1.1)."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """What is measured of a part of the tumour label; a row of the table."""

    lesion: int
    """From 1, the largest first."""
    voxels: int
    volume_mm3: float
    longest_mm: float
    """Longest axial diameter (RECIST 1.1)."""
    perpendicular_mm: float
    """The longest one across it on the same slice (WHO)."""
    slice_axis: str
    """The array axis across which the axial slices lie."""
    slice: int
    """The slice on which the diameters were taken, from 0 along that axis."""
    slice_tilt_deg: float
    """Angle between the slices and the patient's axial plane."""
    centroid_x_mm: float
    """World position, RAS+."""
    centroid_y_mm: float
    centroid_z_mm: float
    centroid_x_lps_mm: float
    """The same in DICOM's patient coordinates."""
    centroid_y_lps_mm: float
    centroid_z_lps_mm: float
    mean_hu: float
    touches_border: bool
    """Whether it reaches the image's outermost layer, and may go on outside."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Which lesion every voxel of a part of an image belongs to."""

    numbers: NDArray[np.int32]
    """From 1, the largest first; 0 belongs to none."""
    corner: tuple[int, int, int]
    """Index of the part's first voxel in the image."""
    geometry: Geometry
    """Of the part."""


LESION_COLUMNS: "list[pa.Field[Any]]" = [  # quoted: pyarrow knows its types only as text
    pa.field("sample", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    pa.field("side", pa.string(), nullable=False),
    pa.field("lesion", pa.int32(), nullable=False),
    pa.field("voxels", pa.int64(), nullable=False),
    pa.field("volume_mm3", pa.float64(), nullable=False),
    pa.field("longest_mm", pa.float64(), nullable=False),
    pa.field("perpendicular_mm", pa.float64(), nullable=False),
    pa.field("slice_axis", pa.string(), nullable=False),
    pa.field("slice", pa.int32(), nullable=False),
    pa.field("slice_tilt_deg", pa.float64(), nullable=False),
    *(pa.field(f"centroid_{axis}_mm", pa.float64(), nullable=False) for axis in "xyz"),
    *(pa.field(f"centroid_{axis}_lps_mm", pa.float64(), nullable=False) for axis in "xyz"),
    pa.field("mean_hu", pa.float64(), nullable=False),
    pa.field("touches_border", pa.bool_(), nullable=False),
    pa.field("best_iou", pa.float64()),
]

LESIONS = pa.schema(LESION_COLUMNS)
"""Columns of the table of lesions. `side` is ``found`` or ``reference``; `best_iou` the largest intersection
over union with a lesion of the other side, null without a reference."""


def number_lesions(tumour: NDArray[np.bool_], geometry: Geometry, corner: tuple[int, int, int]) -> Numbered:
    """Tell lesions apart: voxels that touch by faces are of one, as in LiTS.

    Parameters
    ----------
    tumour : ndarray of bool, shape (Z, Y, X)
        A part of the label, which lies whole in it.
    geometry : Geometry
        Of that part.
    corner : tuple of int
        Index of its first voxel in the image.

    Examples
    --------
    >>> row = np.array([[[True, False, True, True]]])
    >>> number_lesions(row, Geometry.own((1, 1, 4)), (0, 0, 0)).numbers.tolist()
    [[[2, 0, 1, 1]]]
    """
    parts, count = ndimage.label(tumour)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    ranks = np.zeros(count + 1, dtype=np.int32)
    ranks[1:][np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return Numbered(ranks[parts], corner, geometry)


def measure_lesions(lesions: Numbered, image: Image) -> list[Lesion]:
    """Return a row for every lesion, the largest first.

    Parameters
    ----------
    lesions : Numbered
        Which voxel belongs to which.
    image : Image
        What the labels were made from, in Hounsfield units, on the whole grid.
    """
    sides = lesions.numbers.shape
    parts = tuple(slice(c, c + n) for c, n in zip(lesions.corner, sides, strict=True))
    count = int(lesions.numbers.max(initial=0))
    sums = np.zeros(count + 1)
    for start in range(0, sides[0], SLAB):
        slab = slice(start, min(start + SLAB, sides[0]))
        there = slice(parts[0].start + slab.start, parts[0].start + slab.stop)
        values = image.read((there, *parts[1:])).astype(np.float64)
        sums += np.bincount(lesions.numbers[slab].ravel(), values.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(lesions.numbers)
    return [
        _lesion(number, box, lesions, float(sums[number]), image.shape) for number, box in enumerate(boxes, 1)
    ]


def _lesion(
    number: int, box: tuple[slice, ...], lesions: Numbered, total: float, whole: tuple[int, ...]
) -> Lesion:
    inside = lesions.numbers[box] == number
    first = np.array([part.start for part in box])
    grid = lesions.geometry.crop((first[0], first[1], first[2]), inside.shape)
    voxels = int(inside.sum())
    spans, axis = diameters(inside, grid), axial_axis(grid)
    start = first + lesions.corner
    centre = grid.world(np.argwhere(inside).mean(axis=0))
    places = {f"centroid_{a}_mm": float(c) for a, c in zip("xyz", centre, strict=True)}
    places |= {f"centroid_{a}_lps_mm": float(c) for a, c in zip("xyz", centre * TO_LPS, strict=True)}
    return Lesion(
        lesion=number,
        voxels=voxels,
        volume_mm3=voxels * grid.voxel_volume,
        longest_mm=spans.longest_mm,
        perpendicular_mm=spans.perpendicular_mm,
        slice_axis="zyx"[axis],
        slice=int(start[axis]) + spans.slice,
        slice_tilt_deg=slice_tilt(grid),
        mean_hu=total / voxels,
        touches_border=bool((start == 0).any() or (start + inside.shape == np.array(whole)).any()),
        **places,
    )
