"""A sample's result by one model: read from its stores and table, checked to belong together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from medscience.config.sheet import Sample
from medscience.description import Label
from medscience.errors import MismatchError, StoreError, one_line
from medscience.measure.quality import Flag, Quality
from medscience.measure.regions import SCHEMA, Region
from medscience.report.pictures import Pictures, ResultPictures
from medscience.review.corrections import filled
from medscience.review.edits import Edits
from medscience.store.commit import Commit, read_commit
from medscience.store.images import StoredImage, open_image
from medscience.store.metadata import LabelMeaning
from medscience.store.tables import read_record, read_table

if TYPE_CHECKING:
    from medscience.report.livers import Liver

SHA256 = 64
"""Letters of a digest."""
GREY = (128, 128, 128)
"""The colour of a label that the store does not name."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured of one label, and the label's colour in the figure."""

    region: Region
    dice: float | None
    """Agreement with the reference, from 0 to 1; None without one."""
    color: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """One step's part in a result, from its commit or table; None where that does not say."""

    step: str
    digest: str | None
    """Of the store that it made; None for a table."""
    inputs: Mapping[str, str]
    """Digest of every input, by its role."""
    settings: Mapping[str, Any]
    """What else changes the answer."""
    versions: Mapping[str, str]
    """Of medscience, Python and the packages that touch voxels; empty where they were not recorded."""
    seconds: float | None
    peak_memory_bytes: int | None
    host: str | None
    warnings: tuple[str, ...]
    """Repairs and warnings, one line each."""
    plan: Mapping[str, Any]
    """How the work was cut, such as tile and halo; empty where there was nothing to plan."""


class WithRuns:
    """Time and memory of the steps that led to a result."""

    __slots__ = ()
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float | None:
        """Time that all steps took together, as far as it is known."""
        known = [run.seconds for run in self.runs if run.seconds is not None]
        return sum(known) if known else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """Most memory that any of the steps took."""
        known = [run.peak_memory_bytes for run in self.runs if run.peak_memory_bytes is not None]
        return max(known, default=None)


@dataclass(frozen=True, slots=True)
class Result(WithRuns):
    """A sample that one model was run on, from image to measurements."""

    sample: Sample
    model: str
    pictures: ResultPictures
    value_unit: str | None
    """Unit of the image's values, such as ``HU``; None where the scale is arbitrary."""
    measurements: tuple[Measurement, ...]
    table: pa.Table
    """The same measurements with the columns of `medscience.measure.regions.SCHEMA`."""
    caution: str | None
    warnings: tuple[str, ...]
    quality: Quality | None
    """Of the brain as a whole; None where no label is a part of it."""
    runs: tuple[Run, ...]
    """Of the image, the prediction, the labels and the measurements."""
    correction: Path | None = None
    """What a person made of the labels: it was measured, and is shown."""
    edits: Edits | None = None
    """How it differs from the model's labels."""
    liver: "Liver | None" = None
    """Its lesions, where the sample is a liver."""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why a person should look at it before it is used."""
        return self.quality.flags if self.quality else ()

    @property
    def mean_dice(self) -> float | None:
        """Mean agreement with the reference over the labels that have one."""
        known = [measurement.dice for measurement in self.measurements if measurement.dice is not None]
        return sum(known) / len(known) if known else None


def table_path(results: Path, model: str, sample: str) -> Path:
    """Return where a sample's measurements lie."""
    return results / f"measurements/{model}/{sample}.parquet"


def read_result(
    results: Path, model: str, sample: Sample, pictures: Pictures, correction: Path | None = None
) -> Result:
    """Return a sample's result.

    Parameters
    ----------
    results : Path
        The folder of images, predictions, labels and measurements.
    pictures : Pictures
        Makes the pictures of all results.
    correction : Path, optional
        The store that stands in the place of the model's labels.

    Raises
    ------
    StoreError
        If a store or the table is missing, altered, or of a form that this version does not know.
    MismatchError
        If they were not made from each other: one was made anew, and what follows from it was not.
    """
    path = table_path(results, model, sample.name)
    table, of_table = read_measurements(path, SCHEMA, model, sample.name)
    image = open_image(results / f"images/{sample.name}.ome.zarr")
    prediction = read_commit(results / f"predictions/{model}/{sample.name}.ome.zarr")
    labels = open_image(results / f"labels/{model}/{sample.name}.ome.zarr")
    meaning = labels.content.labels or LabelMeaning((), "", "")
    of_labels = labels.commit.provenance.inputs
    check_same(labels.path, "image", meaning.image_digest, image.commit.digest)
    check_same(labels.path, "prediction", of_labels.get("prediction"), prediction.digest)
    check_same(path, "labels", of_table.get("labels"), labels.commit.digest)
    for stored in (image, labels):
        stored.volume("the report")
    edited = open_image(correction) if correction else None
    _same_correction(path, of_table.get("correction"), edited)
    shown = _corrected(labels, edited) if edited else labels
    measurements = tuple(_measurements(table, meaning.labels))
    runs = (
        store_run("ingest", image.commit),
        store_run("predict", prediction),
        store_run("postprocess", labels.commit),
        table_run("measure", of_table, read_record(path)),
    )
    return Result(
        sample,
        model,
        pictures=pictures.of(image, shown, [_label(measurement) for measurement in measurements], labels),
        value_unit=image.content.meaning.value_unit,
        measurements=measurements,
        table=table.replace_schema_metadata(),
        caution=one_line(meaning.caution or "") or None,
        warnings=(
            *(f"{run.step}: {line}" for run in runs for line in run.warnings),
            *_doubts(measurements),
        ),
        quality=Quality.from_json(of_table["quality"]) if "quality" in of_table else None,
        runs=runs,
        correction=correction,
        edits=Edits.from_json(of_table["edits"]) if "edits" in of_table else None,
    )


def _corrected(labels: StoredImage, edited: StoredImage) -> StoredImage:
    """Return a store of labels as a person corrected them."""
    pairs = zip(edited.levels, labels.levels, strict=True)
    return replace(labels, levels=tuple(filled(*pair) for pair in pairs))


def _same_correction(file: Path, stated: str | None, edited: StoredImage | None) -> None:
    """Check that a table was made from the correction that stands, or that both are none."""
    now = edited.commit.digest if edited else None
    if stated != now:
        raise MismatchError(
            "REPORT-OUTDATED",
            file=file,
            field="correction",
            found=f"made from {stated[:12] if stated else 'the labels as the model made them'}",
            expected=f"made from {now[:12] if now else 'those'}, which stands now",
            fix="delete it, and run the workflow again",
        )


def read_measurements(
    path: Path, schema: pa.Schema, model: str, sample: str
) -> tuple[pa.Table, dict[str, str]]:
    """Return a table of measurements, checked to be this sample's, and what it states beside its rows.

    Parameters
    ----------
    schema : Schema
        Columns of the sample's track: a table of another track is refused.
    """
    table, stated = read_table(path)
    if not table.schema.remove_metadata().equals(schema):
        raise _bad_table(path, table.schema.names, f"the columns {schema.names}")
    owners = {(row["model"], row["sample"]) for row in table.select(["model", "sample"]).to_pylist()}
    if owners - {(model, sample)}:
        raise _bad_table(path, f"rows of {sorted(owners)}", f"rows of {model}, {sample}")
    return table, stated


def _bad_table(path: Path, found: object, expected: str) -> StoreError:
    return StoreError(
        "TABLE-UNREADABLE",
        file=path,
        field="measurements",
        found=found,
        expected=expected,
        fix="delete it and run measure again",
    )


def check_same(file: Path, role: str, stated: str | None, digest: str) -> None:
    """Check that a file was made from what lies beside it, where it says what it was made from."""
    if stated not in (None, digest):
        raise MismatchError(
            "REPORT-OUTDATED",
            file=file,
            field=role,
            found=f"made from {stated[:12] or 'nothing known'}",
            expected=f"made from {digest[:12]}, which is there now",
            fix="run the workflow again",
        )


def _measurements(table: pa.Table, labels: tuple[Label, ...]) -> Iterator[Measurement]:
    colors = {label.value: label.color for label in labels}
    names = [field.name for field in fields(Region)]
    for row in table.to_pylist():
        region = Region(**{name: row[name] for name in names})
        yield Measurement(region, row["dice"], colors.get(region.label, GREY))


def _label(measurement: Measurement) -> Label:
    region = measurement.region
    return Label(value=region.label, name=region.name, color=measurement.color)


def store_run(step: str, commit: Commit) -> Run:
    """Return the part of a step that made a store, from the store's commit."""
    made = commit.provenance
    return _recorded(
        step, commit.digest, made.inputs, made.settings, {"medscience": made.code}, commit.record
    )


def table_run(step: str, stated: Mapping[str, str], record: Mapping[str, Any]) -> Run:
    """Return the part of a step that made a table, from what the table states of itself."""
    inputs = {role: digest for role, digest in stated.items() if len(digest) == SHA256 and digest.isalnum()}
    return _recorded(step, None, inputs, {}, {}, record)


def _recorded(
    step: str,
    digest: str | None,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any],
    code: Mapping[str, str],
    record: Mapping[str, Any],
) -> Run:
    repairs = (
        "{code}  repaired {field}: {before} became {after}".format_map(repair)
        for repair in record.get("repairs", ())
    )
    return Run(
        step=step,
        digest=digest,
        inputs=inputs,
        settings=settings,
        versions={**code, **record.get("versions", {})},
        seconds=record.get("seconds"),
        peak_memory_bytes=record.get("peak_memory_bytes"),
        host=record.get("host_class"),
        warnings=tuple(one_line(line) for line in (*repairs, *record.get("warnings", ()))),
        plan=record.get("plan", {}),
    )


def _doubts(measurements: tuple[Measurement, ...]) -> Iterator[str]:
    """Yield what the numbers themselves warn of."""
    regions = [measurement.region for measurement in measurements]
    absent = [one_line(region.name) for region in regions if not region.voxels]
    cut = [one_line(region.name) for region in regions if region.touches_border]
    if absent:
        yield f"not found, so the volume is 0: {', '.join(absent)}"
    if cut:
        yield f"touches the border of the image and may go on outside: {', '.join(cut)}"
