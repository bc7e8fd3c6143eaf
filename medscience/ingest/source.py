"""What every reader gives: volumes or frames that wait to be read once, front to back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
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
    """A volume, or a series of them in time, in someone's file, with the meaning that its header gives it.

    Nothing is flipped or resampled: index (i, j, k) of the source is index [k, j, i] here. A frame of a video
    is a volume of one slice.
    """

    meaning: Meaning
    dtype: np.dtype[Any]
    """Type of the numbers that `slabs` yields."""
    sha256: str
    """Digest of the source's bytes."""
    facts: dict[str, Any]
    """What an exporter needs to write the source's own form; no names, no dates."""
    slabs: Callable[[int], Iterator[NDArray[Any]]]
    """Called with a number of slices, yields that many (Z, Y, X) at a time, volume after volume; fewer at the
    end of a volume, so that no slab holds parts of two, unless a volume is one slice: then at the very end.

    It raises `InputError` where the voxels are not what the header promised, at the latest at the end.
    """
    repairs: list[Repair] = field(default_factory=list)
    """Grows while slabs are read."""
    times: int = 1
    """Number of volumes or frames, where there is an axis t."""
    beside: dict[str, str] = field(default_factory=dict)
    """Digests of other files that the acquisition file names, by their role."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        spatial = self.meaning.geometry.shape
        return (self.times, *spatial) if "t" in self.meaning.axes else spatial


def unused(acquisition: Path | None, source: str) -> InputError:
    """Return the error for an acquisition file that has nothing to say of a source."""
    return InputError(
        "ACQUISITION-UNUSED",
        file=acquisition,
        field="acquisition",
        found=f"a file that nothing of {source} depends on",
        expected="none",
        fix="leave it out: what it says would be believed and used nowhere",
    )
