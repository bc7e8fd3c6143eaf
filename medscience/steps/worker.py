"""What a worker does: it answers one block after another, and writes nothing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medscience.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from medscience.inference.engine import Precision
    from medscience.inference.job import Job
    from medscience.inference.link import Region
    from medscience.inference.plan import Plan


@dataclass(frozen=True, slots=True)
class Share:
    """What all blocks of a prediction have in common; the plan is made once, and not by workers."""

    image: Path
    image_digest: str
    model: Path
    model_digest: str
    precision: "Precision"
    maps: tuple[str, ...]
    threads: int
    plan: "Plan"


@dataclass(slots=True)
class Loaded:
    """What this process holds for the blocks to come."""

    share: Share | None = None
    job: "Job | None" = None
    model_digest: str | None = None
    model: Any = None


LOADED = Loaded()


def answer(share: Share, region: "Region") -> "NDArray[Any]":
    """Return the decision for every voxel of a block."""
    import torch

    from medscience.inference.blending import Seams
    from medscience.inference.workers import tell_of_layer

    torch.set_num_threads(share.threads)
    return _job(share).blocks.decided(region, Seams(), tell_of_layer)


def _job(share: Share) -> "Job":
    """Return the job of a share; the next share's takes its place, but a model stays for all images."""
    from medscience.inference.job import prepare
    from medscience.models.zoo import load
    from medscience.store.images import open_image

    if LOADED.job is not None and LOADED.share == share:
        return LOADED.job
    LOADED.share = LOADED.job = None
    if LOADED.model_digest != share.model_digest:
        LOADED.model, LOADED.model_digest = load(share.model), share.model_digest
    stored = open_image(share.image)
    if stored.commit.digest != share.image_digest:
        raise StoreError(
            "STORE-ALTERED",
            file=share.image,
            field="commit",
            found="another image",
            expected="the one with which the prediction began",
            fix="run it again",
        )
    job = prepare(stored.image, LOADED.model, 1 << 62, share.plan.block, share.precision, share.maps)
    LOADED.share, LOADED.job = share, replace(job, plan=share.plan)
    return LOADED.job
