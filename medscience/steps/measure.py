"""Measure labels on their image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from medscience.image import Image
    from medscience.measure.regions import Region
    from medscience.store.images import StoredImage


def measure(
    labels: Annotated[Path, typer.Argument(help="a store of labels")],
    image: Annotated[Path, typer.Argument(help="the image that they were made from")],
    destination: Annotated[Path, typer.Argument(help="NAME.parquet")],
    reference: Annotated[
        Path | None, typer.Option(help="labels to compare with, ingested with --labels")
    ] = None,
    correction: Annotated[
        Path | None, typer.Option(help="what a person made of the labels: measured in their place")
    ] = None,
) -> None:
    """Write volume, place, brightness and, against a reference, Dice of every label."""
    import time

    from medscience.errors import MismatchError, about
    from medscience.measure.metrics import dice
    from medscience.measure.regions import measure_regions, table
    from medscience.store.images import open_image
    from medscience.store.record import circumstances
    from medscience.store.tables import write_table

    started = time.time()
    found, scan = open_image(labels), open_image(image)
    meaning = found.content.labels
    if meaning is None or meaning.image_digest != scan.commit.digest:
        raise MismatchError(
            "MEASURE-IMAGE",
            file=found.path,
            field="image digest",
            found="labels of " + (meaning.image_digest[:12] if meaning else "no known image"),
            expected=f"labels of {scan.path} ({scan.commit.digest[:12]})",
            fix="predict this image, or name the image that the labels belong to",
        )
    found.volume("measure")
    levels, edits = (found.levels, {}) if correction is None else _corrected(found, scan, correction)
    with about(correction or found.path):
        regions = measure_regions(levels[0], scan.volume("measure"), meaning.labels)
    truth = open_image(reference) if reference else None
    if truth and not truth.content.is_labels:
        raise MismatchError(
            "MEASURE-REFERENCE",
            file=truth.path,
            field="content",
            found="brightness",
            expected="labels",
            fix="ingest the reference with --labels",
        )
    with about(truth.path if truth else found.path):
        overlaps = dice(levels[0], truth.volume("measure"), meaning.labels) if truth else {}
    digests = {"labels": found.commit.digest, "image": scan.commit.digest}
    if truth:
        digests["reference"] = truth.commit.digest
    quality = _quality(found, levels, scan, regions)
    content = table(destination.stem, meaning.model or "", regions, overlaps)
    write_table(destination, content, digests | edits | quality, circumstances(started))


def _corrected(
    found: "StoredImage", scan: "StoredImage", correction: Path
) -> "tuple[tuple[Image, ...], dict[str, str]]":
    """Return the levels of labels as a person corrected them, and what the table says of that."""
    from medscience.errors import about
    from medscience.review.corrections import filled, label_meaning, refuse_other
    from medscience.review.edits import edits_of
    from medscience.store.images import open_image

    stored = open_image(correction)
    with about(stored.path):
        refuse_other(stored, found, scan)
        levels = tuple(filled(*pair) for pair in zip(stored.levels, found.levels, strict=True))
    edits = edits_of(found.image, levels[0], label_meaning(found).labels)
    return levels, {"correction": stored.commit.digest, "edits": edits.to_json()}


def _quality(
    found: "StoredImage", levels: "tuple[Image, ...]", scan: "StoredImage", regions: "list[Region]"
) -> dict[str, str]:
    """Return what is known of a whole brain, as text under one key; nothing where no label is brain."""
    from medscience.measure.quality import Quality, quality_flags
    from medscience.postprocess.brain import brain_volume_mm3, intracranial_volume_mm3, tissues

    names = found.content.labels.labels if found.content.labels else ()
    known = tissues(names)
    if not known:
        return {}
    record = found.commit.record
    removed = (record.get("pieces_removed", 0), record.get("voxels_removed", 0))
    volumes = {region.label: region.volume_mm3 for region in regions}
    quality = Quality(
        quality_flags(regions, known, scan.levels, levels, removed),
        brain_volume_mm3(volumes, names),
        intracranial_volume_mm3(volumes, names),
    )
    return {"quality": quality.to_json()}
