"""A start for RSTAR4D-Net from which few steps lead far: it passes on the image of all phases as it is."""

from typing import cast

import torch
from torch import Tensor

from medscience.models.rstar4d import RSTAR4D, Decode, Encode
from medscience.models.separable import SLOPE, Separable, Trio

PRIOR = 1
"""Its channel of the input."""
ACTIVATIONS = 3
"""That a value passes on its way through the highest level."""


def let_the_prior_through(network: RSTAR4D) -> None:
    """Set weights so that the answer is the prior; all others stay as they were drawn.

    A value and its negative go side by side through the highest level: of what an activation does to them,
    the difference is a multiple of the value.
    """
    encode, decode = cast(Encode, network.encode[0]), cast(Decode, network.decode[-1])
    skipped = network.width
    with torch.no_grad():
        for row, sign in ((0, 1.0), (1, -1.0)):
            _only(encode.down.xy.weight, encode.down.xy.bias, row, {PRIOR: sign})
            _nothing(encode.refine.second.second, row)
            _nothing(decode.up.block.second, row)
            _pass(decode.refine.first, row, skipped + row)
            _pass(decode.refine.second, row, row)
        share = 1 / (1 + SLOPE**ACTIVATIONS)
        _sum(network.last.block.first, 0, {0: share, 1: -share})
        _sum(network.last.block.second, 0, {0: 1.0})


def _pass(block: Separable, row: int, source: int) -> None:
    _sum(block.first, row, {source: 1.0})
    _sum(block.second, row, {row: 1.0})


def _nothing(trio: Trio, row: int) -> None:
    _sum(trio, row, {})


def _sum(trio: Trio, row: int, sources: dict[int, float]) -> None:
    """Have a channel be a sum of others, at the same place."""
    _only(trio.xy.weight, trio.xy.bias, row, sources)
    for part in (trio.z, trio.t):
        _only(part.weight, part.bias, row, {})


def _only(weight: Tensor, bias: Tensor | None, row: int, sources: dict[int, float]) -> None:
    weight[row] = 0
    middle = tuple(n // 2 for n in weight.shape[2:])
    for source, value in sources.items():
        weight[(row, source, *middle)] = value
    if bias is not None:
        bias[row] = 0
