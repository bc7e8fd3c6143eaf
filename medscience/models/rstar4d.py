"""RSTAR4D-Net: removes the streaks of phase-binned cone-beam CT, looking along space and time at once.

Deng et al. 2025, "RSTAR4D: Rotational Streak Artifact Reduction in 4D CBCT using Separable 4D Convolutions",
IEEE TRPMS, arXiv:2403.16361, Fig. 5.
"""

from typing import cast

import torch
from torch import Tensor, nn

from medscience.models.separable import Down, Residual, Trio, Up

INPUTS = 2
"""Channels of the input: a phase, and the image of all phases."""


class Encode(nn.Module):
    """A level on the way down: "1" to "1_3" of the figure, and so on."""

    def __init__(self, before: int, after: int, stride: tuple[int, int], *, flat: bool) -> None:
        super().__init__()
        self.down = Down(before, after, stride, flat=flat)
        self.refine = Residual(after, after, flat=flat)

    def forward(self, image: Tensor) -> Tensor:
        found = self.down(image)
        refined: Tensor = self.refine(found, found)
        return refined


class Decode(nn.Module):
    """A level on the way up, which sees the same level of the way down again: "5" to "5_3", and so on."""

    def __init__(self, before: int, after: int, *, flat: bool) -> None:
        super().__init__()
        self.up = Up(before, after, (1, 2), flat=flat)
        self.refine = Residual(2 * after, after, flat=flat)

    def forward(self, image: Tensor, skipped: Tensor) -> Tensor:
        found = self.up(image)
        refined: Tensor = self.refine(torch.cat([found, skipped], dim=1), found)
        return refined


class RSTAR4D(nn.Module):
    """A U-Net of separable 4D convolutions, residual at every level, without normalisation.

    Its number of phases is the image's: time is a circle, of any length. Only the plane is coarser at lower
    levels; z is halved once, by the first convolution, and doubled again by the last block.

    Parameters
    ----------
    width : int
        Channels at full resolution; each level has twice as many as the one above. Published: 16.
    levels : int
        Published: 4.
    stage : int
        2: as published, in four dimensions. 1: for planes in time, as in the first stage of the training: z
        is a batch of planes, and the convolutions along it are there, but unused.
    """

    def __init__(self, width: int = 16, levels: int = 4, stage: int = 2) -> None:
        super().__init__()
        self.width = width
        flat = stage == 1
        along_z = 1 if flat else 2
        widths = [width << level for level in range(levels)]
        self.encode = nn.ModuleList(
            Encode(before, after, (1, 2) if level else (along_z, 1), flat=flat)
            for level, (before, after) in enumerate(zip([INPUTS, *widths], widths, strict=False))
        )
        self.decode = nn.ModuleList(
            Decode(before, after, flat=flat)
            for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.last = Up(width, 1, (along_z, 1), flat=flat, activate=False)
        self.multiples = (along_z, 2 ** (levels - 1), 2 ** (levels - 1))
        """Of which the sides along z, y and x must be multiples."""

    def forward(self, image: Tensor) -> Tensor:
        """Map phases with the image of all (B, 2, T, Z, Y, X) to restored phases (B, 1, T, Z, Y, X)."""
        levels = [image]
        for encode in self.encode:
            levels.append(encode(levels[-1]))
        found = levels.pop()
        for decode in self.decode:
            found = decode(found, levels.pop())
        restored: Tensor = self.last(found)
        return restored


def opened(flat: RSTAR4D) -> RSTAR4D:
    """Return the network with which the second stage of the training begins: z is opened.

    It has the first stage's weights, but along z: those of separable blocks are zero, and those of strided
    ones pass each slice on as it is. So its slices 2k and 2k + 1 are both what the first stage makes of
    slice 2k.
    """
    network = RSTAR4D(flat.width, len(flat.encode), stage=2).to(next(flat.parameters()).dtype)
    network.load_state_dict(flat.state_dict())
    for part in network.modules():
        if isinstance(part, Trio | Down):
            (nn.init.dirac_ if isinstance(part, Down) else nn.init.zeros_)(part.z.weight)
            nn.init.zeros_(cast(Tensor, part.z.bias))
    return network
