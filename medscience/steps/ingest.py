"""Bring a source into a store."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from medscience.ingest.choices import Accepted, Choices


def ingest(  # noqa: PLR0913, PLR0917 - the options of the command
    source: Annotated[
        Path, typer.Argument(help="a scan: .nii, .nii.gz, or DICOM as a folder, .zip, DICOMDIR or file")
    ],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
    labels: Annotated[bool, typer.Option("--labels", help="the voxels are labels, not brightness")] = False,
    sha256: Annotated[str | None, typer.Option(help="the source's digest, to be checked")] = None,
    series: Annotated[
        str | None, typer.Option(help="which series of a folder: its number, or the end of its UID")
    ] = None,
    volume: Annotated[
        int | None, typer.Option(min=1, help="which of several volumes on the same positions")
    ] = None,
    on_tilt: Annotated[
        Literal["refuse", "keep", "resample"],
        typer.Option(help="slices that lean: keep the leaning grid, or resample to right angles"),
    ] = "refuse",
    on_gap: Annotated[
        Literal["refuse", "resample"], typer.Option(help="slices at uneven distances: resample to even ones")
    ] = "refuse",
    accept: Annotated[
        list[Accepted] | None,
        typer.Option(help="take as it is: a single slice, a CT without rescale, fewer slices than acquired"),
    ] = None,
) -> None:
    """Read a scan once, check it, and store it with its geometry.

    It is never flipped, and resampled only where an option says so. What is wrong or open is refused.
    """
    import numpy as np

    from medscience.errors import InputError
    from medscience.ingest.formats import open_source
    from medscience.store.commit import Provenance, store_path
    from medscience.store.images import ImageWriter
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged
    from medscience.terminal.progress import shown

    _keep_apart(source, store_path(destination))
    choices = Choices(series, volume, on_tilt, on_gap, tuple(sorted(set(accept or ()))))
    if labels:
        choices.check_for_labels()
    opened = open_source(source, choices)
    if sha256 and sha256 != opened.sha256:
        raise InputError(
            "INPUT-SHA256",
            file=source,
            field="sha256",
            found=opened.sha256,
            expected=sha256,
            fix="copy the file again, or correct the sample sheet",
        )
    if labels and not np.issubdtype(opened.dtype, np.integer):
        raise InputError(
            "INPUT-LABELS",
            file=source,
            field="datatype",
            found=opened.dtype,
            expected="whole numbers",
            fix="save the labels with an integer type",
        )
    settings = {"labels": labels} | choices.made
    provenance = Provenance("ingest", settings, {"source": opened.sha256})
    if is_done(destination, provenance):
        return
    name = store_path(destination).name.removesuffix(".ome.zarr")
    with shown(f"ingest {name}") as tell, staged(destination, provenance) as staging:
        content = Content.of(opened.meaning, is_labels=labels, source=opened.facts)
        writer = ImageWriter(staging, content, opened.shape, opened.dtype)
        start, depth = 0, opened.shape[0]
        tell(start, depth)
        for slab in opened.slabs(writer.shards[0]):
            writer.write((slice(start, start + len(slab)), *map(slice, (0, 0), slab.shape[1:])), slab)
            start += len(slab)
            tell(start, depth)
        writer.finish()
        staging.record["repairs"] = [asdict(repair) for repair in opened.repairs]


def _keep_apart(source: Path, store: Path) -> None:
    """Refuse a result that would lie within its own source, or the other way round."""
    from medscience.errors import InputError

    here, there = source.resolve(), store.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise InputError(
            "INPUT-INSIDE",
            file=source,
            field="destination",
            found=f"{store}, in the same place",
            expected="a destination apart from the source",
            fix="choose another destination, or name the very file or folder that is the source",
        )
