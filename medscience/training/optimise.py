"""How weights follow their gradients: Muon for the kernels, Adam for the rest, one cycle of both."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Muon
from torch.optim.lr_scheduler import OneCycleLR

ADAM = 0.3
"""Learning rate of biases, norms and the head, as a part of the kernels'."""

WARM = 0.1
"""Part of the steps in which the learning rate rises."""


class OneCycle:
    """The learning rate rises and falls once (Smith and Topin 2017, arXiv:1708.07120).

    Muon makes the steps of a kernel, as a matrix from its inputs to its outputs, equally long in every
    direction (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon). A stack of convolutions without
    norms or shortcuts learns several times faster with it than with Adam.

    Parameters
    ----------
    network : Module
        Its hidden convolutions are 3D and in the memory format channels_last_3d.
    learning_rate : float
        The largest, of the kernels.
    steps : int
        How often `step` will be called.
    """

    def __init__(self, network: nn.Module, learning_rate: float, steps: int) -> None:
        hidden = {id(weight): weight for weight in network.parameters() if is_kernel(weight)}
        self._kernels = list(hidden.values())
        self._matrices = [nn.Parameter(as_matrix(weight)) for weight in self._kernels]
        others = [weight for weight in network.parameters() if id(weight) not in hidden]
        self._muon = Muon(self._matrices, learning_rate, weight_decay=0.01)
        self._adam = Adam(others, ADAM * learning_rate)
        self._network = network
        self._schedules = [
            OneCycleLR(optimiser, optimiser.defaults["lr"], steps, pct_start=WARM, cycle_momentum=False)
            for optimiser in (self._muon, self._adam)
        ]

    def step(self, loss: Tensor) -> None:
        """Change the weights so that the loss falls."""
        self._network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            gradient = cast(Tensor, kernel.grad)
            matrix.grad = as_matrix(gradient.contiguous(memory_format=torch.channels_last_3d))
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adam.step()
        for schedule in self._schedules:
            schedule.step()


def is_kernel(weight: Tensor) -> bool:
    """Whether a weight is the kernel of a convolution that mixes channels, if it is one in 2D."""
    return weight.ndim == 5 or (weight.ndim == 4 and weight.shape[1] > 1)


def as_matrix(kernel: Tensor) -> Tensor:
    """Return a kernel (out, in, I, J, K) as a matrix (out, I J K in) in the same memory; 2D likewise.

    It must lie in the memory format of channels last.
    """
    return kernel.detach().movedim(1, -1).view(len(kernel), -1)


def channels_last(ndim: int) -> torch.memory_format:
    """Return the memory format in which the channels of a pixel or voxel lie together."""
    return torch.channels_last if ndim == 4 else torch.channels_last_3d


def lay_out(network: nn.Module) -> None:
    """Put the kernels of a network into memory with channels last."""
    for weight in network.parameters():
        if weight.ndim in (4, 5):
            weight.data = weight.data.contiguous(memory_format=channels_last(weight.ndim))
