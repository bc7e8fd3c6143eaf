"""Several models' volumes of the same sample, side by side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medscience.config.sheet import Sample
from medscience.report.results import Result


@dataclass(frozen=True, slots=True)
class Row:
    """One label's volume by each model."""

    name: str
    volumes_mm3: tuple[float | None, ...]
    """In the order of the models; None where a model has no label of this name."""

    @property
    def difference_percent(self) -> float | None:
        """Largest minus smallest volume, in percent of their mean; None where all are 0.

        >>> Row("White Matter", (900.0, None, 1100.0)).difference_percent
        20.0
        """
        known = [volume for volume in self.volumes_mm3 if volume is not None]
        mean = sum(known) / len(known)
        return 100 * (max(known) - min(known)) / mean if mean else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several models found in one sample."""

    sample: str
    models: tuple[str, ...]
    rows: tuple[Row, ...]


def comparisons(samples: Iterable[Sample], results: Sequence[Result]) -> Iterator[Comparison]:
    """Yield a comparison for every sample in which two or more models have labels of the same name.

    Labels that only one model has are left out, and so is a model that shares no label.
    """
    for sample in samples:
        mine = {result.model: _volumes(result) for result in results if result.sample.name == sample.name}
        counts = Counter(name for volumes in mine.values() for name in volumes)
        shared = [name for name, count in counts.items() if count > 1]
        models = tuple(model for model, volumes in mine.items() if not volumes.keys().isdisjoint(shared))
        rows = tuple(Row(name, tuple(mine[model].get(name) for model in models)) for name in shared)
        if rows:
            yield Comparison(sample.name, models, rows)


def _volumes(result: Result) -> dict[str, float]:
    """Return the volume by name; labels of one name count as one."""
    volumes: dict[str, float] = {}
    for measurement in result.measurements:
        region = measurement.region
        volumes[region.name] = volumes.get(region.name, 0.0) + region.volume_mm3
    return volumes
