"""Make images of cone-beam projections."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from medscience.errors import about
from medscience.steps.options import Memory, Threads, promised_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medscience.reconstruct.job import Job
    from medscience.store.images import StoredImage

log = logging.getLogger(__name__)


def reconstruct(  # noqa: PLR0913, PLR0917 - the options of the command
    projections: Annotated[Path, typer.Argument(help="a store of projections, or its commit")],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr of the phases, or its commit")],
    prior: Annotated[Path, typer.Argument(help="NAME.ome.zarr of the image from all views, or its commit")],
    method: Annotated[
        Literal["fdk", "mckinnon-bates", "rooster", "fit"],
        typer.Option(
            help="filtered backprojection of each phase, a classical way to fewer streaks, "
            "or restored phases (--again) fitted to the projections"
        ),
    ] = "fdk",
    phases: Annotated[int, typer.Option(min=2, max=100, help="images in a breath")] = 10,
    smooth_space: Annotated[
        float, typer.Option(min=0, help="of ROOSTER and fit: how smooth in space")
    ] = 5e-5,
    smooth_time: Annotated[float, typer.Option(min=0, help="of ROOSTER: how smooth in time")] = 2e-4,
    rounds: Annotated[int | None, typer.Option(min=1, help="of ROOSTER, 10 if not said, and fit, 3")] = None,
    again: Annotated[
        Path | None,
        typer.Option(
            help="of McKinnon-Bates and fit: restored phases of this scan; each is what is known of its "
            "phase, instead of the image from all views"
        ),
    ] = None,
    memory: Memory = "8G",
    threads: Threads = None,
) -> None:
    """Reconstruct a scan: first all views together, then each phase of the breath, in Hounsfield units.

    Phase 0 is the end of an inhalation. Without a signal the breath is found in the projections themselves.
    """
    from medscience.reconstruct.fit import Fit
    from medscience.reconstruct.job import Job
    from medscience.reconstruct.rooster import Rooster
    from medscience.store.images import open_image

    if again and method not in {"mckinnon-bates", "fit"}:
        raise typer.BadParameter("--again is for --method mckinnon-bates or fit")
    if method == "fit" and not again:
        raise typer.BadParameter("--method fit needs --again, the restored phases that are fitted")
    stored = open_image(projections)
    told = {"rounds": rounds} if rounds else {}
    settings: dict[str, Rooster | Fit] = {
        "rooster": Rooster(smooth_space, smooth_time, **told),
        "fit": Fit(smooth_space, **told),
    }
    with about(stored.path):
        job = Job.of(stored.image, stored.content.source)
        peak = job.check_memory(promised_memory(memory), method, phases)
    _write_prior(stored, job, prior, threads)
    wanted: dict[str, Any] = {"method": method, "phases": phases}
    wanted |= asdict(settings[method]) if method in settings else {}
    with about(stored.path):
        _write_phases(stored, job, destination, (prior, again), (wanted, settings.get(method), peak, threads))


def _write_prior(stored: "StoredImage", job: "Job", destination: Path, threads: int | None) -> None:
    """Write the image from all views, unless it is there."""
    from medscience.image import Meaning
    from medscience.machine.cores import usable_cores
    from medscience.reconstruct.rtk import use_threads
    from medscience.store.commit import Provenance
    from medscience.store.grid import regions
    from medscience.store.images import ImageWriter
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged
    from medscience.terminal.progress import shown

    provenance = Provenance(
        "reconstruct", {"method": "fdk", "phases": "all"}, {"projections": stored.commit.digest}
    )
    if is_done(destination, provenance):
        return
    use_threads(threads or usable_cores())
    with shown(f"reconstruct all views of {stored.name}"), staged(destination, provenance) as staging:
        content = Content.of(Meaning(job.grid, value_unit="HU"), source=_facts(stored, job))
        writer = ImageWriter(staging, content, job.grid.shape, "float32")
        with about(stored.path):
            volume = job.prior()
        for region in regions(writer.shape, writer.shards):
            writer.write(region, volume[region])
        writer.finish()
        staging.record["views"] = len(job.scan.views)


def _write_phases(
    stored: "StoredImage",
    job: "Job",
    destination: Path,
    before: tuple[Path, Path | None],
    how: tuple[dict[str, Any], Any, int, int | None],
) -> None:
    """Write the phases, each as it is made; phases of an interrupted run stay."""
    from medscience.image import Meaning
    from medscience.machine.cores import usable_cores
    from medscience.reconstruct.rtk import use_threads
    from medscience.store.commit import Provenance
    from medscience.store.images import ImageWriter, open_image
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged
    from medscience.terminal.progress import shown

    wanted, settings, peak, threads = how
    whole, restored = open_image(before[0]), open_image(before[1]) if before[1] else None
    digests = {"projections": stored.commit.digest, "prior": whole.commit.digest}
    digests |= {"restored": restored.commit.digest} if restored else {}
    provenance = Provenance("reconstruct", wanted, digests)
    if is_done(destination, provenance):
        return
    use_threads(threads or usable_cores())
    known, found = job.phases()
    bins, record = job.bins(known, wanted["phases"])
    notes = [*found.pop("warnings"), *record.pop("warnings")]
    for note in notes:
        log.warning("%s: %s", stored.path, note)
    shape = (len(bins), *job.grid.shape)
    with (
        shown(f"reconstruct phases of {stored.name}") as tell,
        staged(destination, provenance, block=job.grid.shape) as staging,
    ):
        content = Content.of(Meaning(job.grid, "tzyx", value_unit="HU"), source=_facts(stored, job))
        writer = ImageWriter(staging, content, shape, "float32", job.grid.shape)
        places = [tuple(slice(0, n) for n in job.grid.shape)] * len(bins)
        regions = [(slice(b, b + 1), *place) for b, place in enumerate(places)]
        missing = [b for b in range(len(bins)) if not writer.has(regions[b])]
        everything: NDArray[np.float32] = whole.image.read(places[0])
        if restored:
            job.check_restored(restored.image, len(bins))
            record["model"] = restored.commit.record.get("model", "")  # whose answer this goes on from

        def before_phase(phase: int) -> "NDArray[np.float32]":
            if restored is None:
                return everything
            found: NDArray[np.float32] = restored.image.read((slice(phase, phase + 1), *places[0]))[0]
            return found

        images = job.images(bins, known, before_phase, wanted["method"], settings)
        tell(len(bins) - len(missing), len(bins))
        for done, (b, volume) in enumerate(images.of(missing), start=len(bins) - len(missing) + 1):
            writer.write(regions[b], volume[None])
            tell(done, len(bins))
        writer.finish()
        staging.record.update(found | record | {"warnings": notes, "promised_bytes": peak})


def _facts(stored: "StoredImage", job: "Job") -> dict[str, Any]:
    """What a reader of the image needs to know of the scan."""
    scan = stored.content.source["scan"]
    kept = ("patient_position", "fan", "water_per_mm")
    return {
        "format": "reconstruction",
        "scan": {name: scan[name] for name in kept} | {"views": len(job.scan.views)},
        "field_of_view": job.field_of_view,
    }
