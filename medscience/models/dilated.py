"""Convolutions that learn fast on a processor.

oneDNN has no fast gradient for a kernel with gaps, nor for one of a single voxel between few channels: they
took four fifths of a step's time. Both are other operations in disguise, for which it has.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import linear, pad


class Dilated(nn.Conv3d):
    """A dilated convolution that keeps the volume's size; in training, a plain one of each grid that it sees.

    With a dilation of d, voxels whose places differ by a multiple of d only meet each other: the volume falls
    apart into d^3 grids, on each of which the kernel has no gaps. Sums are the same.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, I, J, K) to (B, C', I, J, K)."""
        d = self.dilation[0]
        if d == 1 or not _learns_on_processors(self, image):
            return super().forward(image)
        grids = _grids(image, d)
        found = nn.functional.conv3d(grids, self.weight, self.bias, padding=cast(int, self.padding[0]) // d)
        return _together(found, d, image.shape)


class Pointwise(nn.Conv3d):
    """A convolution of a single voxel; trained, it is the matrix product that it is."""

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, I, J, K) to (B, C', I, J, K)."""
        if not _learns_on_processors(self, image):
            return super().forward(image)
        return linear(image.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)


def _learns_on_processors(layer: nn.Module, image: Tensor) -> bool:
    return layer.training and image.device.type == "cpu"


def _grids(image: Tensor, d: int) -> Tensor:
    """Return a volume's grids of each d-th voxel as a batch (B d^3, C, I / d, J / d, K / d).

    Where voxels have run out there are zeros.
    """
    voxels = pad(image, [end for size in reversed(image.shape[2:]) for end in (0, -size % d)]).movedim(1, -1)
    batch, i, j, k, channels = voxels.shape
    parts = voxels.reshape(batch, i // d, d, j // d, d, k // d, d, channels).permute(0, 2, 4, 6, 1, 3, 5, 7)
    return parts.reshape(-1, i // d, j // d, k // d, channels).movedim(-1, 1)


def _together(grids: Tensor, d: int, shape: tuple[int, ...]) -> Tensor:
    """Return the volume of so large a shape whose grids these are."""
    voxels = grids.movedim(1, -1)
    _, i, j, k, channels = voxels.shape
    parts = voxels.reshape(shape[0], d, d, d, i, j, k, channels).permute(0, 4, 1, 5, 2, 6, 3, 7)
    whole = parts.reshape(shape[0], i * d, j * d, k * d, channels)
    return whole[:, : shape[2], : shape[3], : shape[4]].movedim(-1, 1)
