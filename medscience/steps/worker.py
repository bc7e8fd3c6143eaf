"""What a worker does: it answers one block after another, and writes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medscience.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from medscience.description import ModelFile
    from medscience.image import Image
    from medscience.inference.engine import Precision
    from medscience.inference.link import Region
    from medscience.inference.plan import Plan
    from medscience.inference.predict import Blocks, Normalize


@dataclass(frozen=True, slots=True)
class Share:
    """What all blocks of a prediction have in common; what takes long to find out is not found out again."""

    image: Path
    image_digest: str
    model: Path
    model_digest: str
    precision: "Precision"
    maps: tuple[str, ...]
    threads: int
    normalize: "Normalize"
    plan: "Plan"


@dataclass(slots=True)
class Loaded:
    """What this process holds for the blocks to come."""

    share: Share | None = None
    blocks: "Blocks | None" = None
    model_digest: str | None = None
    model: "tuple[ModelFile, nn.Module] | None" = None


LOADED = Loaded()


def answer(share: Share, region: "Region") -> "NDArray[Any]":
    """Return the decision for every voxel of a block."""
    import torch

    from medscience.inference.doubt import Doubt
    from medscience.inference.workers import tell_of_layer

    torch.set_num_threads(share.threads)
    return _blocks(share).decided(region, Doubt(), tell_of_layer)


def _blocks(share: Share) -> "Blocks":
    """Return the blocks of a prediction; the next one's take their place."""
    from medscience.inference.engine import engine
    from medscience.inference.frame import frame_of
    from medscience.inference.job import mirrors_of
    from medscience.inference.predict import Blocks

    if LOADED.blocks is None or LOADED.share != share:
        LOADED.share = LOADED.blocks = None
        description, network = _model(share)
        image = _image(share)
        frame = frame_of(image, description.input).image
        settled = share.precision, share.maps, description.output.thresholds, mirrors_of(description)
        ready = engine(network, *settled, skips=description.input.skip_background)
        LOADED.blocks = Blocks(frame, image.geometry, ready, share.normalize, share.plan)
        LOADED.share = share
    return LOADED.blocks


def _model(share: Share) -> "tuple[ModelFile, nn.Module]":
    """Return the model, which stays for all images of a batch."""
    from medscience.models.zoo import load

    if LOADED.model is None or LOADED.model_digest != share.model_digest:
        LOADED.model, LOADED.model_digest = load(share.model), share.model_digest
    return LOADED.model


def _image(share: Share) -> "Image":
    from medscience.store.images import open_image

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
    return stored.image
