"""Run a model over an image."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medscience.description import ModelFile
from medscience.errors import MemoryPromiseError, about
from medscience.progress import unless_stalled

if TYPE_CHECKING:
    from medscience.inference.blending import Seams
    from medscience.inference.job import Job

log = logging.getLogger(__name__)

Sides = tuple[int, ...]


def predict(
    image: Annotated[Path, typer.Argument(help="an ingested image")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
    memory: Annotated[str, typer.Option(help="most memory that this process may take")] = "8G",
    tile: Annotated[str | None, typer.Option(help="voxels Z,Y,X that are written at once")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="default: all processors")] = None,
    stall: Annotated[float, typer.Option(min=0.001, help="minutes without a finished block to fail")] = 30,
) -> None:
    """Write the most likely label of every voxel, on the image's own grid.

    What a run that was interrupted has finished is kept: the same command goes on from there.
    """
    import torch

    from medscience.description import file_sha256, find_model
    from medscience.inference.decide import label_type
    from medscience.inference.job import focused, prepare
    from medscience.inference.memory import give_back_freed_memory
    from medscience.inference.plan import parse_memory
    from medscience.machine.cores import usable_cores
    from medscience.models.zoo import load
    from medscience.postprocess.components import keep_largest
    from medscience.store.commit import Provenance
    from medscience.store.images import ImageWriter, open_image
    from medscience.store.metadata import Content, LabelMeaning
    from medscience.store.staging import interrupted, is_done, staged
    from medscience.terminal.progress import shown

    promised, wanted = _sizes(memory, tile, parse_memory)
    give_back_freed_memory()
    path = find_model(model)
    description, network = load(path)
    stored = open_image(image)
    torch.set_num_threads(threads or usable_cores())
    provenance = Provenance(
        "predict",
        {"precision": "float32", "device": "cpu", "threads": torch.get_num_threads()},
        {"image": stored.commit.digest, "model": file_sha256(path)} | _first_model(description, path),
    )
    if is_done(destination, provenance):
        return
    with about(stored.path):
        job = _prepared(
            lambda block: prepare(stored.image, (description, network), promised, block),
            wanted,
            interrupted(destination, provenance),
        )
    labels = description.output.labels
    meaning = LabelMeaning(
        labels, stored.path.name, stored.commit.digest, description.name, description.caution
    )
    with (
        shown(f"predict {stored.name}") as bar,
        staged(destination, provenance, block=job.plan.block) as staging,
    ):
        content = Content.of(stored.image.meaning, labels=meaning, source=stored.content.source)
        shape, kind = stored.image.shape, label_type(len(labels))
        writer = ImageWriter(staging, content, shape, kind, job.plan.block)
        crop = description.input.crop
        with unless_stalled(bar, 60 * stall) as tell:
            if crop:
                job = focused(job, crop, path.parent, lambda found: keep_largest(found).labels)
            with about(stored.path):
                seams = job.run(writer.write, tell, writer.has)
        writer.finish()
        staging.record.update(_record(job, promised, seams, staging.record["resumed"]["blocks"]))


def _prepared(prepare: Callable[[Sides | None], "Job"], wanted: Sides | None, kept: Sides | None) -> "Job":
    """Settle the job in the blocks that are wanted, else in an interrupted run's, if they still fit."""
    if kept and not wanted:
        try:
            return prepare(kept)
        except MemoryPromiseError as reason:
            log.info("the blocks of the run that was interrupted no longer fit: %s", reason.line)
    return prepare(wanted)


def _record(job: "Job", promised: int, seams: "Seams", resumed: int) -> dict[str, Any]:
    """What is good to know of a prediction. How tiles disagreed in resumed blocks, nobody counted."""
    blend = job.plan.blend
    words = f"approximate: averaged over tiles of {blend}"
    if seams.voxels or not resumed:
        words += f", which disagree at {seams.score:.2%} of shared voxels"
    if resumed:
        words += f", not counting the {resumed} blocks that were there"
    return {
        "plan": job.plan.record() | {"promised_bytes": promised},
        "exact": blend is None,
        "seam_score": seams.score if blend and (seams.voxels or not resumed) else None,
        "warnings": [*job.notes, *([words] if blend else [])],
    }


def _first_model(description: ModelFile, path: Path) -> dict[str, str]:
    """Digest of the model that chooses where to look, if there is one: it changes the answer."""
    from medscience.description import file_sha256, find_model

    crop = description.input.crop
    return {"first_model": file_sha256(find_model(str(path.parent / f"{crop.model}.yaml")))} if crop else {}


def _sizes(memory: str, tile: str | None, parse: Callable[[str], int]) -> tuple[int, tuple[int, ...] | None]:
    """Bytes and block from the command line, or wrong usage."""
    try:
        promised = parse(memory)
        wanted = tuple(int(side) for side in tile.split(",")) if tile else None
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    if wanted is not None and (len(wanted) != 3 or min(wanted) < 1):
        raise typer.BadParameter(f"--tile {tile} is not three positive sizes Z,Y,X")
    return promised, wanted
