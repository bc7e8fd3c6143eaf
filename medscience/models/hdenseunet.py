"""H-DenseUNet: a DenseUNet on slices, one on volumes that sees its logits, and both fused.

Li et al. 2018, "H-DenseUNet: Hybrid Densely Connected UNet for Liver and Tumor Segmentation from CT Volumes",
IEEE TMI 37(12):2663-2674, arXiv:1709.07330, Fig. 2; where paper and released code differ
(github.com/xmengli/H-DenseUNet, ``hybridnet.py``), an argument says which. Axes are (z, y, x), z across
slices.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from medscience.models.densenet import PLANES, VOLUMES
from medscience.models.denseunet import EPSILON, MOMENTUM, DenseUNet

GAIN = 250.0
"""What logits of slices are multiplied with, so that they have the range of the image beside them."""
SIDE = 32
"""Rows and columns are padded to a multiple of this."""

Edges = Literal["neighbours", "duplicated"]


class HDenseUNet(nn.Module):
    """The hybrid network.

    Parameters
    ----------
    classes : int
        Number of logits.
    slices, volume : mapping
        ``stem``, ``growth``, ``blocks`` and ``up`` of the two branches, see `DenseUNet`.
    skips : bool
        Whether the branch on slices has skips, as in the paper; the released network has none.
    window, step : int
        How an image is cut into windows of slices, and how far one is from the next.
    edges : str
        What the outermost slices of a window see beyond it: their true ``neighbours``, or themselves,
        ``duplicated``, as in the released code.
    dropout : float
        Part of the last features, of slices and fused, that is left out in training.
    """

    def __init__(
        self,
        classes: int,
        slices: Mapping[str, Any],
        volume: Mapping[str, Any],
        *,
        skips: bool = False,
        window: int = 8,
        step: int = 2,
        edges: Edges = "neighbours",
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        channels = slices["up"][-1]
        self.classes, self.window, self.step, self.edges = classes, window, step, edges
        self.slices = DenseUNet(PLANES, 3, classes, **slices, skips=skips)
        self.slices.up[-1].dropout = nn.Dropout(dropout)
        self.volume = DenseUNet(VOLUMES, 1 + classes, 0, **volume)
        self.fuse = nn.Conv3d(channels, channels, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.BatchNorm3d(channels, eps=EPSILON, momentum=MOMENTUM)
        self.head = nn.Conv3d(channels, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map one window (B, 1, Z, Y, X) to logits (B, classes, Z, Y, X); Z is a multiple of 4."""
        return self.both(image)[0]

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return a window's logits, and those of the branch on slices, both (B, classes, Z, Y, X)."""
        rows, columns = image.shape[3:]
        image = padded(image)
        middle = image[:, 0]
        below = torch.cat([middle[:, :1], middle[:, :-1]], 1)
        above = torch.cat([middle[:, 1:], middle[:, -1:]], 1)
        features, logits = self._stacked(below, middle, above)
        found = self.on_volume(image, features, logits)
        return found[..., :rows, :columns], logits[..., :rows, :columns]

    def between(self, image: Tensor) -> Tensor:
        """Return the branch on slices' logits (B, classes, Z - 2, Y, X) of all slices with two neighbours."""
        rows, columns = image.shape[3:]
        middle = padded(image)[:, 0]
        _, logits = self._stacked(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])
        return logits[..., :rows, :columns]

    def _stacked(self, below: Tensor, middle: Tensor, above: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits (B, C, Z, Y, X) of slices (B, Z, Y, X) with their neighbours."""
        batch, depth = middle.shape[:2]
        features, logits = self.on_slices(torch.stack([below, middle, above], 2).flatten(0, 1))
        one, other = (p.reshape(batch, depth, *p.shape[1:]).transpose(1, 2) for p in (features, logits))
        return one, other

    def on_slices(self, triplets: Tensor) -> tuple[Tensor, Tensor]:
        """Map slices with their neighbours (B, 3, Y, X) to features (B, C, Y, X) and logits."""
        features = self.slices(triplets)
        return features, self.slices.classifier(features)

    def on_volume(self, image: Tensor, features: Tensor, logits: Tensor) -> Tensor:
        """Map a window (B, 1, Z, Y, X), and its slices' features and logits (B, C, Z, Y, X), to logits."""
        return self.decided(self.fuse(self.volume(self.beside(image, logits)) + features))

    @staticmethod
    def beside(image: Tensor, logits: Tensor) -> Tensor:
        """Return what the branch on volumes sees: a window, and beside it its slices' logits."""
        return torch.cat([image, GAIN * logits], dim=1)

    def decided(self, fused: Tensor) -> Tensor:
        """Map features (B, C, Z, Y, X) that are fused, but not normalised, to logits."""
        logits: Tensor = self.head(relu(self.norm(self.dropout(fused)), inplace=True))
        return logits


def padded(image: Tensor) -> Tensor:
    """Repeat the last row and column of an image (B, C, Z, Y, X) until sides are multiples of `SIDE`."""
    rows, columns = (-size % SIDE for size in image.shape[3:])
    return pad(image, (0, columns, 0, rows, 0, 0), mode="replicate") if rows or columns else image


PUBLISHED: dict[str, Any] = {
    "classes": 3,
    "slices": {"stem": 96, "growth": 48, "blocks": (6, 12, 36, 24), "up": (768, 384, 96, 96, 64)},
    "volume": {"stem": 96, "growth": 32, "blocks": (3, 4, 12, 8), "up": (504, 224, 192, 96, 64)},
}
"""Arguments of the published network."""

SMALL: dict[str, Any] = {
    "classes": 3,
    "slices": {"stem": 32, "growth": 16, "blocks": (3, 4, 8, 6), "up": (104, 80, 32, 32, 24)},
    "volume": {"stem": 24, "growth": 12, "blocks": (2, 3, 6, 4), "up": (64, 48, 32, 24, 24)},
}
"""Arguments of a network that trains on two cores."""
