"""A liver's lesions in a result, and how a model does on all livers of a cohort."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from medscience.measure.lesions import LESIONS
from medscience.measure.livers import LIVERS
from medscience.measure.scores import Scores, scores
from medscience.report.results import Result, Run, check_same, read_measurements, table_run
from medscience.store.tables import read_record

LEANING = 1.0
"""Degrees from which on it is said that the slices lean from the patient's axial plane."""


@dataclass(frozen=True, slots=True)
class Liver:
    """What was measured of a liver and its lesions."""

    case: Mapping[str, Any]
    """The row of `medscience.measure.livers.LIVERS`."""
    lesions: tuple[Mapping[str, Any], ...]
    """Rows of `medscience.measure.lesions.LESIONS`, of the lesions that were found."""
    missed: tuple[Mapping[str, Any], ...]
    """Those of the reference that nothing overlaps."""
    tables: tuple[pa.Table, pa.Table]
    """The lesions of both sides, and the case."""
    run: Run

    @property
    def has_reference(self) -> bool:
        """Whether there is something to compare with."""
        return self.case["reference_lesions"] is not None

    @property
    def tilt_deg(self) -> float | None:
        """How far the slices lean from the axial plane, if they do, so that diameters are theirs."""
        tilt = max((lesion["slice_tilt_deg"] for lesion in self.lesions), default=0.0)
        return tilt if tilt >= LEANING else None


def read_liver(results: Path, result: Result) -> Liver:
    """Return what was measured of a result's liver.

    Parameters
    ----------
    results : Path
        The folder of lesions and livers.

    Raises
    ------
    StoreError, MismatchError
        As `medscience.report.results.read_result`.
    """
    model, sample = result.model, result.sample.name
    paths = [results / f"{folder}/{model}/{sample}.parquet" for folder in ("lesions", "livers")]
    read = [
        read_measurements(path, schema, model, sample)
        for path, schema in zip(paths, (LESIONS, LIVERS), strict=True)
    ]
    labels = next(run.digest for run in result.runs if run.step == "postprocess")
    measured = next(run.inputs for run in result.runs if run.step == "measure")
    for path, (_, stated) in zip(paths, read, strict=True):
        check_same(path, "labels", stated.get("labels"), labels or "")
        check_same(path, "correction", stated.get("correction", ""), measured.get("correction", ""))
    (lesions, stated), (case, _) = read
    rows = lesions.to_pylist()
    return Liver(
        case=case.to_pylist()[0],
        lesions=tuple(row for row in rows if row["side"] == "found"),
        missed=tuple(row for row in rows if row["side"] == "reference" and not row["best_iou"]),
        tables=(lesions.replace_schema_metadata(), case.replace_schema_metadata()),
        run=table_run("lesions", stated, read_record(paths[0])),
    )


def scores_by_model(results: Sequence[Result]) -> Iterator[tuple[str, Scores]]:
    """Yield the scores of every model that has livers with a reference."""
    for model in dict.fromkeys(result.model for result in results):
        livers = [result.liver for result in results if result.model == model and result.liver]
        rows = [row for liver in livers for row in liver.tables[0].to_pylist()]
        found = scores([liver.case for liver in livers], rows)
        if found:
            yield model, found
