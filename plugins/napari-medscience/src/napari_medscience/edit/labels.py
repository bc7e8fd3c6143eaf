"""The array that napari paints on: labels turned to its axes, nothing of them loaded in advance."""

import operator
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from medscience.geometry import Reorientation
from napari_medscience.edit.chunks import LabelChunks

Index = int | slice | EllipsisType | NDArray[Any]


class EditableLabels:
    """What a labels layer needs of an array, over labels in their stored axis order.

    It takes whole numbers, slices and arrays of indices, and gives copies: what is changed on them has no
    effect until it is put back.

    Parameters
    ----------
    chunks : LabelChunks
        The labels (…, Z, Y, X) as they are stored.
    turn : Reorientation
        Turns the stored axes to napari's.
    """

    def __init__(self, chunks: LabelChunks, turn: Reorientation) -> None:
        self.chunks = chunks
        self.turn = turn

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along napari's axes."""
        *lead, z, y, x = self.chunks.shape
        sides = (z, y, x)
        return (*lead, *(sides[old] for old in self.turn.order))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.chunks.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.chunks.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Index | tuple[Index, ...]) -> "NDArray[Any] | Plane":
        """Return a copy of a region, or the voxels at arrays of indices; a single index reads nothing yet."""
        if isinstance(key, int):
            return Plane(self, key)
        whole = self._whole(key)
        if any(isinstance(part, np.ndarray) for part in whole):
            box, places = self._around(whole)
            return np.asarray(self._read(box)[places])
        box, then = self._box(whole)
        return np.asarray(self._read(box)[then])

    def __setitem__(self, key: Index | tuple[Index, ...], values: object) -> None:
        """Change a region, or the voxels at arrays of indices."""
        whole = self._whole(key)
        arrays = any(isinstance(part, np.ndarray) for part in whole)
        box, then = self._around(whole) if arrays else self._box(whole)
        changed = self._read(box)
        changed[then] = values
        self.chunks[self._stored(box)] = self.turn.inverse.apply(changed)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's
        """Read everything: only for the 3D view and small labels."""
        return np.asarray(self[(...,)], dtype)

    def undo(self) -> bool:
        """Take back the last step; False if there is none."""
        return self.chunks.undo()

    def redo(self) -> bool:
        """Do again what was undone last; False if there is nothing."""
        return self.chunks.redo()

    def _read(self, box: tuple[slice, ...]) -> NDArray[Any]:
        return np.ascontiguousarray(self.turn.apply(self.chunks[self._stored(box)]))

    def _stored(self, box: tuple[slice, ...]) -> tuple[slice, ...]:
        """Return the region of the stored array that a box of this one shows."""
        lead, spatial = box[:-3], box[-3:]
        source = [slice(None)] * 3
        for new, (old, flip) in enumerate(zip(self.turn.order, self.turn.flips, strict=True)):
            start, stop, n = spatial[new].start, spatial[new].stop, self.shape[len(lead) + new]
            source[old] = slice(n - stop, n - start) if flip else slice(start, stop)
        return (*lead, *source)

    def _whole(self, key: Index | tuple[Index, ...]) -> tuple[Index, ...]:
        """Return a key with one part for each axis."""
        parts = key if isinstance(key, tuple) else (key,)
        parts = tuple(np.asarray(part) if isinstance(part, list) else part for part in parts)
        rest = self.ndim - sum(part is not Ellipsis for part in parts)
        if rest < 0:
            raise IndexError(f"{len(parts)} indices for an array of {self.ndim} axes")
        if not any(part is Ellipsis for part in parts):
            parts = (*parts, Ellipsis)
        at = next(n for n, part in enumerate(parts) if part is Ellipsis)
        return (*parts[:at], *(slice(None),) * rest, *parts[at + 1 :])

    def _box(self, whole: tuple[Index, ...]) -> tuple[tuple[slice, ...], tuple[int | slice, ...]]:
        """Return the box that a key of numbers and slices lies in, and what is taken of it."""
        box: list[slice] = []
        then: list[int | slice] = []
        for part, n in zip(whole, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, step = part.indices(n)
                if step < 1:
                    raise IndexError("labels are read forwards")
                box.append(slice(start, max(start, stop)))
                then.append(slice(None, None, step))
                continue
            place = operator.index(part)  # type: ignore[arg-type]
            if not -n <= place < n:
                raise IndexError(f"index {place} of an axis with {n} voxels")
            box.append(slice(place % n, place % n + 1))
            then.append(0)
        return tuple(box), tuple(then)

    def _around(self, whole: tuple[Index, ...]) -> tuple[tuple[slice, ...], tuple[Any, ...]]:
        """Return the box around arrays of indices, and these from its corner."""
        arrays = []
        for part, n in zip(whole, self.shape, strict=True):
            if isinstance(part, slice):
                raise IndexError("arrays of indices and slices are not mixed")
            places = np.asarray(part)
            if places.size and not (-n <= places.min() and places.max() < n):
                raise IndexError(f"an index beyond an axis with {n} voxels")
            arrays.append(places % n)
        if not all(places.size for places in arrays):
            return (slice(0, 0),) * self.ndim, tuple(np.zeros(0, int) for _ in arrays)
        box = tuple(slice(int(places.min()), int(places.max()) + 1) for places in arrays)
        return box, tuple(places - part.start for places, part in zip(arrays, box, strict=True))


@dataclass(frozen=True, slots=True)
class Plane:
    """What lies at an index of the first axis: napari takes one for every dab, and looks at its type only."""

    labels: EditableLabels
    index: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.labels.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the other axes."""
        return self.labels.shape[1:]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's
        """Read it."""
        return np.asarray(self.labels[self.index, ...], dtype)
