"""The table at the top: a row for each sample and model, whether it is done, rejected or failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from medscience.measure.quality import Flag
from medscience.report.breaths import BreathResult
from medscience.report.collect import CohortReport
from medscience.report.failures import Failure
from medscience.report.results import Result
from medscience.report.strikes import StrikeResult
from medscience.review.standing import Standing

COLUMNS = 4
"""Labels whose volumes stand in the table; all of them stand with each result."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    sample: str
    model: str | None
    """None for a sample that failed before any model ran."""
    standing: Standing | None
    """What people said of it; None if nobody did."""
    result: Result | StrikeResult | BreathResult | None
    failure: Failure | None
    volumes_mm3: tuple[float | None, ...]
    """Of the main labels; None where the model has no label of this name."""

    @property
    def mean_dice(self) -> float | None:
        """Mean agreement with a reference; None without one."""
        return self.result.mean_dice if isinstance(self.result, Result) else None

    @property
    def corrected(self) -> bool:
        """Whether a person's labels stand in place of the network's."""
        return isinstance(self.result, Result) and self.result.edits is not None

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
    """Yield a row for every failure, then for every result that was rejected, then for every other."""
    names = main_labels(report.results)
    empty = (None,) * len(names)
    said = {(case.model, case.sample): case.standing for case in report.reviewed}
    for failure in report.failures:
        case = said.get((failure.model or "", failure.sample))
        yield Row(failure.sample, failure.model, case, None, failure, empty)
    for (model, sample), case in said.items():
        if case.decision == "reject":
            yield Row(sample, model, case, None, None, empty)
    for result in report.results:
        mine, sample = _volumes(result), result.sample.name
        volumes = tuple(mine.get(name) for name in names)
        yield Row(sample, result.model, said.get((result.model, sample)), result, None, volumes)
    others: tuple[StrikeResult | BreathResult, ...] = (*report.strikes, *report.breaths)
    for other in others:
        case = said.get((other.model, other.sample.name))
        yield Row(other.sample.name, other.model, case, other, None, empty)


def _volumes(result: Result) -> dict[str, float]:
    """Return the volume by name; labels of one name count as one."""
    volumes: dict[str, float] = {}
    for region in (measurement.region for measurement in result.measurements):
        volumes[region.name] = volumes.get(region.name, 0.0) + region.volume_mm3
    return volumes
