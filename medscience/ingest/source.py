"""What every reader gives: a volume that waits to be read once, front to back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.image import Meaning


@dataclass(frozen=True, slots=True)
class Repair:
    """Something in a source that was put right, or that a reader of the results should know."""

    code: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Source:
    """A volume in someone's file, with the meaning that its header gives it.

    Nothing is flipped or resampled: index (i, j, k) of the source is index [k, j, i] here.
    """

    meaning: Meaning
    dtype: np.dtype[Any]
    """Type of the numbers that `slabs` yields."""
    sha256: str
    """Digest of the source's bytes."""
    facts: dict[str, Any]
    """What an exporter needs to write the source's own form; no names, no dates."""
    slabs: Callable[[int], Iterator[NDArray[Any]]]
    """Called with a number of slices, yields that many (Z, Y, X) at a time, the last time perhaps fewer.

    It raises `InputError` where the voxels are not what the header promised, at the latest at the end.
    """
    repairs: list[Repair] = field(default_factory=list)
    """Grows while slabs are read."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (z, y, x)."""
        return self.meaning.geometry.shape
