"""Layers computed again on the way back instead of being held: a whole volume trains in little memory.

Chen et al. 2016, arXiv:1604.06174. What is held is the input of each convolution's group of layers.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from medscience.models.meshnet import MeshNet


def logits_of(network: nn.Module, image: Tensor, *, checkpointing: bool) -> Tensor:
    """Return a network's logits (B, classes, I, J, K) of an image (B, 1, I, J, K).

    Parameters
    ----------
    checkpointing : bool
        Whether to compute layers again; logits and gradients are the same.
    """
    if not checkpointing or not isinstance(network, MeshNet):
        logits: Tensor = network(image)
        return logits
    values = image
    for group in groups(network.features):

        def contexts(
            group: nn.Sequential = group,
        ) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _statistics_kept(group)

        values = checkpoint(group, values, use_reentrant=False, context_fn=contexts)
    i, j, k = image.shape[2:]
    found: Tensor = network.head(values[:, :, :i, :j, :k])
    return found


def groups(features: nn.Sequential) -> Iterator[nn.Sequential]:
    """Yield a convolution with what follows it, one after the other."""
    group: list[nn.Module] = []
    for layer in features:
        if isinstance(layer, nn.Conv3d) and any(isinstance(other, nn.Conv3d) for other in group):
            yield nn.Sequential(*group)
            group = []
        group.append(layer)
    yield nn.Sequential(*group)


@contextmanager
def _statistics_kept(layers: nn.Module) -> Iterator[None]:
    """Keep batch normalisation from counting what it sees a second time."""
    norms = [layer for layer in layers.modules() if isinstance(layer, nn.BatchNorm3d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = torch.zeros_like(norm.num_batches_tracked)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked
