"""What every sample of a cohort will take: a table that is made before the first job is handed in.

The workflow reads it for each job's memory and time; a sample that is not in it gets what the settings
promise.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from medscience.errors import ConfigError
from medscience.store.files import replaced

SNAKEMAKE_MB = 400
"""MiB of the two Snakemake processes that share a job with the step that they start; measured, rounded up."""
STEP_MB = 300
"""MiB of a step that reads and writes a volume slab by slab, whatever its size; measured, rounded up."""
STEP_BYTES_PER_VOXEL = 16
"""What it may hold beside that, of a volume; measured (T1 of 256 voxels a side: 3), rounded up."""
SLACK = 3
"""How many times slower than the machine of the forecast a node may be."""
MINUTES = 2
"""Minutes that a job gets beside its work: to start, to wait for a network file system, to clean up."""
STEP_SECONDS = 10
"""Seconds of ingest, post-processing and measuring together, for each `VOXELS`, at least once; measured."""
VOXELS = 1 << 24
LABEL_BITS_PER_VOXEL = 2
"""Of a prediction and its labels on disk, pyramids included; measured on heads (1.7), rounded up."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sample will take with a model."""

    model: str
    sample: str
    voxels: int
    predict_mb: int
    """MiB of the prediction."""
    predict_seconds: int
    """Of the prediction, on the machine that made the forecast."""
    disk_mb: int
    """MiB of all that is written for it."""
    gpu_mb: int = 0
    """MiB of a GPU's memory that the prediction takes; 0 where processors compute."""

    @property
    def step_seconds(self) -> float:
        """Seconds of all other steps together."""
        return STEP_SECONDS * max(self.voxels / VOXELS, 1.0)


Table = Mapping[tuple[str, str], Forecast]
"""By model and sample."""


def write_forecasts(forecasts: Iterable[Forecast], path: Path) -> None:
    """Write the table, tab-separated."""
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        columns = [column.name for column in fields(Forecast)]
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(forecast) for forecast in forecasts)


def read_forecasts(path: Path) -> Table:
    """Return the table at a path; an empty one if there is none.

    Raises
    ------
    ConfigError
        If it is not as `write_forecasts` wrote it.
    """
    try:
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines(), delimiter="\t", strict=True))
        return {(row["model"], row["sample"]): _forecast(row) for row in rows}
    except FileNotFoundError:
        return {}
    except (KeyError, TypeError, ValueError, csv.Error) as fault:
        raise ConfigError(
            "FORECAST-UNREADABLE",
            file=path,
            field="columns",
            found=fault,
            expected=", ".join(column.name for column in fields(Forecast)),
            fix="delete it: it is made again",
        ) from fault


def _forecast(row: Mapping[str, str]) -> Forecast:
    needed = (c for c in fields(Forecast) if c.type is int and (c.name in row or c.default is MISSING))
    numbers = {c.name: int(row[c.name]) for c in needed}
    return Forecast(row["model"], row["sample"], **numbers)


def job_mb(step: str, forecast: Forecast | None, promised_mb: int, attempt: int) -> int:
    """Return the MiB that a job should ask for.

    Parameters
    ----------
    step : str
        A verb.
    forecast : Forecast, optional
        Of its sample; None if nobody could tell before it is read.
    promised_mb : int
        What the settings allow a step, which no prediction exceeds.
    attempt : int
        From 1; what failed once gets more.
    """
    if forecast is None:
        step_mb = promised_mb
    elif step == "predict":
        step_mb = forecast.predict_mb
    else:
        step_mb = STEP_MB + (forecast.voxels * STEP_BYTES_PER_VOXEL >> 20)
    return (step_mb + SNAKEMAKE_MB) * attempt


def job_minutes(step: str, forecast: Forecast | None, attempt: int) -> int:
    """Return the minutes that a job should ask for; see `job_mb`."""
    if forecast is None:
        return 60 * attempt
    seconds = forecast.predict_seconds if step == "predict" else forecast.step_seconds
    return (MINUTES + math.ceil(SLACK * seconds / 60)) * attempt
