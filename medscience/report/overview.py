"""The table at the top: a row for each sample and model, whether it is done or failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from medscience.measure.quality import Flag
from medscience.report.collect import CohortReport
from medscience.report.failures import Failure
from medscience.report.results import Result
from medscience.report.strikes import StrikeResult

COLUMNS = 4
"""Labels whose volumes stand in the table; all of them stand with each result."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    sample: str
    model: str | None
    """None for a sample that failed before any model ran."""
    result: Result | StrikeResult | None
    failure: Failure | None
    volumes_mm3: tuple[float | None, ...]
    """Of the main labels; None where the model has no label of this name."""

    @property
    def mean_dice(self) -> float | None:
        """Mean agreement with a reference; None without one."""
        return self.result.mean_dice if isinstance(self.result, Result) else None

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why a person should look at it."""
        return self.result.flags if self.result else ()


def main_labels(results: Sequence[Result]) -> tuple[str, ...]:
    """Return the names of the labels that most results have, of these the largest first."""
    volumes: dict[str, list[float]] = {}
    for result in results:
        for name, volume in _volumes(result).items():
            volumes.setdefault(name, []).append(volume)
    order = sorted(volumes, key=lambda name: (-len(volumes[name]), -fmean(volumes[name])))
    return tuple(order[:COLUMNS])


def rows(report: CohortReport) -> Iterator[Row]:
    """Yield a row for every failure, then for every result."""
    names = main_labels(report.results)
    for failure in report.failures:
        yield Row(failure.sample, failure.model, None, failure, (None,) * len(names))
    for result in report.results:
        mine = _volumes(result)
        yield Row(result.sample.name, result.model, result, None, tuple(mine.get(name) for name in names))
    for strike in report.strikes:
        yield Row(strike.sample.name, strike.model, strike, None, (None,) * len(names))


def _volumes(result: Result) -> dict[str, float]:
    """Return the volume by name; labels of one name count as one."""
    volumes: dict[str, float] = {}
    for region in (measurement.region for measurement in result.measurements):
        volumes[region.name] = volumes.get(region.name, 0.0) + region.volume_mm3
    return volumes
