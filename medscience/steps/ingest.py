"""Bring a source into a store."""

from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Annotated

import typer


def ingest(
    source: Annotated[Path, typer.Argument(help="a scan, a video, or a folder of frames")],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
    labels: Annotated[bool, typer.Option("--labels", help="the voxels are labels, not brightness")] = False,
    sha256: Annotated[str | None, typer.Option(help="the source's digest, to be checked")] = None,
    hounsfield: Annotated[
        bool, typer.Option("--hounsfield", help="it is a CT: note values that cannot be Hounsfield units")
    ] = False,
    acquisition: Annotated[
        Path | None, typer.Option(help="what the source cannot say: frame rate, wavelength, ...")
    ] = None,
) -> None:
    """Read a scan or a video once, check it, and store it with its geometry; never flipped or resampled."""
    import numpy as np

    from medscience.description import file_sha256
    from medscience.errors import InputError
    from medscience.ingest.formats import open_source
    from medscience.ingest.values import in_hounsfield_units, labels_only
    from medscience.store.commit import Provenance, store_path
    from medscience.store.grid import regions
    from medscience.store.images import ImageWriter
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged
    from medscience.terminal.progress import shown

    opened = open_source(source, acquisition)
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
    digests = {"source": opened.sha256}
    if acquisition:
        digests["acquisition"] = file_sha256(acquisition)
    provenance = Provenance("ingest", {"labels": labels}, digests)
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
            slabs = in_hounsfield_units(slabs, opened.repairs)
        for done, (place, slab) in enumerate(zip(places, slabs, strict=True), start=1):
            writer.write(place, slab.reshape([part.stop - part.start for part in place]))
            tell(done, len(places))
        writer.finish()
        staging.record["repairs"] = [asdict(repair) for repair in opened.repairs]
