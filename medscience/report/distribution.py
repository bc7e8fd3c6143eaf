"""How one label's volumes lie in a cohort, and where one sample's volume lies among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from medscience.report.results import Measurement, Result

ENOUGH = 20
"""Samples from which on a place in the cohort is stated as a number; with fewer the dots must do."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The volumes of one label in all samples of a group, in mm3."""

    values: tuple[float, ...]
    """In the order of the group's results."""

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest volume."""
        return min(self.values), max(self.values)

    def z_score(self, value: float) -> float | None:
        """Return how many standard deviations a volume lies above the mean.

        None where there are too few samples to say, or all are alike.

        >>> round(Distribution(tuple(float(n) for n in range(20))).z_score(19.0), 2)
        1.61
        """
        if len(self.values) < ENOUGH:
            return None
        deviation = float(np.std(self.values, ddof=1))
        return (value - fmean(self.values)) / deviation if deviation else None

    def percentile(self, value: float) -> float | None:
        """Return how many percent of the samples have less, counting half of those with the same.

        None where there are too few samples to say.

        >>> Distribution(tuple(float(n) for n in range(20))).percentile(0.0)
        2.5
        """
        if len(self.values) < ENOUGH:
            return None
        less = sum(other < value for other in self.values)
        same = sum(other == value for other in self.values)
        return 100 * (less + same / 2) / len(self.values)


Legend = tuple[tuple[int, str, tuple[int, int, int]], ...]
"""Number, name and colour of each label of a result."""


@dataclass(frozen=True, slots=True)
class Group:
    """Results that can be compared: of one model, with the same labels."""

    model: str
    legend: Legend
    results: tuple[Result, ...]

    @property
    def distributions(self) -> tuple[Distribution, ...]:
        """One for each label, in the legend's order."""
        volumes = zip(*(_volumes(result) for result in self.results), strict=True)
        return tuple(Distribution(values) for values in volumes)

    @property
    def largest(self) -> tuple[int, ...]:
        """The places in the legend, the label with the largest mean volume first."""
        means = [fmean(distribution.values) for distribution in self.distributions]
        return tuple(sorted(range(len(means)), key=lambda place: -means[place]))


def groups(results: Sequence[Result]) -> Iterator[Group]:
    """Yield the groups of results; a model whose labels were renamed meanwhile has more than one."""
    found: dict[tuple[str, Legend], list[Result]] = {}
    for result in results:
        found.setdefault((result.model, legend(result)), []).append(result)
    for (model, labels), mine in found.items():
        yield Group(model, labels, tuple(mine))


def legend(result: Result) -> Legend:
    """Return the labels that were measured in a result."""
    return tuple(_entry(measurement) for measurement in result.measurements)


def _entry(measurement: Measurement) -> tuple[int, str, tuple[int, int, int]]:
    return measurement.region.label, measurement.region.name, measurement.color


def _volumes(result: Result) -> tuple[float, ...]:
    return tuple(measurement.region.volume_mm3 for measurement in result.measurements)
