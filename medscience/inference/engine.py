"""A network, made ready to run in a precision."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from medscience.errors import ConfigError
from medscience.inference.decide import Head
from medscience.inference.gpu import Gpu
from medscience.inference.layers import Layers
from medscience.inference.mirror import Flips
from medscience.inference.together import Together
from medscience.inference.windows import Windows
from medscience.models.ensemble import Ensemble
from medscience.models.hdenseunet import HDenseUNet

Precision = Literal["float32", "bfloat16", "float16"]
"""Of what is held between the layers; sums within a layer, and logits, are float32. float16 is for GPUs that
do not multiply in bfloat16: it holds numbers up to 65504, and one that was larger is refused as a logit."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A network, ready to run."""

    features: Layers | Together | Windows
    """Maps an image (1, 1, I, J, K), float32, to features (1, C, I, J, K)."""
    head: Head
    """From features to logits, and what is kept of them."""
    precision: Precision
    alignment: int
    """Number of voxels of which a tile's start must be a multiple."""
    mirrors: tuple[Flips, ...] = ((),)
    """The mirror images over which it averages, the scan as it is among them."""
    gpu: Gpu | None = None
    """The GPU on which it computes, or for which it is planned; None for processors."""


def engine(
    network: nn.Module,
    precision: Precision = "float32",
    maps: tuple[str, ...] = (),
    thresholds: tuple[float, ...] = (),
    mirrors: tuple[Flips, ...] = ((),),
    gpu: Gpu | None = None,
    *,
    skips: bool = False,
) -> Engine:
    """Return a network ready to run.

    Parameters
    ----------
    network : Module
        Has `features`, which keep the volume's size, and a pointwise `head`; or is an H-DenseUNet, whose
        averaged probabilities, as logarithms, are taken for logits, or an ensemble, whose members' mean
        logits are. It runs where its weights are.
    precision : str
        Of what is held between the layers.
    maps : tuple of str
        What is kept of the logits beside the most likely class: see `Head`.
    thresholds : tuple of float
        How labels follow from probabilities: see `Head`.
    mirrors : tuple of tuple of int
        Mirror images over which it averages: see `medscience.inference.mirror.ways`.
    gpu : Gpu, optional
        The GPU that the network is on, or for which it is planned.
    skips : bool
        Whether background may be copied instead of computed: see `medscience.inference.background`.
    """
    kind = getattr(torch, precision)
    if isinstance(network, HDenseUNet):
        windows = Windows(network, kind)
        head = Head(_as_it_is(network.classes).to(windows.device), maps, thresholds)
        return Engine(windows, head, precision, 1, mirrors, gpu)
    where = "cuda" if gpu else "cpu"
    if isinstance(network, Ensemble):
        together = Together([(Layers(one.features, kind, where), one.head) for one in network])
        head = Head(_as_it_is(network.classes).to(together.device), maps, thresholds)
        return Engine(together, head, precision, together.alignment, mirrors, gpu)
    features: nn.Sequential = network.features  # type: ignore[assignment]
    layer: nn.Conv3d = network.head  # type: ignore[assignment]
    layers = Layers(features, kind, where, skips=skips)
    return Engine(layers, Head(layer, maps, thresholds), precision, layers.alignment, mirrors, gpu)


def _as_it_is(channels: int) -> nn.Conv3d:
    """A layer that changes nothing."""
    layer = nn.Conv3d(channels, channels, 1)
    nn.init.dirac_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def precision_of(wish: Precision | Literal["auto"], gpu: Gpu | None = None) -> Precision:
    """Return the precision to use: ``auto`` is bfloat16 where the device has it, else float32.

    Raises
    ------
    ConfigError
        If it is one that processors do not compute in, and they compute or may take over.
    """
    if wish == "float16" and (gpu is None or gpu.may_leave):
        raise not_on_processors()
    if wish != "auto":
        return wish
    if gpu:
        return "bfloat16" if gpu.has_bfloat16 else "float32"
    can = torch.cpu.get_capabilities()
    return "bfloat16" if can.get("avx512_bf16") or can.get("amx_bf16") else "float32"


def not_on_processors() -> ConfigError:
    """Return the error of a wish for float16 where not only a GPU computes labels."""
    return ConfigError(
        "PRECISION-GPU",
        field="precision",
        found="float16",
        expected="float32 or bfloat16, but where a GPU alone computes labels",
        fix="name the GPU (--device cuda), or another --precision",
    )
