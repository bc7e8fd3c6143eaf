"""Which parts of a network learn in a stage, and which keep still.

The three steps of H-DenseUNet (Li et al. 2018, arXiv:1709.07330, section III-D; what keeps its statistics is
that of ``hybridnet.py`` in github.com/xmengli/H-DenseUNet); and the two of `medscience.models.fringe.Fringe`.
"""

from collections.abc import Iterator

from torch import nn

from medscience.models.densenet import DenseLayer
from medscience.models.fringe import Fringe
from medscience.models.hdenseunet import HDenseUNet
from medscience.recipe import Learning, Looking
from medscience.training.start import settle


def let_learn(network: nn.Module, learning: Learning | Looking) -> None:
    """Set a network to train as a stage says.

    What keeps still has no gradient, its batch normalisation keeps its statistics, and it drops nothing out.
    """
    network.train()
    still = list(_still(network, learning))
    for part in still:
        part.eval()
    frozen = {id(weight) for part in still for weight in part.parameters()}
    for weight in network.parameters():
        weight.requires_grad = id(weight) not in frozen
    if learning == "end-to-end" and isinstance(network, HDenseUNet):
        network.slices.apply(settle)
        for layer in network.volume.modules():
            if isinstance(layer, DenseLayer):
                layer.apply(settle)


def _still(network: nn.Module, learning: Learning | Looking) -> Iterator[nn.Module]:
    if isinstance(network, Fringe):
        looks = learning == "counter"
        yield from (part for name, part in network.named_children() if (name == "counter") != looks)
    if not isinstance(network, HDenseUNet):
        return
    if learning == "slices":
        yield from (network.volume, network.fuse, network.norm, network.head)
    if learning == "volume":
        yield network.slices
