"""Why a sample has no result: one line from its failure record, or from what is missing."""

import json
from dataclasses import dataclass
from pathlib import Path

from medscience.config.sheet import Sample
from medscience.errors import MedscienceError, one_line
from medscience.store.commit import commit_path

VOLUMES = {
    "ingest": "images/{sample}.ome.zarr",
    "predict": "predictions/{model}/{sample}.ome.zarr",
    "postprocess": "labels/{model}/{sample}.ome.zarr",
    "reference": "references/{sample}.ome.zarr",
    "measure": None,
}
"""The steps that lead to a measurement, in order, and what each makes on the way."""
LIVERS = {
    **{step: product for step, product in VOLUMES.items() if product},
    "lesions": "livers/{model}/{sample}.parquet",
    "measure": None,
}
"""The same for livers."""
FRINGES = {
    "ingest": "images/{sample}.ome.zarr",
    "detect": "detections/{model}/{sample}.parquet",
    "follow": None,
}
"""The same for recordings of a steelpan."""
BREATHS = {
    "ingest": None,
    "reconstruct": "images/{sample}.ome.zarr",
    "again": None,
    "predict": "restored/{model}/{sample}.ome.zarr",
    "fit": None,
    "reference": "references/{sample}.ome.zarr",
    "assess": None,
}
"""And for chests that breathe; of phases that need no reconstruction, the second is never late. The third is
the reconstruction of a later round, ``fit`` what may follow the last."""
TRACKS = {"steelpan": FRINGES, "liver_ct": LIVERS, "cbct4d": BREATHS}
WITHOUT_MODEL = ("ingest", "reconstruct", "reference")
"""The steps that are taken once for all models."""
UNREADABLE = (MedscienceError, OSError, ValueError, LookupError, TypeError, AttributeError)
"""What reading a broken file may raise; the errors of pyarrow and pydantic are among them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that is not done, and the one line that says why."""

    sample: str
    model: str | None
    """None if it failed in a step that is taken once for all models."""
    step: str
    line: str


def failure_of(fault: Exception, model: str, sample: Sample) -> Failure:
    """Return the failure of a sample whose finished results cannot be read."""
    line = fault.line if isinstance(fault, MedscienceError) else f"{type(fault).__name__}: {fault}"
    return Failure(sample.name, model, "report", one_line(line))


def find_failure(results: Path, model: str, sample: Sample) -> Failure:
    """Return why a sample was not measured.

    The earliest failure record says so. A killed step leaves none: then it is the first step whose
    result is missing.

    Parameters
    ----------
    results : Path
        The folder of images, predictions, labels, references and failure records.
    """
    recorded = find_record(results, model, sample)
    if recorded:
        return recorded
    step = _unfinished(results, model, sample)
    owner = _owner(step, model)
    log = Path("logs", step, owner or "", f"{sample.name}.log")
    line = f"{step} did not finish and left no record: killed, or out of memory; see {log}"
    return Failure(sample.name, owner, step, line)


def find_record(results: Path, model: str, sample: Sample) -> Failure | None:
    """Return the failure that the earliest failure record of a sample tells of."""
    for step in steps_of(sample):
        owner = _owner(step, model)
        record = results.joinpath("failed", step, owner or "", f"{sample.name}.json")
        if record.exists():
            return Failure(sample.name, owner, step, _line(record))
    return None


def _owner(step: str, model: str) -> str | None:
    return None if step in WITHOUT_MODEL else model


def steps_of(sample: Sample) -> dict[str, str | None]:
    """Return the steps that lead to a sample's measurement, in order, and what each makes on the way."""
    return TRACKS.get(sample.track, VOLUMES)


def _unfinished(results: Path, model: str, sample: Sample) -> str:
    """Return the first step whose product is not there; the last one, if all others are."""
    steps = steps_of(sample)
    for step, product in steps.items():
        if product is None or (step == "reference" and not sample.reference):
            continue
        path = results / product.format(model=model, sample=sample.name)
        if not (commit_path(path) if path.suffix == ".zarr" else path).exists():
            return step
    return list(steps)[-1]


def _line(record: Path) -> str:
    """Return the line of a failure record, or one that says that it cannot be read."""
    try:
        return one_line(json.loads(record.read_bytes())["line"])
    except UNREADABLE as fault:
        return one_line(f"failed; its record {record} cannot be read: {type(fault).__name__}")
