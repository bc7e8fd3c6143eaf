"""Reviewed labels as a training sheet: what ``medscience train --data`` reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medscience.config.pairs import NEEDED, OPTIONAL
from medscience.config.settings import Cohort
from medscience.config.sheet import Sample
from medscience.errors import ConfigError
from medscience.review.reviews import Reviews
from medscience.store.files import write_whole

COLUMNS = (*NEEDED, *OPTIONAL)


@dataclass(frozen=True, slots=True)
class TrainingSheet:
    """Rows of a training sheet, and the samples that were left out, with the reason."""

    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[str, str], ...]

    def write(self, path: Path) -> None:
        """Write it as tab-separated text."""
        lines = ["\t".join(row) + "\n" for row in (COLUMNS, *self.rows)]
        write_whole(path, "".join(lines))


def training_sheet(
    reviews: Reviews, cohort: Cohort, model: str, results: Path, split: str | None = None
) -> TrainingSheet:
    """Return the samples whose labels by a model people accepted, as they are or edited.

    Samples on which people disagree are left out, as are rejected, deferred and unreviewed ones.

    Parameters
    ----------
    reviews : Reviews
        What stands.
    cohort : Cohort
        Tells patients and splits.
    model : str
        Whose labels were reviewed.
    results : Path
        The folder of images and labels.
    split : str, optional
        Of samples whose row of the sheet does not say.

    Raises
    ------
    ConfigError
        If a sample that goes in has no patient, or no split: all are named.
    """
    mine = [sample for sample in cohort.samples if model in cohort.models_of(sample)]
    reasons = {sample.name: _left_out(reviews, model, sample) for sample in mine}
    chosen = [sample for sample in mine if not reasons[sample.name]]
    faults = [fault for sample in chosen for fault in _faults(sample, split)]
    if faults:
        raise ConfigError(
            "EXPORT-SHEET",
            file=cohort.settings.samples,
            field=f"{len(faults)} fault{'s' * (len(faults) > 1)}",
            found="; ".join(faults),
            expected="a patient and a split for every reviewed sample: no two splits may share a patient",
            fix="fill the columns patient and split of the sample sheet, or give --split",
        )
    return TrainingSheet(
        tuple(_row(sample, reviews, model, results, sample.split or split or "") for sample in chosen),
        tuple((name, reason) for name, reason in reasons.items() if reason),
    )


def _left_out(reviews: Reviews, model: str, sample: Sample) -> str:
    """Why a sample cannot be trained with; empty if it can."""
    if sample.track == "steelpan":
        return "a recording, and train reads pairs of image and labels"
    case = reviews.cases.get((model, sample.name))
    if case is None or case.decision is None:
        return "not decided"
    if case.decision == "reject":
        return "rejected"
    return "reviewers disagree" if case.conflict else ""


def _faults(sample: Sample, split: str | None) -> Iterator[str]:
    if not sample.patient:
        yield f"{sample.name} has no patient"
    if not (sample.split or split):
        yield f"{sample.name} has no split"


def _row(sample: Sample, reviews: Reviews, model: str, results: Path, split: str) -> tuple[str, ...]:
    model_labels = results / f"labels/{model}/{sample.name}.ome.zarr"
    labels = reviews.corrections.get((model, sample.name), model_labels)
    image = results / f"images/{sample.name}.ome.zarr"
    cells = {
        "sample": sample.name,
        "image": image.as_posix(),
        "labels": labels.as_posix(),
        "patient": sample.patient or "",
        "split": split,
        "weight": "1",
    }
    return tuple(cells[name] for name in COLUMNS)
