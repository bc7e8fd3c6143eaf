"""Several networks that answer together: their mean logits are the answer."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from medscience.models.meshnet import MeshNet


class Ensemble(nn.Module):
    """MeshNets of one shape with weights of their own, such as those of the folds of one training.

    Parameters
    ----------
    members : int
        How many there are.
    each : mapping
        Arguments of every `MeshNet`.
    """

    def __init__(self, members: int, each: Mapping[str, Any]) -> None:
        super().__init__()
        self.members = nn.ModuleList(MeshNet(**each) for _ in range(members))
        self.classes: int = each["classes"]

    def __iter__(self) -> Iterator[MeshNet]:
        return iter(cast(list[MeshNet], self.members))

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, 1, I, J, K) to mean logits (B, classes, I, J, K)."""
        return torch.stack([member(image) for member in self]).mean(dim=0)
