"""One model that restores images, and how it is run over any of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medscience.errors import about
from medscience.progress import unless_stalled
from medscience.steps.prediction import gpu_record

if TYPE_CHECKING:
    import torch

    from medscience.inference.gpu import Gpu
    from medscience.inference.restore import Restoration
    from medscience.models.rstar4d import RSTAR4D
    from medscience.restoration import RestoringModel
    from medscience.store.commit import Provenance
    from medscience.store.images import StoredImage


@dataclass(frozen=True, slots=True)
class Restoring:
    """What is the same for all images of a batch."""

    path: Path
    model: "tuple[RestoringModel, RSTAR4D]"
    promised: int
    precision: "torch.dtype"
    patience: float
    gpu: "Gpu | None" = None
    """The GPU that the network is on; None for processors."""

    def run(self, image: Path, destination: Path, prior: Path | None = None) -> None:
        """Restore one image, unless that is done already."""
        import torch

        from medscience.description import file_sha256
        from medscience.inference.restore import prepare_restoration
        from medscience.store.commit import Provenance
        from medscience.store.images import open_image
        from medscience.store.staging import is_done

        stored, beside = open_image(image), open_image(prior) if prior else None
        provenance = Provenance(
            "predict",
            {
                "precision": str(self.precision).removeprefix("torch."),
                "device": "cuda" if self.gpu else "cpu",
                "threads": torch.get_num_threads(),
                "prior": "given" if beside else "mean of the phases",
            },
            {"image": stored.commit.digest, "model": file_sha256(self.path)}
            | ({"prior": beside.commit.digest} if beside else {}),
        )
        if is_done(destination, provenance):
            return
        with about(stored.path):
            images = stored.image, beside.image if beside else None
            job = prepare_restoration(
                *images, self.model, self.promised, self.precision, self.gpu, stored.reconstruction
            )
        self._write(stored, job, destination, provenance)

    def _write(
        self, stored: "StoredImage", job: "Restoration", destination: Path, provenance: "Provenance"
    ) -> None:
        from dataclasses import replace

        from medscience.store.images import ImageWriter
        from medscience.store.metadata import Content
        from medscience.store.staging import staged
        from medscience.terminal.progress import shown

        meaning = replace(stored.image.meaning, value_unit=job.model.output.image.unit)
        content = Content.of(meaning, source=stored.content.source)
        block = job.plan.block
        with (
            shown(f"restore {stored.name}") as bar,
            staged(destination, provenance, block=block) as staging,
        ):
            writer = ImageWriter(staging, content, stored.image.shape, job.dtype, block)
            with unless_stalled(bar, self.patience) as tell, about(stored.path):
                job.run(writer.write, tell, writer.has)
            writer.finish()
            staging.record.update(_record(job, self.promised) | gpu_record(self.gpu, job.relief))


def _record(job: "Restoration", promised: int) -> dict[str, Any]:
    """What is good to know of a restored image."""
    caution = [job.model.caution] if job.model.caution else []
    return {
        "model": job.model.name,
        "plan": job.plan.record() | {"promised_bytes": promised},
        "exact": True,
        "warnings": [*caution, *job.notes, *job.relief.notes],
    }
