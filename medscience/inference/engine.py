"""A network, made ready to run in a precision."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from medscience.inference.decide import Head
from medscience.inference.layers import Layers
from medscience.models.receptive_field import alignment

Precision = Literal["float32", "bfloat16"]
"""Of what is held between the layers; sums within a layer, and logits, are float32."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A network, ready to run."""

    features: Layers
    """Maps an image (1, 1, I, J, K), float32, to features (1, C, I, J, K)."""
    head: Head
    """From features to logits, and what is kept of them."""
    precision: Precision
    alignment: int
    """Number of voxels of which a tile's start must be a multiple."""


def engine(network: nn.Module, precision: Precision = "float32", maps: tuple[str, ...] = ()) -> Engine:
    """Return a network ready to run.

    Parameters
    ----------
    network : Module
        Has `features`, which keep the volume's size, and a pointwise `head`.
    precision : str
        Of what is held between the layers.
    maps : tuple of str
        What is kept of the logits beside the most likely class: see `Head`.
    """
    features: nn.Sequential = network.features  # type: ignore[assignment]
    head: nn.Conv3d = network.head  # type: ignore[assignment]
    return Engine(
        Layers(features, getattr(torch, precision)), Head(head, maps), precision, alignment(network)
    )


def precision_of(wish: Precision | Literal["auto"]) -> Precision:
    """Return the precision to use: ``auto`` is bfloat16 where the processor has it, else float32."""
    if wish != "auto":
        return wish
    can = torch.cpu.get_capabilities()
    return "bfloat16" if can.get("avx512_bf16") or can.get("amx_bf16") else "float32"
