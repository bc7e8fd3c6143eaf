"""Networks that answer together, one after the other: what is held of each is gone before the next begins."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medscience.inference.layers import Layers
from medscience.inference.tiling import Region, Sizes
from medscience.progress import Tell, nobody

SLAB = 8 << 20
"""Bytes of logits and of their features that are added at once."""


class Together:
    """The mean logits of networks of one shape, held in float32.

    Parameters
    ----------
    members : sequence of tuple
        Features and pointwise head of each network.
    """

    def __init__(self, members: Sequence[tuple[Layers, nn.Conv3d]]) -> None:
        self.members = members
        self._like = members[0][0]
        self.precision, self.device = self._like.precision, self._like.device
        self.classes = members[0][1].out_channels
        self.weight_bytes = sum(layers.weight_bytes for layers, _ in members)
        self.reaches, self.alignment = self._like.reaches, self._like.alignment

    def __call__(self, image: Tensor, tell: Tell = nobody, keep: Region | None = None) -> Tensor:
        """Map an image (1, 1, I, J, K) to mean logits (1, classes, ...) of what is to be kept of it.

        Parameters
        ----------
        image, tell, keep
            As for `medscience.inference.layers.Layers`.
        """
        keep = keep or tuple(slice(0, side) for side in image.shape[2:])
        sides = [part.stop - part.start for part in keep]
        total = torch.zeros(1, self.classes, *sides, device=self.device)
        total = total.contiguous(memory_format=torch.channels_last_3d)
        for number, (layers, head) in enumerate(self.members):
            before = number * layers.parts

            def told(done: int, _all: int, before: int = before) -> None:
                tell(before + done, self.parts)

            _add(total, layers(image, told, keep), head)
        return total.div_(len(self.members))

    @property
    def parts(self) -> int:
        """Into how many parts work is divided to tell of it."""
        return sum(layers.parts for layers, _ in self.members)

    @property
    def channels(self) -> int:
        """The most numbers of the precision that a member holds for each voxel."""
        return self._like.channels

    @property
    def per_kept(self) -> int:
        """Bytes of the logits of a voxel that is kept."""
        return self.classes * torch.float32.itemsize

    def working_bytes(self, tile: Sizes) -> int:
        """Return what a member holds beside that, for a tile (I, J, K)."""
        return self._like.working_bytes(tile)


def _add(total: Tensor, features: Tensor, head: nn.Conv3d) -> None:
    """Add a network's logits to those of others, a slab at a time."""
    plane = total.shape[3] * total.shape[4] * (head.in_channels + head.out_channels)
    slices = max(SLAB // (torch.float32.itemsize * plane), 1)
    for start in range(0, total.shape[2], slices):
        part = slice(start, start + slices)
        total[:, :, part] += head(features[:, :, part].float())
