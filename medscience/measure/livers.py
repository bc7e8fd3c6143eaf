"""A case: a liver and its lesions, and how they agree with a reference."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import ndimage

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.geometry import Geometry
from medscience.image import Image
from medscience.measure import lits
from medscience.measure.detection import Overlaps, overlaps
from medscience.measure.lesions import LESIONS, Lesion, measure_lesions, number_lesions
from medscience.measure.surfaces import surface_distances

SLAB = 64
"""Slices that are read at once."""
LIVER, TUMOUR = 1, 2
"""Classes of the voxels of a case; 0 is all else."""
HALF = 0.5
"""Least intersection over union of the stricter of the two detections."""

OBJECTS = {"liver": LIVER, "tumour": TUMOUR}
"""The liver together with its tumours, and these; by the lowest class that belongs to it."""
DISTANCES = ("assd_mm", "rmsd_mm", "hd95_mm", "msd_mm")
OF_OBJECTS = ("voe", "rvd", "assd_mm", "rmsd_mm", "msd_mm")
COUNTS = ("found_matched", "reference_matched", "found_matched_half", "reference_matched_half")
LITS = (
    *(f"lits_{name}_dice" for name in OBJECTS),
    *(f"lits_liver_{name}" for name in OF_OBJECTS),
    *(f"lits_lesions_{name}" for name in ("dice", *OF_OBJECTS)),
    "lits_tumour_burden_difference",
)
LITS_COUNTS = ("lits_detected", "lits_missed", "lits_false_positives", "lits_matches")

LIVER_COLUMNS: "list[pa.Field[Any]]" = [  # quoted: pyarrow knows its types only as text
    pa.field("sample", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    *(
        pa.field(f"{side}{column}", kind, nullable=bool(side) or column == "tumour_share")
        for side in ("", "reference_")
        for column, kind in (
            *((f"{name}_mm3", pa.float64()) for name in OBJECTS),
            *((f"{name}_voxels", pa.int64()) for name in OBJECTS),
            ("tumour_share", pa.float64()),
            ("lesions", pa.int32()),
        )
    ),
    *(pa.field(f"shared_{name}_voxels", pa.int64()) for name in OBJECTS),
    *(pa.field(f"{name}_dice", pa.float64()) for name in OBJECTS),
    *(pa.field(f"{name}_{number}", pa.float64()) for name in OBJECTS for number in DISTANCES),
    *(pa.field(name, pa.int32()) for name in COUNTS),
    *(pa.field(name, pa.float64()) for name in LITS),
    *(pa.field(name, pa.int32()) for name in LITS_COUNTS),
]

LIVERS = pa.schema(LIVER_COLUMNS)
"""Columns of the table with a row for each case; what needs a reference is null without one."""


@dataclass(frozen=True, slots=True)
class Case:
    """A liver and its lesions, cut out of the image."""

    classes: NDArray[np.uint8]
    """`LIVER`, `TUMOUR` or 0 for each voxel, shape (Z, Y, X)."""
    numbers: NDArray[np.int32]
    """The lesion that a voxel belongs to, or 0."""
    lesions: list[Lesion]
    geometry: Geometry


def liver_and_tumour(names: tuple[Label, ...]) -> tuple[int, int]:
    """Return the numbers of a model's labels that stand for liver and tumour, by their names.

    Raises
    ------
    MismatchError
        If it has no such labels.
    """
    numbers = {label.name: label.value for label in names}
    if not {"liver", "tumour"} <= set(numbers):
        raise MismatchError(
            "LESIONS-LABELS",
            field="labels",
            found=", ".join(numbers),
            expected="liver and tumour among them",
            fix="use labels of a model for livers",
        )
    return numbers["liver"], numbers["tumour"]


def measure_liver(
    labels: Image, image: Image, values: tuple[int, int], reference: Image | None = None
) -> tuple[Case, Case | None]:
    """Return what a case holds, and what a reference says it holds, cut out alike.

    Parameters
    ----------
    labels, image : Image
        Whole numbers and Hounsfield units on one grid, axes (z, y, x).
    values : tuple of int
        The numbers that stand for liver and for tumour, which is a part of the liver.
    reference : Image, optional
        Labels of the same numbers on the same grid.

    Raises
    ------
    MismatchError
        If the grids differ, or the reference has other numbers than these and 0.
    """
    _on_one_grid(labels, image, "LESIONS-GRID", "measure labels with the image that they were made from")
    if reference is not None:
        _on_one_grid(labels, reference, "REFERENCE-GRID", "bring the reference onto the image's grid")
        _check_known(reference, values)
    every = [_classes(side, values) for side in (labels, reference) if side is not None]
    box = _box(every)
    cases = [_case(classes[box], image, box) for classes in every]
    return cases[0], cases[1] if reference is not None else None


def liver_row(found: Case, reference: Case | None) -> dict[str, Any]:
    """Return the columns of `LIVERS` but the owner's; those without a value are left out."""
    row = _contents(found)
    if reference is None:
        return row
    row |= {f"reference_{name}": value for name, value in _contents(reference).items()}
    for name, lowest in OBJECTS.items():
        ours, theirs = found.classes >= lowest, reference.classes >= lowest
        row |= _agreement(name, ours, theirs, found.geometry)
    pair = overlaps(found.numbers, reference.numbers)
    return row | _matched(pair) | _as_in_lits(row, pair, found, reference)


def tables(owner: tuple[str, str], found: Case, reference: Case | None) -> tuple[pa.Table, pa.Table]:
    """Return the lesions of a case as a table of `LESIONS`, and the case as one of `LIVERS`.

    Parameters
    ----------
    owner : tuple of str
        Sample and model.
    """
    named = {"sample": owner[0], "model": owner[1]}
    best: tuple[list[Any], list[Any]] = ([None] * len(found.lesions), [])
    if reference is not None:
        pair = overlaps(found.numbers, reference.numbers)
        best = pair.best_of_found, pair.best_of_reference
    sides = (("found", found.lesions), ("reference", reference.lesions if reference else []))
    rows = [
        named | {"side": side, "best_iou": iou} | asdict(lesion)
        for (side, lesions), mine in zip(sides, best, strict=True)
        for lesion, iou in zip(lesions, mine, strict=True)
    ]
    case = named | liver_row(found, reference)
    return pa.Table.from_pylist(rows, schema=LESIONS), pa.Table.from_pylist([case], schema=LIVERS)


def _on_one_grid(labels: Image, other: Image, code: str, fix: str) -> None:
    if not labels.geometry.close_to(other.geometry):
        raise MismatchError(
            code,
            field="grid",
            found=f"{other.shape} {other.geometry.orientation}",
            expected=f"the labels' {labels.shape} {labels.geometry.orientation}, corners within 0.001 mm",
            fix=fix,
        )


def _check_known(reference: Image, values: tuple[int, int]) -> None:
    """Refuse numbers that may mean that all numbers stand for other things."""
    strange: set[int] = set()
    for slab in reference.slabs(SLAB):
        strange.update(np.unique(slab).tolist())
    strange -= {0, *values}
    if strange:
        raise MismatchError(
            "REFERENCE-LABELS",
            field="labels",
            found=", ".join(map(str, sorted(strange)[:5])) + (", ..." if len(strange) > 5 else ""),
            expected=f"0, liver {values[0]} and tumour {values[1]}",
            fix="give the reference the model's numbers, and 0 to what the model does not know",
        )


def _classes(labels: Image, values: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the class of every voxel of an image."""
    classes = np.zeros(labels.shape, dtype=np.uint8)
    for place, slab in enumerate(labels.slabs(SLAB)):
        part = classes[place * SLAB : (place + 1) * SLAB]
        for value, name in zip(values, (LIVER, TUMOUR), strict=True):
            part[slab == value] = name
    return classes


def _box(every: list[NDArray[np.uint8]]) -> tuple[slice, ...]:
    """Return where any of them has a liver; where none has, the first voxel."""
    found = [ndimage.find_objects((classes > 0).astype(np.int8)) for classes in every]
    boxes = [box[0] for box in found if box]
    if not boxes:
        return (slice(0, 1),) * 3
    return lits.around(boxes)


def _case(classes: NDArray[np.uint8], image: Image, box: tuple[slice, ...]) -> Case:
    corner = (box[0].start, box[1].start, box[2].start)
    grid = image.geometry.crop(corner, classes.shape)
    numbered = number_lesions(classes == TUMOUR, grid, corner)
    return Case(classes, numbered.numbers, measure_lesions(numbered, image), grid)


def _contents(case: Case) -> dict[str, Any]:
    voxels = {name: int((case.classes >= lowest).sum()) for name, lowest in OBJECTS.items()}
    return {
        **{f"{name}_voxels": count for name, count in voxels.items()},
        **{f"{name}_mm3": count * case.geometry.voxel_volume for name, count in voxels.items()},
        "tumour_share": voxels["tumour"] / voxels["liver"] if voxels["liver"] else None,
        "lesions": len(case.lesions),
    }


def _agreement(
    name: str, ours: NDArray[np.bool_], theirs: NDArray[np.bool_], geometry: Geometry
) -> dict[str, Any]:
    """Dice and surface distances of an object; no Dice where the reference has none of it."""
    shared, size = int((ours & theirs).sum()), int(theirs.sum())
    apart = surface_distances(ours, theirs, geometry)
    return {
        f"shared_{name}_voxels": shared,
        f"{name}_dice": 2 * shared / (int(ours.sum()) + size) if size else None,
    } | ({f"{name}_{number}": getattr(apart, number) for number in DISTANCES} if apart else {})


def _matched(pair: Overlaps) -> dict[str, int]:
    """Count lesions that overlap one of the other side, at all and by half."""
    sides = {"found_matched": pair.best_of_found, "reference_matched": pair.best_of_reference}
    return {name: sum(iou > 0 for iou in best) for name, best in sides.items()} | {
        f"{name}_half": sum(iou >= HALF for iou in best) for name, best in sides.items()
    }


def _as_in_lits(row: dict[str, Any], pair: Overlaps, found: Case, reference: Case) -> dict[str, Any]:
    """Return the columns that begin with ``lits``."""
    detection = lits.detect(pair)
    agreed = list(lits.segmentations(found.numbers, reference.numbers, detection.matches, found.geometry))
    liver = lits.segmentation(found.classes > 0, reference.classes > 0, found.geometry)
    shares = (row["reference_tumour_share"], row["tumour_share"])
    return {
        **{
            f"lits_{name}_dice": lits.dice(
                row[f"{name}_voxels"], row[f"reference_{name}_voxels"], row[f"shared_{name}_voxels"]
            )
            for name in OBJECTS
        },
        **({f"lits_liver_{name}": getattr(liver, name) for name in OF_OBJECTS} if liver else {}),
        **{
            f"lits_lesions_{name}": float(np.mean([getattr(one, name) for one in agreed]))
            for name in ("dice", *OF_OBJECTS)
            if agreed
        },
        "lits_tumour_burden_difference": None if None in shares else shares[0] - shares[1],
        "lits_detected": detection.detected,
        "lits_missed": detection.missed,
        "lits_false_positives": detection.false_positives,
        "lits_matches": len(agreed),
    }
