"""How weights follow their gradients, with a state that can be written down and taken up again."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Muon, Optimizer, RMSprop

from medscience.recipe import Optimiser
from medscience.training.optimise import ADAM, as_matrix, channels_last, is_kernel

Parts = list[tuple[Optimizer, float]]
"""Optimisers, each with its part of the learning rate."""


class Follower:
    """The optimiser of a recipe over the weights of a network.

    Parameters
    ----------
    network : Module
        For ``muon``, its hidden convolutions are in memory with channels last (`lay_out`).
    how : Optimiser
        From the recipe.
    """

    def __init__(self, network: nn.Module, how: Optimiser) -> None:
        self._kernels = [w for w in network.parameters() if is_kernel(w)] if how.name == "muon" else []
        self._matrices = [nn.Parameter(as_matrix(weight)) for weight in self._kernels]
        mine = {id(weight) for weight in self._kernels}
        others: list[Tensor] = [weight for weight in network.parameters() if id(weight) not in mine]
        self._parts: Parts = OPTIMISERS[how.name](others, self._matrices, how)

    def step(self, learning_rate: float) -> None:
        """Change the weights by their gradients."""
        for kernel, flat in zip(self._kernels, self._matrices, strict=True):
            flat.grad = None  # of a weight that keeps still
            if kernel.grad is not None:
                flat.grad = as_matrix(kernel.grad.contiguous(memory_format=channels_last(kernel.ndim)))
        for optimiser, part in self._parts:
            for group in optimiser.param_groups:
                group["lr"] = part * learning_rate
            optimiser.step()

    def state(self) -> dict[str, Tensor]:
        """Return what the optimisers remember of earlier steps, by name."""
        return {
            f"{part}.{weight}.{name}": value
            for part, (optimiser, _) in enumerate(self._parts)
            for weight, entry in optimiser.state_dict()["state"].items()
            for name, value in entry.items()
            if isinstance(value, Tensor)
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` returned, in the memory layout in which it was."""
        for part, (optimiser, _) in enumerate(self._parts):
            weights = [weight for group in optimiser.param_groups for weight in group["params"]]
            entries: dict[int, dict[str, Any]] = {}
            for key, value in state.items():
                owner, number, name = key.split(".")
                if int(owner) == part:
                    like = weights[int(number)]
                    kept = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
                    entries.setdefault(int(number), {})[name] = kept
            optimiser.load_state_dict(optimiser.state_dict() | {"state": entries})


def _adamw(weights: list[Tensor], _matrices: list[nn.Parameter], how: Optimiser) -> Parts:
    return [(AdamW(weights, eps=how.epsilon, weight_decay=how.weight_decay), 1.0)]


def _rmsprop(weights: list[Tensor], _matrices: list[nn.Parameter], how: Optimiser) -> Parts:
    return [(RMSprop(weights, eps=how.epsilon, weight_decay=how.weight_decay), 1.0)]


def _sgd(weights: list[Tensor], _matrices: list[nn.Parameter], how: Optimiser) -> Parts:
    return [(SGD(weights, momentum=0.9, nesterov=True, weight_decay=how.weight_decay), 1.0)]


def _muon(weights: list[Tensor], matrices: list[nn.Parameter], how: Optimiser) -> Parts:
    return [(Muon(matrices, weight_decay=how.weight_decay), 1.0), (Adam(weights, eps=how.epsilon), ADAM)]


OPTIMISERS: dict[str, Callable[[list[Tensor], list[nn.Parameter], Optimiser], Parts]] = {
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "sgd": _sgd,
    "muon": _muon,
}
"""By their name in a recipe."""
