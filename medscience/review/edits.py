"""What a person changed, in numbers."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from medscience.description import Label
from medscience.image import Image
from medscience.measure.agreement import agreement

NO_SUCH = -1
"""A number that no label has: every voxel counts."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Labels before and after."""

    changed_voxels: int
    before_voxels: dict[str, int]
    """By the label's number, as text."""
    after_voxels: dict[str, int]
    dice: dict[str, float | None]
    """Of before and after, likewise; None where a label is in neither."""

    @property
    def mean_dice(self) -> float | None:
        """Of the labels that are in one of the two."""
        known = [value for value in self.dice.values() if value is not None]
        return float(np.mean(known)) if known else None

    def to_json(self) -> str:
        """Return it as text that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Edits":
        """Return what `to_json` wrote."""
        return cls(**json.loads(text))


def edits_of(before: Image, after: Image, labels: tuple[Label, ...]) -> Edits:
    """Compare labels with what a person made of them.

    Parameters
    ----------
    before, after : Image
        On one grid, axes (z, y, x).
    labels : tuple of Label
        All that occur; the background is left out of the answer.
    """
    found = agreement(before, after, max(label.value for label in labels) + 1, NO_SUCH)
    counts = found.confusion
    named = [label for label in labels if label.value]
    return Edits(
        int(counts.sum() - np.trace(counts)),
        {str(label.value): int(counts[:, label.value].sum()) for label in named},
        {str(label.value): int(counts[label.value].sum()) for label in named},
        {str(label.value): found.dice(label.value) for label in named},
    )
