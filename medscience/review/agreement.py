"""How far two readers agree: on voxels and on verdicts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.description import Label
from medscience.image import Image
from medscience.measure.agreement import Agreement
from medscience.review.corrections import open_correction
from medscience.review.entry import Entry
from medscience.review.standing import Standing
from medscience.review.unseen import unseen_value
from medscience.store.images import StoredImage


@dataclass(frozen=True, slots=True)
class ReaderAgreement:
    """Two readers' labels of one sample, in those voxels that both looked at."""

    dice: dict[str, float | None]
    """2 |A and B| / (|A| + |B|) by the label's name; None where neither has it."""
    kappa: float | None
    """Over all labels and the background."""


def cohens_kappa(counts: NDArray[np.integer]) -> float | None:
    """Return how much more two readers agree than chance would have them.

    (p - e) / (1 - e), where p is the part on which they agree, and e the part on which they would if each
    gave their answers at random, as often as they did (Cohen 1960, doi:10.1177/001316446002000104).

    Parameters
    ----------
    counts : ndarray of int, shape (answers, answers)
        How often the first gave the answer of the row, and the second that of the column.

    Returns
    -------
    float or None
        None where both gave one answer only: then nothing can be said.

    Examples
    --------
    >>> round(cohens_kappa(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    total = counts.sum()
    if not total:
        return None
    agreed = np.trace(counts) / total
    chance = float((counts.sum(axis=0) / total) @ (counts.sum(axis=1) / total))
    return None if chance == 1 else float((agreed - chance) / (1 - chance))


def readers_agreement(first: Image, second: Image, labels: tuple[Label, ...]) -> ReaderAgreement:
    """Compare two readers' labels.

    Parameters
    ----------
    first, second : Image
        On one grid, axes (z, y, x); the largest value of each one's type is not looked at.
    labels : tuple of Label
        All that occur.
    """
    size = max(label.value for label in labels) + 1
    hidden = [unseen_value(image.data.dtype) for image in (first, second)]
    seen = np.zeros((size, size), dtype=np.int64)
    for a, b in zip(first.slabs(), second.slabs(), strict=True):
        looked = (a != hidden[0]) & (b != hidden[1])
        pairs = a[looked].astype(np.int64) * size + b[looked]
        seen += np.bincount(pairs, minlength=size**2).reshape(size, size)
    named = [label for label in labels if label.value]
    return ReaderAgreement(
        {label.name: Agreement(seen).dice(label.value) for label in named}, cohens_kappa(seen)
    )


def pairs_of_readers(case: Standing) -> Iterator[tuple[Entry, Entry]]:
    """Yield two people's newest verdicts that left labels, where at least one of them was blind."""
    left = [e for e in case.last_of_each if e.verdict.decision in ("accept", "accept-with-edits")]
    for first, second in combinations(left, 2):
        apart = first.verdict.reviewer != second.verdict.reviewer
        if apart and (first.verdict.blind or second.verdict.blind):
            yield first, second


def labels_of(entry: Entry, folder: Path, labels: StoredImage) -> Image:
    """Return the labels that a verdict leaves.

    Parameters
    ----------
    folder : Path
        The folder of corrections.
    labels : StoredImage
        The model's.
    """
    correction = entry.verdict.correction
    return open_correction(folder, correction).image if correction else labels.image


def decisions_kappa(cases: Iterable[Standing], first: str, second: str) -> tuple[int, float | None]:
    """Return how many samples two people judged, and Cohen's kappa of taking them as they are, edited or not.

    Parameters
    ----------
    first, second : str
        The reviewers.
    """
    answers = ("accept", "accept-with-edits", "reject")
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        said = {e.verdict.reviewer: e.verdict.decision for e in case.last_of_each}
        if said.get(first) in answers and said.get(second) in answers:
            counts[said[first], said[second]] += 1
    table = np.array([[counts[a, b] for b in answers] for a in answers])
    return int(table.sum()), cohens_kappa(table)
