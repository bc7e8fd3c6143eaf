"""What a whole cohort will ask of a cluster."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from medscience.cluster.forecast import Forecast, job_mb, job_minutes
from medscience.config.settings import Cohort
from medscience.inference.plan import parse_memory


@dataclass(frozen=True, slots=True)
class Total:
    """A cohort's sums; those of samples without a forecast are not in them."""

    samples: int
    pairs: int
    unknown: int
    """Pairs of a sample and a model of which nobody can tell before the sample is read."""
    jobs: int
    core_hours: float
    disk_mb: int
    largest_mb: int
    """What the largest job asks for at its first attempt."""
    longest_minutes: int
    """What the longest job asks for at its first attempt."""
    gpu_mb: int = 0
    """What the largest prediction takes of a GPU; 0 where processors compute."""
    gpu_hours: float = 0
    """As long as processors like this machine's would take: a GPU is sooner done."""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What to print, each with its name."""
        gpu = f"{self.gpu_mb / 1024:.1f} GiB for the largest prediction, at most {self.gpu_hours:.1f} h"
        unknown = f"; {self.unknown} cannot be told before they are read and are not in the sums"
        return [
            ("samples", f"{self.samples}, {self.pairs} predictions{unknown * bool(self.unknown)}"),
            ("jobs", f"{self.jobs}"),
            ("cores", f"about {self.core_hours:.1f} core-hours, on processors like this one's"),
            ("disk", f"about {self.disk_mb / 1024:.1f} GiB"),
            ("memory", f"{self.largest_mb / 1024:.1f} GiB for the largest job"),
            ("time", f"{self.longest_minutes} min for the longest job"),
            *([("GPU", gpu)] if self.gpu_mb else []),
        ]


def total(cohort: Cohort, forecasts: Sequence[Forecast], group: int) -> Total:
    """Return the sums over the forecasts of a cohort whose samples share jobs, `group` of them each.

    >>> from pathlib import Path
    >>> from medscience.config.settings import Models, Settings
    >>> from medscience.config.sheet import Sample
    >>> settings = Settings(samples=Path("s.tsv"), models=Models(brain_mri=("m",)), threads=2)
    >>> samples = tuple(Sample(name=f"s{n}", track="brain_mri", source="x") for n in range(20))
    >>> found = [Forecast("m", f"s{n}", 1 << 24, 800, 35, 5) for n in range(20)]
    >>> sums = total(Cohort(settings=settings, samples=samples), found, group=8)
    >>> sums.jobs, round(sums.core_hours * 3600 / 20), sums.disk_mb
    (4, 80, 100)
    """
    settings = cohort.settings
    first = {forecast.sample: forecast for forecast in forecasts}
    predicting = sum(f.predict_seconds * settings.threads for f in forecasts)
    seconds = predicting + sum(f.step_seconds for f in first.values())
    promised = parse_memory(settings.memory) >> 20
    known = [*forecasts, None] if len(forecasts) < len(cohort.pairs) else list(forecasts)
    steps = ("ingest", "predict", "postprocess", "measure")
    minutes = [sum(job_minutes(step, f, attempt=1) for step in steps) for f in known]
    return Total(
        samples=len(cohort.samples),
        pairs=len(cohort.pairs),
        unknown=len(cohort.pairs) - len(forecasts),
        jobs=math.ceil(len(cohort.samples) / group) + 1,
        core_hours=seconds / 3600,
        disk_mb=sum(f.disk_mb for f in forecasts),
        largest_mb=max((job_mb("predict", f, promised, attempt=1) for f in known), default=0),
        longest_minutes=group * max(minutes, default=0),
        gpu_mb=max((f.gpu_mb for f in forecasts), default=0),
        gpu_hours=sum(f.predict_seconds for f in forecasts if f.gpu_mb) / 3600,
    )
