"""A minimal training loop for drawn patches: weighted cross-entropy, one cycle.

Enough to train the demo's network again from its recipe; it validates nothing and resumes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medscience.ahead import made_ahead
from medscience.description import Training
from medscience.progress import Tell, nobody
from medscience.training.optimise import OneCycle
from medscience.training.place import PROCESSORS, place_of, rounding
from medscience.training.start import settle, start_as_identity

log = logging.getLogger(__name__)

Patch = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""An image, normalised as the model file says, and its labels, both of shape (I, J, K)."""

SETTLED = 0.75
"""The part of the steps after which batch normalisation keeps its statistics, and the network learns to
live with those that it will have when it is used."""


def train(
    network: nn.Module,
    data: Iterator[Patch],
    recipe: Training,
    tell: Tell = nobody,
    *,
    goes_on: bool = False,
    place: torch.device = PROCESSORS,
) -> list[float]:
    """Train a network in place and return the loss of every step.

    Parameters
    ----------
    network : Module
        Maps (B, 1, I, J, K) to logits (B, classes, I, J, K).
    data : iterator of Patch
        At least as many patches as the recipe's steps need, those of a step of one shape.
    recipe : Training
        Steps, batch, learning rate, class weights, precision, seed, and how much of what was learned is kept.
    tell : callable
        Hears of every step.
    goes_on : bool
        Whether the network keeps its weights; else they are drawn anew from the seed.
    place : device
        Where it learns, and is afterwards.
    """
    torch.manual_seed(recipe.seed)
    if not goes_on:
        network.apply(start_as_identity)
    network.train().to(memory_format=torch.channels_last_3d).to(place)  # type: ignore[call-overload]
    before = [weight.detach().clone() for weight in network.parameters()]
    optimiser = OneCycle(network, recipe.learning_rate, recipe.steps)
    batches = made_ahead(iter(lambda: list(islice(data, recipe.batch)), []))
    losses: list[float] = []
    tell(0, recipe.steps)
    for step, batch in enumerate(islice(batches, recipe.steps), start=1):
        loss = _loss(network, batch, recipe)
        optimiser.step(loss)
        losses.append(loss.item())
        if step == int(SETTLED * recipe.steps):
            network.apply(settle)
        tell(step, recipe.steps)
        if step % 20 == 0:
            log.debug("step %d of %d: loss %.4f", step, recipe.steps, np.mean(losses[-20:]))
    network.eval()
    with torch.no_grad():
        for weight, was in zip(network.parameters(), before, strict=True):
            weight.copy_(was.lerp(weight, recipe.part))
    return losses


def _loss(network: nn.Module, batch: Sequence[Patch], recipe: Training) -> Tensor:
    images, labels = (np.stack(arrays) for arrays in zip(*batch, strict=True))
    seen = torch.from_numpy(images)[:, None].contiguous(memory_format=torch.channels_last_3d)
    place = place_of(network)
    with rounding(network, recipe.precision):
        logits = network(seen.to(place))
    wanted = torch.from_numpy(labels.astype(np.int64)).to(place)
    return nn.functional.cross_entropy(logits.float(), wanted, torch.tensor(recipe.class_weights).to(place))
