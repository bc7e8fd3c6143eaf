"""How sure a mean over samples is, and whether two models differ on the same samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its bootstrap interval."""

    mean: float
    low: float
    high: float
    samples: int

    def __str__(self) -> str:
        if self.samples == 1:
            return f"{self.mean:.3f} (one sample)"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Paired:
    """How two models differ on the same samples: second minus first."""

    difference: Interval
    p: float
    """Of Wilcoxon's signed-rank test, two-sided; 1 where nothing differs."""


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """Return the mean of values and its 95 % percentile interval, over 2000 draws with replacement.

    Efron 1979, doi:10.1214/aos/1176344552. Samples are drawn, not voxels, as those of a scan are alike.

    >>> print(bootstrap([0.5, 0.5]), bootstrap([0.25]))
    0.500 (0.500 to 0.500) 0.250 (one sample)
    """
    found = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(found), size=(RESAMPLES, len(found)))
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found[drawn].mean(axis=1), [outside, 1 - outside]).tolist()
    return Interval(float(found.mean()), low, high, len(found))


def paired(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Paired:
    """Return how values of the same samples, in the same order, differ.

    Raises
    ------
    ValueError
        If they are not as many.
    """
    difference = _difference(first, second)
    p = float(wilcoxon(difference).pvalue) if difference.any() else 1.0
    return Paired(bootstrap(difference.tolist(), seed), p)


def _difference(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values are not of the same samples")
    return np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that allow for how many there are (Holm 1979, Scandinavian Journal of Statistics 6(2)).

    >>> holm([0.01, 0.04, 0.5])
    [0.03, 0.08, 0.5]
    """
    order = np.argsort(p_values)
    adjusted, least = [0.0] * len(p_values), 0.0
    for done, place in enumerate(order.tolist()):
        least = max(least, min(1.0, (len(p_values) - done) * p_values[place]))
        adjusted[place] = least
    return adjusted
