"""One model, and how it is run over any image."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medscience.description import ModelFile
from medscience.errors import MemoryPromiseError, about
from medscience.progress import Tell, unless_stalled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from medscience.inference.doubt import Doubt
    from medscience.inference.engine import Precision
    from medscience.inference.gpu import Gpu
    from medscience.inference.job import Job
    from medscience.inference.relief import Relief
    from medscience.inference.workers import Workers
    from medscience.store.commit import Provenance
    from medscience.store.images import ImageWriter, StoredImage

log = logging.getLogger(__name__)

Sides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
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
    gpu: "Gpu | None" = None
    """The GPU that the network is on; None for processors."""

    def run(self, image: Path, destination: Path) -> None:
        """Predict one image, unless that is done already."""
        import torch

        from medscience.description import file_sha256
        from medscience.store.commit import Provenance
        from medscience.store.images import open_image
        from medscience.store.staging import interrupted, is_done

        stored = open_image(image)
        threads = torch.get_num_threads()
        device = "cuda" if self.gpu else "cpu"
        settings: dict[str, Any] = {"precision": self.precision, "device": device, "threads": threads}
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
        volume = stored.volume("a prediction")
        settled = block, self.precision, self.maps, self.at_once, self.gpu
        return prepare(volume, model, self.promised, *settled)

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
                    doubt = self._blocks(job, stored, provenance, writer, tell)
            writer.finish()
            resumed = staging.record["resumed"]["blocks"]
            staging.record.update(_record(job, self.promised, doubt, resumed) | self._peaks(job))
            staging.record.update(gpu_record(self.gpu, job.relief))

    def _blocks(
        self,
        job: "Job",
        stored: "StoredImage",
        provenance: "Provenance",
        writer: "ImageWriter",
        tell: Tell,
    ) -> "Doubt":
        """Do the blocks here, or have the workers do them; one that is not needed makes room."""
        if self.workers is None:
            return job.run(writer.write, tell, writer.has)
        if job.plan.workers == 1:
            self.workers.start(0)
            return job.run(writer.write, tell, writer.has)
        from functools import partial

        from medscience.inference.doubt import Doubt
        from medscience.inference.workers import share
        from medscience.steps.worker import Share, answer

        digests, threads = provenance.inputs, provenance.settings["threads"]
        common = Share(
            stored.path.absolute(),
            digests["image"],
            self.path.absolute(),
            digests["model"],
            self.precision,
            self.maps,
            threads,
            job.normalize,
            job.plan,
        )
        share(job.blocks, self.workers, partial(answer, common), writer.write, tell, writer.has)
        return Doubt()

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


def _prepared(prepare: Callable[[Sides | None], "Job"], wanted: Sides | None, kept: Sides | None) -> "Job":
    """Settle the job in the blocks that are wanted, else in an interrupted run's, if they still fit."""
    if kept and not wanted:
        try:
            return prepare(kept)
        except MemoryPromiseError as reason:
            log.info("the blocks of the run that was interrupted no longer fit: %s", reason.line)
    return prepare(wanted)


def _record(job: "Job", promised: int, doubt: "Doubt", resumed: int) -> dict[str, Any]:
    """What is good to know of a prediction. How tiles disagreed in resumed blocks, nobody counted."""
    blend, seams, grids, mirrors = job.plan.blend, doubt.seams, doubt.grids, doubt.mirrors
    words = f"approximate: averaged over tiles of {blend}"
    if seams.voxels or not resumed:
        words += f", which disagree at {seams.score:.2%} of shared voxels"
    if grids.voxels:
        words += f"; another grid of tiles answers {grids.score:.2%} of voxels otherwise"
    if resumed:
        words += f", not counting the {resumed} blocks that were there"
    return {
        "plan": job.plan.record() | {"promised_bytes": promised},
        "exact": blend is None,
        "seam_score": seams.score if blend and (seams.voxels or not resumed) else None,
        "grid_score": grids.score if grids.voxels else None,
        "mirror_score": mirrors.score if mirrors.voxels else None,
        "warnings": [*job.notes, *([words] if blend else []), *job.relief.notes],
    }


def gpu_record(gpu: "Gpu | None", relief: "Relief[Any]") -> dict[str, Any]:
    """What is good to know of the GPU, if one computed; the next image's peak is counted anew."""
    import torch

    if gpu is None:
        return {}
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return {
        "gpu": {
            "name": gpu.name,
            "peak_memory_bytes": peak,
            "halvings": relief.halvings,
            "processors_took_over": relief.engine is not None,
        }
    }
