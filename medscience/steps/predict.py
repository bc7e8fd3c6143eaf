"""Run a model over an image, or over many."""

import csv
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from medscience.description import ModelFile
from medscience.errors import BatchError, ConfigError, MedscienceError, MemoryPromiseError, about
from medscience.progress import Tell, unless_stalled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from medscience.inference.blending import Seams
    from medscience.inference.engine import Precision
    from medscience.inference.job import Job
    from medscience.inference.workers import Workers
    from medscience.store.commit import Provenance
    from medscience.store.images import ImageWriter, StoredImage

log = logging.getLogger(__name__)

Sides = tuple[int, ...]


def predict(  # noqa: PLR0913, PLR0917 - the options of the command
    image: Annotated[Path, typer.Argument(help="an ingested image; with --batch a list of them")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path | None, typer.Argument(help="NAME.ome.zarr, or its commit")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="IMAGE is a tab-separated list: image, dest; the model loads once")
    ] = False,
    memory: Annotated[str, typer.Option(help="most memory that all processes may take together")] = "8G",
    tile: Annotated[str | None, typer.Option(help="voxels Z,Y,X that are written at once")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each worker; default: all processors, shared out")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that share the blocks")] = 1,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="auto: bfloat16 where this processor multiplies in it"),
    ] = "auto",
    keep: Annotated[
        list[str] | None,
        typer.Option("--map", help="also keep: confidence, entropy, or the probability of a label's value"),
    ] = None,
    stall: Annotated[float, typer.Option(min=0.001, help="minutes without progress to fail")] = 30,
) -> None:
    """Write the most likely label of every voxel, on the image's own grid.

    What a run that was interrupted has finished is kept: the same command goes on from there.
    """
    import torch

    from medscience.description import find_model
    from medscience.inference.engine import precision_of
    from medscience.inference.memory import give_back_freed_memory
    from medscience.inference.plan import parse_memory, parse_sides
    from medscience.machine.cores import usable_cores
    from medscience.models.zoo import load

    if batch == (destination is not None):
        raise typer.BadParameter("give IMAGE MODEL DESTINATION, or --batch LIST.tsv MODEL")
    try:
        promised, sides = parse_memory(memory), parse_sides(tile) if tile else None
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    rows = [(image, destination)] if destination else _rows(image)
    give_back_freed_memory()
    torch.set_num_threads(threads or max(usable_cores() // workers, 1))
    path = find_model(model)
    description, network = load(path)
    maps = tuple(_map(name, description) for name in dict.fromkeys(keep or ()))
    settled = promised, sides, precision_of(precision), maps, 60 * stall
    with _workers(workers) as processes:
        task = _Task(path, description, network, *settled, workers, processes)
        if not batch:
            task.run(*rows[0])
        else:
            _each(task, rows)


def _workers(count: int) -> "AbstractContextManager[Workers | None]":
    """Return the workers of all images; none, and nothing imported for them, where one process does it."""
    if count == 1:
        return nullcontext()
    from medscience.inference.workers import Workers

    return Workers()


@dataclass(frozen=True, slots=True)
class _Task:
    """What is the same for all images of a batch."""

    path: Path
    description: ModelFile
    network: "nn.Module"
    promised: int
    sides: Sides | None
    precision: "Precision"
    maps: tuple[str, ...]
    patience: float
    at_once: int
    workers: "Workers | None"

    def run(self, image: Path, destination: Path) -> None:
        """Predict one image, unless that is done already."""
        import torch

        from medscience.description import file_sha256
        from medscience.store.commit import Provenance
        from medscience.store.images import open_image
        from medscience.store.staging import interrupted, is_done

        stored = open_image(image)
        threads = torch.get_num_threads()
        settings: dict[str, Any] = {"precision": self.precision, "device": "cpu", "threads": threads}
        provenance = Provenance(
            "predict",
            settings | ({"maps": list(self.maps)} if self.maps else {}),
            {"image": stored.commit.digest, "model": file_sha256(self.path)} | self._first_model(),
        )
        if is_done(destination, provenance):
            return
        with about(stored.path):
            job = _prepared(
                lambda block: self._prepare(stored, block), self.sides, interrupted(destination, provenance)
            )
        self._write(stored, job, destination, provenance)

    def _prepare(self, stored: "StoredImage", block: Sides | None) -> "Job":
        from medscience.inference.job import prepare

        model = (self.description, self.network)
        return prepare(
            stored.volume("a prediction"),
            model,
            self.promised,
            block,
            self.precision,
            self.maps,
            self.at_once,
        )

    def _write(self, stored: "StoredImage", job: "Job", destination: Path, provenance: "Provenance") -> None:
        from medscience.inference.job import focused
        from medscience.store.images import ImageWriter
        from medscience.store.metadata import Content, LabelMeaning
        from medscience.store.staging import staged
        from medscience.terminal.progress import shown

        about_model, labels = self.description, self.description.output.labels
        meaning = LabelMeaning(
            labels, stored.path.name, stored.commit.digest, about_model.name, about_model.caution
        )
        content = Content.of(stored.image.meaning, labels=meaning, source=stored.content.source)
        with (
            shown(f"predict {stored.name}") as bar,
            staged(destination, provenance, block=job.plan.block) as staging,
        ):
            writer = ImageWriter(
                staging, content, stored.image.shape, job.engine.head.decision, job.plan.block
            )
            crop = about_model.input.crop
            with unless_stalled(bar, self.patience) as tell:
                if crop:
                    job = focused(job, crop, self.path.parent, _largest, self._least(job))
                with about(stored.path):
                    seams = self._blocks(job, stored, provenance, writer, tell)
            writer.finish()
            resumed = staging.record["resumed"]["blocks"]
            staging.record.update(_record(job, self.promised, seams, resumed) | self._peaks(job))

    def _blocks(
        self,
        job: "Job",
        stored: "StoredImage",
        provenance: "Provenance",
        writer: "ImageWriter",
        tell: Tell,
    ) -> "Seams":
        """Do the blocks here, or have the workers do them; one that is not needed makes room."""
        if self.workers is None:
            return job.run(writer.write, tell, writer.has)
        if job.plan.workers == 1:
            self.workers.start(0)
            return job.run(writer.write, tell, writer.has)
        from functools import partial

        from medscience.inference.blending import Seams
        from medscience.inference.workers import share
        from medscience.steps.worker import Share, answer

        digests, threads = provenance.inputs, provenance.settings["threads"]
        common = Share(
            stored.path,
            digests["image"],
            self.path,
            digests["model"],
            self.precision,
            self.maps,
            threads,
            job.normalize,
            job.plan,
        )
        share(job.blocks, self.workers, partial(answer, common), writer.write, tell, writer.has)
        return Seams()

    def _least(self, job: "Job") -> int:
        """Memory for a first model: what is left if workers of an earlier image are waiting."""
        return self.promised // (job.plan.workers + 1) if job.plan.workers > 1 else self.promised

    def _peaks(self, job: "Job") -> dict[str, Any]:
        """Largest memory of all processes together, where there are more than this one."""
        if self.workers is None or job.plan.workers == 1:
            return {}
        from medscience.store.record import peak_memory

        return {"peak_memory_bytes": sum([peak_memory(), *self.workers.peaks()])}

    def _first_model(self) -> dict[str, str]:
        """Digest of the model that chooses where to look, if there is one: it changes the answer."""
        from medscience.description import file_sha256, find_model

        crop = self.description.input.crop
        if not crop:
            return {}
        return {"first_model": file_sha256(find_model(str(self.path.parent / f"{crop.model}.yaml")))}


def _largest(labels: "NDArray[Any]") -> "NDArray[Any]":
    from medscience.postprocess.components import keep_largest

    return keep_largest(labels).labels


def _map(name: str, model: ModelFile) -> str:
    """Return the name of a map that is to be kept, or refuse it."""
    values = [str(label.value) for label in model.output.labels]
    if name in values:
        return f"probability-{name}"
    if name not in ("confidence", "entropy"):
        raise typer.BadParameter(f"--map {name} is none of confidence, entropy, {', '.join(values)}")
    return name


def _rows(sheet: Path) -> list[tuple[Path, Path]]:
    """Read a tab-separated list of images and destinations."""
    try:
        rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines(), delimiter="\t", strict=True))
        return [(Path(row["image"]), Path(row["dest"])) for row in rows or [{}]]
    except (KeyError, TypeError, ValueError, csv.Error) as fault:
        raise ConfigError(
            "BATCH-COLUMNS",
            file=sheet,
            field="columns",
            found=fault,
            expected="tab-separated text with the columns image and dest",
            fix="write one line for each image, below a line that names the columns",
        ) from fault


def _each(task: _Task, rows: list[tuple[Path, Path]]) -> None:
    """Predict image after image; one that fails does not stop the others."""
    failed = 0
    for image, destination in rows:
        try:
            task.run(image, destination)
        except MedscienceError as fault:
            failed += 1
            typer.echo(fault.line, err=True)
    if failed:
        raise BatchError(
            "BATCH-FAILED",
            field="images",
            found=f"{failed} of {len(rows)} failed",
            expected="none",
            fix="see the lines above; the others are committed, and a rerun skips them",
        )


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
