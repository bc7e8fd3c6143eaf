"""A minimal training loop: random patches, weighted cross-entropy, one cycle of Adam.

Enough to train the demo's network again from its recipe; it validates nothing and resumes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medscience.description import Training

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """A training pair in the network's axes, both of shape (I, J, K)."""

    image: NDArray[np.float32]
    """Normalised as the model file says."""
    labels: NDArray[np.uint8]


def patches(
    cases: Sequence[Case], patch: tuple[int, int, int], seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield random patches (1, 1, I, J, K) and labels (1, I, J, K) for ever, half of them mirrored.

    Mirrored is the first axis, which runs left-right. A patch larger than a case is cut to the case.
    """
    random = np.random.default_rng(seed)
    while True:
        case = cases[int(random.integers(len(cases)))]
        starts = [random.integers(max(n - p, 0) + 1) for n, p in zip(case.image.shape, patch, strict=True)]
        region = tuple(slice(s, s + p) for s, p in zip(starts, patch, strict=True))
        mirror = slice(None, None, -1 if random.random() < 0.5 else 1)
        image = torch.from_numpy(case.image[region][mirror].copy())
        labels = torch.from_numpy(case.labels[region][mirror].astype(np.int64))
        yield image[None, None], labels[None]


def train(network: nn.Module, cases: Sequence[Case], recipe: Training) -> list[float]:
    """Train a network in place and return the loss of every step.

    Parameters
    ----------
    network : Module
        Maps (B, 1, I, J, K) to logits (B, classes, I, J, K); its weights are drawn anew from the seed.
    cases : sequence of Case
        Images and labels.
    recipe : Training
        Steps, patch, learning rate, class weights and seed.
    """
    torch.manual_seed(recipe.seed)
    network.apply(_start)
    network.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    loss_of = nn.CrossEntropyLoss(weight=torch.tensor(recipe.class_weights))
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    losses: list[float] = []
    for image, labels in patches(cases, recipe.patch, recipe.seed):
        loss = loss_of(network(image.contiguous(memory_format=torch.channels_last_3d)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) % 20 == 0:
            log.info("step %d of %d: loss %.4f", len(losses), recipe.steps, np.mean(losses[-20:]))
        if len(losses) == recipe.steps:
            break
    network.eval()
    return losses


def _start(layer: nn.Module) -> None:
    """Keep the variance of activations through the layers (He et al. 2015, arXiv:1502.01852)."""
    if isinstance(layer, nn.Conv3d):
        nn.init.kaiming_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
