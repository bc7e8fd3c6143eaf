"""Blocks of separable 4D convolutions, for images in time (B, C, T, Z, Y, X).

Deng et al. 2025, "RSTAR4D: Rotational Streak Artifact Reduction in 4D CBCT using Separable 4D Convolutions",
arXiv:2403.16361, Fig. 5. Instead of a kernel of 3 x 3 x 3 x 3, three smaller ones look along the plane (zeros
outside of it), along z (its first and last slice repeated) and along t (a breath is a circle).

A block may be `flat`: then it looks along no z, as in the first stage of training, and its convolutions along
z are there but unused.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

SLOPE = 0.2
"""Of the activation below zero."""


def plane_convolution(before: int, after: int, stride: int = 1) -> nn.Conv3d:
    """Return a 3 x 3 convolution of (B, C, T Z, Y, X) in the plane, with zeros around it."""
    return nn.Conv3d(before, after, (1, 3, 3), (1, stride, stride), (0, 1, 1))


def z_convolution(before: int, after: int, stride: int = 1) -> nn.Conv3d:
    """Return a convolution of (B, C, T, Z, Y X) over three slices; the outermost are their own neighbours."""
    return nn.Conv3d(before, after, (1, 3, 1), (1, stride, 1), (0, 1, 0), padding_mode="replicate")


def t_convolution(before: int, after: int) -> nn.Conv3d:
    """Return a convolution of (B, C, T, Z, Y X) over three phases; the first follows the last."""
    return nn.Conv3d(before, after, (3, 1, 1), 1, (1, 0, 0), padding_mode="circular")


class Trio(nn.Module):
    """The sum of three convolutions: in the plane, along z and along t."""

    def __init__(self, before: int, after: int, *, flat: bool = False) -> None:
        super().__init__()
        self.xy = plane_convolution(before, after)
        self.z = z_convolution(before, after)
        self.t = t_convolution(before, after)
        self.flat = flat

    def forward(self, image: Tensor) -> Tensor:
        batch, channels, t, z, y, x = image.shape
        lines = image.reshape(batch, channels, t, z, y * x)
        found: Tensor = self.xy(image.reshape(batch, channels, t * z, y, x)).view(batch, -1, t, z, y * x)
        found = found + self.t(lines)
        if not self.flat:
            found = found + self.z(lines)
        return found.view(batch, -1, t, z, y, x)


class Separable(nn.Module):
    """Two trios, with an activation after the second only: "S4"."""

    def __init__(self, before: int, after: int, *, flat: bool = False, activate: bool = True) -> None:
        super().__init__()
        self.first = Trio(before, after, flat=flat)
        self.second = Trio(after, after, flat=flat)
        self.activate = activate

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(image))
        return leaky_relu(found, SLOPE) if self.activate else found


class Down(nn.Module):
    """A convolution in the plane, then one along z, then an activation, with strides: "S3"."""

    def __init__(self, before: int, after: int, stride: tuple[int, int], *, flat: bool = False) -> None:
        super().__init__()
        along_z, in_plane = stride
        self.xy = plane_convolution(before, after, in_plane)
        self.z = z_convolution(after, after, along_z)
        self.flat = flat

    def forward(self, image: Tensor) -> Tensor:
        batch, channels, t, z, y, x = image.shape
        found: Tensor = self.xy(image.reshape(batch, channels, t * z, y, x))
        y, x = found.shape[-2:]
        found = found.view(batch, -1, t, z, y * x)
        if not self.flat:
            found = self.z(found)
        return leaky_relu(found, SLOPE).view(batch, -1, t, found.shape[3], y, x)


class Up(nn.Module):
    """Every voxel becomes several with its value, then a separable block."""

    def __init__(
        self,
        before: int,
        after: int,
        scale: tuple[int, int],
        *,
        flat: bool = False,
        activate: bool = True,
    ) -> None:
        super().__init__()
        self.scale = scale
        """How many along z, and along both axes of the plane."""
        self.block = Separable(before, after, flat=flat, activate=activate)

    def forward(self, image: Tensor) -> Tensor:
        along_z, in_plane = self.scale
        for axis, times in ((3, along_z), (4, in_plane), (5, in_plane)):
            image = torch.repeat_interleave(image, times, dim=axis) if times > 1 else image
        found: Tensor = self.block(image)
        return found


class Residual(nn.Module):
    """Two separable blocks whose output is added to something that has as many channels."""

    def __init__(self, before: int, after: int, *, flat: bool = False) -> None:
        super().__init__()
        self.first = Separable(before, after, flat=flat)
        self.second = Separable(after, after, flat=flat)

    def forward(self, image: Tensor, kept: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(image)) + kept
        return found
