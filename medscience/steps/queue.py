"""Say what a person should look at first."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medscience.errors import MedscienceError, StoreError

if TYPE_CHECKING:
    from medscience.config.sheet import Sample
    from medscience.measure.quality import Flag
    from medscience.measure.regions import Region
    from medscience.review.queue import Reason
    from medscience.store.images import StoredImage

log = logging.getLogger(__name__)

RESULTS = Path("results")


def queue(
    config: Annotated[Path, typer.Argument(help="the settings of the run")],
    model: Annotated[str, typer.Argument(help="whose labels are to be looked at")],
    destination: Annotated[Path, typer.Argument(help="NAME.tsv")],
) -> None:
    """Rank a model's results, worst first, with the places to look at.

    From what the run knows: low confidence, seams, other models, volumes in the cohort, checks that failed;
    of recordings, counts and ellipses that do not fit the motion.
    """
    from medscience.config.settings import read_cohort
    from medscience.review.queue import ranked, write_queue
    from medscience.terminal.progress import shown

    cohort = read_cohort(config)
    mine = [sample for sample in cohort.samples if model in cohort.models_of(sample)]
    tables = {sample.name: _table(model, sample.name) for sample in mine if sample.track != "steelpan"}
    volumes: dict[int, list[float]] = {}
    for regions, _ in tables.values():
        for region in regions:
            volumes.setdefault(region.label, []).append(region.volume_mm3)
    found = []
    with shown(f"queue {model}") as tell:
        for done, sample in enumerate(mine):
            tell(done, len(mine))
            others = [other for other in cohort.models_of(sample) if other != model]
            try:
                found.append((sample.name, list(_reasons(model, sample, others))))
            except MedscienceError as fault:  # the report says what is missing; there is nothing to look at
                log.warning("%s is not in the queue: %s", sample.name, fault.line)
                continue
            if sample.name in tables:
                found[-1][1].extend(_of_table(*tables[sample.name], volumes))
    write_queue(ranked(found), destination)


def _reasons(model: str, sample: "Sample", others: Sequence[str]) -> "Iterator[Reason]":
    """Yield what the stores of a sample tell."""
    if sample.track == "steelpan":
        yield from _of_strike(model, sample.name)
        yield from _failed(RESULTS / f"failed/follow/{model}/{sample.name}.json")
    else:
        yield from _of_labels(model, sample.name, others)
        yield from _failed(RESULTS / f"failed/measure/{model}/{sample.name}.json")


def _of_strike(model: str, sample: str) -> "Iterator[Reason]":
    from medscience.review.strike_reasons import of_detections, of_motion
    from medscience.store.images import open_image
    from medscience.store.tables import read_table

    grid = open_image(RESULTS / f"images/{sample}.ome.zarr").image.geometry
    found, _ = read_table(RESULTS / f"detections/{model}/{sample}.parquet")
    try:
        notes, stated = read_table(RESULTS / f"measurements/{model}/{sample}.parquet")
        motion, _ = read_table(RESULTS / f"motion/{model}/{sample}.parquet")
    except StoreError:
        return  # its measurement failed
    yield from of_detections(found, notes, grid)
    yield from of_motion(motion, notes, float(stated["limit_rings"]), grid)


def _of_labels(model: str, sample: str, others: Sequence[str]) -> "Iterator[Reason]":
    from medscience.review.reasons import of_confidence, of_disagreement, of_mirrors, of_seams
    from medscience.store.images import open_image

    labels = _labels(model, sample)
    volume = labels.volume("the queue")
    prediction = open_image(RESULTS / f"predictions/{model}/{sample}.ome.zarr")
    yield from of_seams(prediction.commit.record.get("seam_score"))
    yield from of_mirrors(prediction.commit.record.get("mirror_score"))
    if "confidence" in prediction.maps:
        yield from of_confidence(prediction.maps["confidence"], volume)
    names = labels.content.labels.labels if labels.content.labels else ()
    for other in others:
        try:
            theirs = _labels(other, sample)
        except StoreError:
            continue  # it failed there, and the report says so
        meaning = theirs.content.labels
        if meaning:
            yield from of_disagreement(volume, names, theirs.image, meaning.labels, other)


def _labels(model: str, sample: str) -> "StoredImage":
    from medscience.store.images import open_image

    return open_image(RESULTS / f"labels/{model}/{sample}.ome.zarr")


def _failed(record: Path) -> "Iterator[Reason]":
    from medscience.errors import one_line
    from medscience.review.queue import Reason

    if not record.exists():
        return
    try:
        line = one_line(json.loads(record.read_bytes())["line"])
    except (OSError, ValueError, KeyError, TypeError):
        line = "its measurement failed"
    yield Reason("check", 0.9, line)


def _table(model: str, sample: str) -> "tuple[list[Region], Sequence[Flag]]":
    """Return a sample's measurements, and the checks that failed; nothing where it was not measured."""
    from dataclasses import fields

    from medscience.measure.quality import Quality
    from medscience.measure.regions import Region
    from medscience.store.tables import read_table

    try:
        table, stated = read_table(RESULTS / f"measurements/{model}/{sample}.parquet")
    except StoreError:
        return [], ()
    names = [field.name for field in fields(Region)]
    regions = [Region(**{name: row[name] for name in names}) for row in table.to_pylist()]
    return regions, Quality.from_json(stated["quality"]).flags if "quality" in stated else ()


def _of_table(
    regions: "list[Region]", flags: "Sequence[Flag]", volumes: dict[int, list[float]]
) -> "Iterator[Reason]":
    from medscience.review.reasons import of_checks, of_volumes

    yield from of_volumes(regions, volumes)
    yield from of_checks(flags)
