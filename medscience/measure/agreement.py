"""Agreement of found labels with true ones in those voxels that someone looked at."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.image import Image

SLAB = 64


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often each true label was found as each: a row for each truth, a column for what was found."""

    confusion: NDArray[np.int64]

    def dice(self, label: int) -> float | None:
        """Return 2 |A and B| / (|A| + |B|) of a label; None where it is in neither."""
        both = self.confusion[label, label]
        total = self.confusion[label].sum() + self.confusion[:, label].sum()
        return float(2 * both / total) if total else None

    def mcc(self, label: int) -> float:
        """Return Matthews' correlation of a label against all others.

        Matthews 1975, doi:10.1016/0005-2795(75)90109-9. It is 0 where the label is nowhere, or everywhere,
        in one of the two.
        """
        hit = int(self.confusion[label, label])
        missed = int(self.confusion[label].sum()) - hit
        wrong = int(self.confusion[:, label].sum()) - hit
        rest = int(self.confusion.sum()) - hit - missed - wrong
        product = (hit + wrong) * (hit + missed) * (rest + wrong) * (rest + missed)
        return (hit * rest - wrong * missed) / math.sqrt(product) if product else 0.0

    def volume_difference(self, label: int) -> float | None:
        """Return |found - true| / true of a label's voxels; None where it is not in the truth."""
        true, found = int(self.confusion[label].sum()), int(self.confusion[:, label].sum())
        return abs(found - true) / true if true else None


METRICS: dict[str, Callable[[Agreement, int], float | None]] = {
    "dice": Agreement.dice,
    "mcc": Agreement.mcc,
    "volume_difference": Agreement.volume_difference,
}
"""Of one label, by name."""


def agreement(found: Image, truth: Image, classes: int, unseen: int) -> Agreement:
    """Count, slab by slab, which labels were found where.

    Parameters
    ----------
    found, truth : Image
        Whole numbers from 0 to `classes` - 1 on the same grid.
    unseen : int
        Value of the truth where nobody looked; these voxels do not count.
    """
    confusion = np.zeros((classes, classes), dtype=np.int64)
    for start in range(0, truth.shape[0], SLAB):
        region = (slice(start, start + SLAB), slice(None), slice(None))
        true, mine = truth.read(region), found.read(region)
        looked = true != unseen
        pairs = true[looked].astype(np.int64) * classes + mine[looked].astype(np.int64)
        confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return Agreement(confusion)


def summary(seen: Agreement, metric: str) -> float | None:
    """Return a metric of a sample as one number: the mean of its labels, without the background.

    ``dice_with_background`` counts the background as a label too. For two classes it is what some papers call
    Dice; it is far above the lesion's own.
    """
    first = 0 if metric == "dice_with_background" else 1
    name = "dice" if first == 0 else metric
    values = [METRICS[name](seen, label) for label in range(first, len(seen.confusion))]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
