"""A minimal training loop: random patches, weighted cross-entropy, one cycle of Adam.

Enough to train the demo's network again from its recipe; it validates nothing and resumes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medscience.description import Training
from medscience.progress import Tell, nobody

log = logging.getLogger(__name__)

Patch = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""An image, normalised as the model file says, and its labels, both of shape (I, J, K)."""

SETTLED = 0.75
"""The part of the steps after which batch normalisation keeps its statistics, and the network learns to
live with those that it will have when it is used."""


@dataclass(frozen=True, slots=True)
class Case:
    """A training pair in the network's axes, both of shape (I, J, K)."""

    image: NDArray[np.float32]
    """Normalised as the model file says."""
    labels: NDArray[np.uint8]


def patches(cases: Sequence[Case], patch: tuple[int, int, int], seed: int) -> Iterator[Patch]:
    """Yield random patches for ever, half of them mirrored.

    Mirrored is the first axis, which runs left-right. A patch larger than a case is cut to the case.
    """
    random = np.random.default_rng(seed)
    while True:
        case = cases[int(random.integers(len(cases)))]
        starts = [random.integers(max(n - p, 0) + 1) for n, p in zip(case.image.shape, patch, strict=True)]
        region = tuple(slice(s, s + p) for s, p in zip(starts, patch, strict=True))
        mirror = slice(None, None, -1 if random.random() < 0.5 else 1)
        yield case.image[region][mirror], case.labels[region][mirror]


def train(network: nn.Module, data: Iterator[Patch], recipe: Training, tell: Tell = nobody) -> list[float]:
    """Train a network in place and return the loss of every step.

    Parameters
    ----------
    network : Module
        Maps (B, 1, I, J, K) to logits (B, classes, I, J, K); its weights are drawn anew from the seed.
    data : iterator of Patch
        At least as many patches as the recipe has steps.
    recipe : Training
        Steps, learning rate, class weights, precision and seed.
    tell : callable
        Hears of every step.
    """
    torch.manual_seed(recipe.seed)
    network.apply(_start)
    network.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    losses: list[float] = []
    tell(0, recipe.steps)
    for step, (image, labels) in enumerate(islice(data, recipe.steps), start=1):
        loss = _loss(network, image, labels, recipe)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step == int(SETTLED * recipe.steps):
            network.apply(_settle)
        tell(step, recipe.steps)
        if step % 20 == 0:
            log.debug("step %d of %d: loss %.4f", step, recipe.steps, np.mean(losses[-20:]))
    network.eval()
    return losses


def _loss(
    network: nn.Module, image: NDArray[np.float32], labels: NDArray[np.uint8], recipe: Training
) -> Tensor:
    batch = torch.from_numpy(image.copy())[None, None].contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        logits = network(batch)
    wanted = torch.from_numpy(labels.astype(np.int64))[None]
    return nn.functional.cross_entropy(logits.float(), wanted, torch.tensor(recipe.class_weights))


def _start(layer: nn.Module) -> None:
    """Keep the variance of activations through the layers (He et al. 2015, arXiv:1502.01852)."""
    if isinstance(layer, nn.Conv3d):
        nn.init.kaiming_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _settle(layer: nn.Module) -> None:
    if isinstance(layer, nn.BatchNorm3d):
        layer.eval()
