"""Fringe: finds antinodes in a frame of a recording and says how many rings each has.

Depthwise-separable convolutions (Chollet 2017, arXiv:1610.02357) down to an eighth of the frame and further,
summed up again at an eighth (Lin et al. 2017, arXiv:1612.03144); there, each cell says whether the middle of
an antinode lies in it (Zhou et al. 2019, arXiv:1904.07850), where its ellipse is, and how likely each count
of rings is. Where a middle is, a second look at the antinode, unrolled, counts its rings again.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_unshuffle

from medscience.models.counter import AT_ONCE, Counter
from medscience.models.unroll import unrolled

BLOCK = 4
"""Pixels along each side of what the network sees as one place."""

ROW = {torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.complex128}
"""A number as large as a block's row, by the type of its pixels."""

CELL = 8
"""Pixels along each side of a cell of the answer."""

STRIDE = 32
"""Pixels along each side of the coarsest cell: frames are padded with zeros to whole ones."""

BRIGHTEST = 4.0
"""What is brighter, as the root of its part of the frame's brightness, is no brighter to the network."""

DARK = 2.0**-50
"""Added while roots are taken, and taken off again: the root of zero takes twenty times as long as others."""

RARE = -3.0
"""The logit of a middle before anything is learnt: most cells have none."""

SHAPE_MAPS = 6
"""The answer's maps before those of the rings: middle, offset along x and y, logarithm of the ellipse."""

LOOK = 0.3
"""How sure a middle must be to be looked at again."""

Cells = tuple[Tensor, Tensor, Tensor]
"""Frame, row and column of some cells, each of shape (N,)."""


class Blocks(nn.Module):
    """Makes the 4 x 4 pixels of a block its channels, (B, 1, Y, X) to (B, 16, Y / 4, X / 4), channels last.

    As `torch.nn.PixelUnshuffle`, but the four of a row move as one number: a tenth of its time.
    """

    def forward(self, frames: Tensor) -> Tensor:
        batch, _, height, width = frames.shape
        if frames.dtype not in ROW:
            return pixel_unshuffle(frames, BLOCK)
        four = frames.contiguous().view(ROW[frames.dtype]).view(batch, -1, BLOCK, width // BLOCK)
        rows = four.movedim(2, 3).contiguous().view(frames.dtype)
        return rows.view(batch, height // BLOCK, width // BLOCK, -1).movedim(3, 1)


class Separable(nn.Sequential):
    """A depthwise 5x5 convolution, then a pointwise one, batch normalisation and ReLU."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 5, stride, padding=2, groups=channels, bias=False),
            nn.Conv2d(channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """What a separable convolution adds to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = Separable(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.change(features)
        return features + changed


class Fringe(nn.Module):
    """Maps frames to what each cell of `CELL` x `CELL` pixels knows of an antinode's middle in it.

    Parameters
    ----------
    widths : sequence of int
        Channels at 1/4, 1/8, 1/16 and 1/32 of the frame's sides.
    depths : sequence of int
        Residual blocks at each of them.
    neck : int
        Channels where they are summed up.
    counts : int
        Number of ring counts that are told apart.
    counter : int, optional
        Channels of the second look; none is taken if not given.
    """

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        neck: int,
        counts: int,
        counter: int | None = None,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Blocks(),
            nn.Conv2d(BLOCK * BLOCK, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[0], widths[1], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[1]),
            nn.ReLU(inplace=True),
            *(Residual(widths[1]) for _ in range(depths[0])),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(Separable(before, width, stride=2), *(Residual(width) for _ in range(depth)))
            for (before, width), depth in zip(pairwise(widths[1:]), depths[1:], strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, neck, 1) for width in widths[1:])
        self.merged = nn.ModuleList(Residual(neck) for _ in widths[1:])
        last = nn.Conv2d(neck, SHAPE_MAPS + counts, 1)
        nn.init.constant_(cast(Tensor, last.bias)[:1], RARE)
        self.head = nn.Sequential(Separable(neck, neck), last)
        self.counter = Counter(counter, counts) if counter else None

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 1, Y, X) to (B, 6 + counts, Y / 8, X / 8), sizes rounded up."""
        answer = self.maps(frames)
        if self.counter is None:
            return answer
        cells, laws = self.second_look(frames, answer, LOOK)
        return with_second_look(answer, cells, laws)

    def maps(self, frames: Tensor) -> Tensor:
        """Return the answer without the second look."""
        height, width = frames.shape[2:]
        features = self.stem(pad(frames, (0, -width % STRIDE, 0, -height % STRIDE)))
        levels = [self.sides[0](features)]
        for stage, side in zip(self.stages, self.sides[1:], strict=True):
            features = stage(features)
            levels.append(side(features))
        total = self.merged[-1](levels[-1])
        for level, merge in zip(levels[-2::-1], self.merged[-2::-1], strict=True):
            total = merge(level + interpolate(total, scale_factor=2.0, mode="nearest"))
        answer: Tensor = self.head(total)
        return answer[:, :, : -(-height // CELL), : -(-width // CELL)]

    def second_look(self, frames: Tensor, answer: Tensor, least: float) -> tuple[Cells, Tensor]:
        """Return the cells of middles that are so sure, and logits (N, counts) of what they show unrolled."""
        counter = cast(Counter, self.counter)
        frame, row, column = peaks(answer, least).nonzero().unbind(1)
        shapes = answer.detach()[frame, 1:SHAPE_MAPS, row, column].float().clamp(-4, 4)
        shapes[:, 0] = CELL * (column + shapes[:, 0]) + (CELL - 1) / 2
        shapes[:, 1] = CELL * (row + shapes[:, 1]) + (CELL - 1) / 2
        starts = range(0, max(len(frame), 1), AT_ONCE)
        parts = [slice(start, start + AT_ONCE) for start in starts]
        laws = [counter(unrolled(frames, frame[part], shapes[part])) for part in parts]
        return (frame, row, column), torch.cat(laws)


def with_second_look(answer: Tensor, cells: Cells, laws: Tensor) -> Tensor:
    """Return maps whose counts, in the cells of middles and those beside them, are the mean of both looks."""
    height, width = answer.shape[2:]
    frame, row, column = (each[:, None] for each in cells)
    down, right = (torch.arange(9).to(row.device) // 3 - 1, torch.arange(9).to(row.device) % 3 - 1)
    row, column = row + down, column + right
    there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    cell, which = torch.unique(((frame * height + row) * width + column)[there], return_inverse=True)
    told = laws.repeat_interleave(9, 0)[there.flatten()].to(answer.dtype)
    mean = told.new_zeros(len(cell), told.shape[1]).index_put_((which,), told, accumulate=True)
    mean /= which.bincount()[:, None]  # of two middles as close as that
    frame, row, column = cell // (height * width), cell // width % height, cell % width
    both = answer.clone()
    both[frame, SHAPE_MAPS:, row, column] = (answer[frame, SHAPE_MAPS:, row, column] + mean) / 2
    return both


def peaks(answer: Tensor, least: float) -> Tensor:
    """Return where middles are, shape (B, Y, X): no cell beside them is surer, and they are sure enough."""
    heat = torch.sigmoid(answer[:, 0].float())
    around = pad(heat, (1, 1, 1, 1))
    rows = torch.maximum(torch.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    best = torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    return (heat == best) & (heat >= least)


def seen(frames: Tensor) -> Tensor:
    """Return frames (B, 1, Y, X) of any whole numbers as the network sees them, in float32.

    The root of brightness as a part of the frame's: gain and number of bits do not matter, speckle has about
    the same spread everywhere, and a black frame stays black.
    """
    bright = frames.float()
    mean = torch.linalg.vector_norm(bright, dim=(1, 2, 3), keepdim=True) / bright[0].numel() ** 0.5
    part: Tensor = (bright / mean.clamp_min(1e-6)).clamp_(DARK**2, BRIGHTEST**2)
    return part.sqrt_().sub_(DARK)
