"""Connected parts of a label: merged, removed and split where the cursor is, without reading the rest."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from medscience.errors import InputError

REACH = 32
"""Voxels to every side of the cursor, and beyond each side of a box that a part leaves, that are read."""

THINNER = 40
"""Steps in which a part is made thinner until it falls apart."""

Place = tuple[int, ...]
"""Index along all axes of the array; what is before z, y, x chooses the volume."""
Box = tuple[slice, ...]
Mask = NDArray[np.bool_]


class Labels(Protocol):
    """Labels (…, Z, Y, X) that can be read and changed by region."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        ...

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as NumPy's
        """Return a copy of a region."""
        ...

    def __setitem__(self, key: Any, values: object) -> None:  # noqa: ANN401 - as NumPy's
        """Change a region."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a volume: a box along (z, y, x), and what belongs to it there."""

    box: Box
    mask: Mask

    def put(self, labels: Labels, lead: Place, value: int) -> int:
        """Give its voxels a label; return how many these are."""
        values = np.asarray(labels[(*lead, *self.box)])
        values[self.mask] = value
        labels[(*lead, *self.box)] = values
        return int(self.mask.sum())


def part_at(labels: Labels, place: Place) -> Part:
    """Return the voxels of one label that touch each other by faces, from a place on.

    The box that is read grows only where the part leaves it.

    Raises
    ------
    InputError
        If the place is background: that part has no end.
    """
    lead, seed, sides = place[:-3], np.array(place[-3:]), np.array(labels.shape[-3:])
    value = int(np.asarray(labels[place]))
    if value == 0:
        raise InputError(
            "EDIT-BACKGROUND",
            field="label",
            found="background",
            expected="a part of a label under the cursor",
            fix="point at one",
        )
    low, high = np.maximum(seed - REACH, 0), np.minimum(seed + REACH + 1, sides)
    while True:
        box = _box(low, high)
        found, _ = ndimage.label(np.asarray(labels[(*lead, *box)]) == value)
        mask = found == found[tuple(seed - low)]
        first = [bool(mask.take(0, axis).any()) for axis in range(3)]
        last = [bool(mask.take(-1, axis).any()) for axis in range(3)]
        wider = np.where(first, np.maximum(low - 2 * REACH, 0), low)
        further = np.where(last, np.minimum(high + 2 * REACH, sides), high)
        if (wider == low).all() and (further == high).all():
            return _tight(low, mask)
        low, high = wider, further


def merge(labels: Labels, place: Place, value: int) -> int:
    """Give the part at a place another label, background included; return the number of its voxels."""
    return part_at(labels, place).put(labels, place[:-3], value)


def remove_islands(labels: Labels, place: Place, value: int, smaller: int, reach: Place) -> int:
    """Remove small parts of a label from a box around a place; return the number of voxels removed.

    Parameters
    ----------
    labels : Labels
        What is changed.
    place : tuple of int
        The middle of the box.
    value : int
        The label.
    smaller : int
        Parts with fewer voxels than this are removed; those that leave the box are left.
    reach : tuple of int
        Voxels from the middle to the box's sides along (z, y, x).
    """
    lead, seed, sides = place[:-3], np.array(place[-3:]), np.array(labels.shape[-3:])
    low, high = np.maximum(seed - reach, 0), np.minimum(seed + reach + 1, sides)
    box = _box(low, high)
    found, count = ndimage.label(np.asarray(labels[(*lead, *box)]) == value)
    is_island = np.bincount(found.ravel(), minlength=count + 1) < smaller
    is_island[0] = False
    for axis in range(3):
        if low[axis] > 0:
            is_island[found.take(0, axis)] = False
        if high[axis] < sides[axis]:
            is_island[found.take(-1, axis)] = False
    islands = is_island[found]
    if not islands.any():
        return 0
    return Part(box, islands).put(labels, lead, 0)


def split(labels: Labels, place: Place, value: int, spacing: tuple[float, ...]) -> int:
    """Cut the part at a place at its narrowest neck; the piece at the place gets another label.

    The part is made thinner until it falls apart; from the pieces it is grown again, and where they meet is
    the cut.

    Parameters
    ----------
    labels : Labels
        What is changed.
    place : tuple of int
        In the piece that gets the label.
    value : int
        The label.
    spacing : tuple of float
        Of the voxels along (z, y, x), in millimetres.

    Returns
    -------
    int
        Number of voxels of the piece.

    Raises
    ------
    InputError
        If nothing is narrow about it.
    """
    part = part_at(labels, place)
    inside = np.pad(part.mask, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    for least in np.linspace(0, depth.max(), THINNER + 1)[1:-1]:
        cores, count = ndimage.label(depth > least)
        if count > 1:
            pieces = watershed(-depth, cores, mask=inside)[1:-1, 1:-1, 1:-1]
            piece = pieces[tuple(n - s.start for n, s in zip(place[-3:], part.box, strict=True))]
            return Part(part.box, pieces == piece).put(labels, place[:-3], value)
    raise InputError(
        "EDIT-NO-NECK",
        field="part",
        found="one that stays whole however thin it is made",
        expected="two pieces with a narrow neck",
        fix="paint a gap between them first",
    )


def _box(low: NDArray[np.int_], high: NDArray[np.int_]) -> Box:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _tight(low: NDArray[np.int_], mask: Mask) -> Part:
    (inner,) = ndimage.find_objects(mask.astype(np.uint8))
    box = tuple(slice(int(a) + s.start, int(a) + s.stop) for a, s in zip(low, inner, strict=True))
    return Part(box, mask[inner])
