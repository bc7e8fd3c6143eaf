"""Bring a source into a store."""

from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medscience.ingest.choices import Accepted, Choices

if TYPE_CHECKING:
    from medscience.ingest.source import Source


def ingest(  # noqa: PLR0913, PLR0917 - the options of the command
    source: Annotated[
        Path, typer.Argument(help="a scan, a video, or a folder of DICOM files, of frames or of OME-Zarr")
    ],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
    labels: Annotated[bool, typer.Option("--labels", help="the voxels are labels, not brightness")] = False,
    sha256: Annotated[str | None, typer.Option(help="the source's digest, to be checked")] = None,
    hounsfield: Annotated[
        bool, typer.Option("--hounsfield", help="it is a CT: note values that cannot be Hounsfield units")
    ] = False,
    acquisition: Annotated[
        Path | None, typer.Option(help="what the source cannot say: frame rate, wavelength, ...")
    ] = None,
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
    """Read a scan or a video once, check it, and store it with its geometry.

    It is never flipped, and resampled only where an option says so. What is wrong or open is refused.
    """
    from medscience.description import file_sha256
    from medscience.ingest.formats import open_source
    from medscience.ingest.values import in_hounsfield_units, labels_only
    from medscience.store.commit import Provenance, store_path
    from medscience.store.grid import regions
    from medscience.store.images import ImageWriter
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged
    from medscience.terminal.progress import shown

    _keep_apart(source, store_path(destination))
    choices = Choices(series, volume, on_tilt, on_gap, tuple(sorted(set(accept or ()))))
    if labels:
        choices.check_for_labels()
    opened = open_source(source, acquisition, choices)
    _check(source, opened, sha256, labels=labels)
    digests = {"source": opened.sha256} | opened.beside
    if acquisition:
        digests["acquisition"] = file_sha256(acquisition)
    provenance = Provenance("ingest", {"labels": labels} | choices.made, digests)
    if is_done(destination, provenance):
        return
    name = store_path(destination).name.removesuffix(".ome.zarr")
    with shown(f"ingest {name}") as tell, staged(destination, provenance) as staging:
        content = Content.of(opened.meaning, is_labels=labels, source=opened.facts)
        writer = ImageWriter(staging, content, opened.shape, opened.dtype)
        *together, _, _ = writer.shards
        places = regions(opened.shape, (*together, *opened.shape[-2:]))
        tell(0, len(places))
        slabs = opened.slabs(prod(together))
        if labels:
            slabs = labels_only(source, slabs)
        if hounsfield:
            slabs = in_hounsfield_units(source, slabs, opened.repairs)
        for done, (place, slab) in enumerate(zip(places, slabs, strict=True), start=1):
            writer.write(place, slab.reshape([part.stop - part.start for part in place]))
            tell(done, len(places))
        writer.finish()
        staging.record["repairs"] = [asdict(repair) for repair in opened.repairs]


def _check(path: Path, source: "Source", sha256: str | None, *, labels: bool) -> None:
    """Refuse another file than the one that was meant, and labels that are no whole numbers."""
    import numpy as np

    from medscience.errors import InputError

    if sha256 and sha256 != source.sha256:
        raise InputError(
            "INPUT-SHA256",
            file=path,
            field="sha256",
            found=source.sha256,
            expected=sha256,
            fix="copy the file again, or correct the sample sheet",
        )
    if labels and not np.issubdtype(source.dtype, np.integer):
        raise InputError(
            "INPUT-LABELS",
            file=path,
            field="datatype",
            found=source.dtype,
            expected="whole numbers",
            fix="save the labels with an integer type",
        )


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
