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

    from medscience.errors import about
    from medscience.measure.metrics import dice
    from medscience.measure.regions import measure_regions, table
    from medscience.steps.labelled import read_labelled
    from medscience.store.record import circumstances
    from medscience.store.tables import write_table

    started = time.time()
    case = read_labelled(labels, image, reference, correction)
    found, scan, names = case.found, case.scan, case.meaning.labels
    with about(correction or found.path):
        regions = measure_regions(case.levels[0], scan.image, names)
    with about(case.truth.path if case.truth else found.path):
        overlaps = dice(case.levels[0], case.truth.image, names) if case.truth else {}
    quality = _quality(found, case.levels, scan, regions)
    content = table(destination.stem, case.meaning.model or "", regions, overlaps)
    write_table(destination, content, case.digests | case.edits | quality, circumstances(started))


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
