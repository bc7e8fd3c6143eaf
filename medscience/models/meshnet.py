"""MeshNet: a stack of dilated 3D convolutions at full resolution.

Fedorov et al. 2017, "End-to-end learning of brain tissue segmentation from imperfect labeling",
arXiv:1612.00940, Table I; the published weights of brainchop follow it with other widths and dilations.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medscience.errors import ModelError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "elu": partial(nn.ELU, inplace=True),
    "gelu": nn.GELU,
}
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": partial(nn.BatchNorm3d, eps=1e-5),
    "instance": partial(nn.InstanceNorm3d, eps=1e-5, affine=False),
}


class MeshNet(nn.Module):
    """Dilated 3x3x3 convolutions of constant width, then one 1x1x1 convolution to logits.

    Each 3x3x3 convolution is followed by its normalisation, if any, and its activation. Zeros are padded so
    that every layer keeps the volume's size. The paper's dropout is left out: brainchop sets it to 0.

    Parameters
    ----------
    channels : int
        Width of every hidden layer.
    classes : int
        Number of logits.
    dilations : sequence of int
        Dilation of each 3x3x3 convolution.
    activation : str
        ``relu``, ``elu`` or ``gelu``, after every 3x3x3 convolution.
    norm : str
        ``batch``: with scale and shift, as in the paper. ``none``: also where batch normalisation is folded
        into the convolutions, as in most published weights. ``instance``: each channel by its own mean and
        variance over the volume, without scale and shift, as in brainchop's mindgrab.
    bias : bool
        Whether the 3x3x3 convolutions have a bias; the last one always does.

    Notes
    -----
    GELU is the exact one, x/2 (1 + erf(x/sqrt 2)). mindgrab was trained with torch's ``nn.GELU()``
    (neuroneural/brainchop-models, ``meshnet_gn.py``), and brainchop runs it as the activation ``gelu`` of
    TensorFlow.js 4, which uses erf too (tfjs-layers, ``activations``; its ``gelu_new`` is the one with tanh).
    brainchop's command line differs: tinygrad's ``.gelu()`` is the approximation with tanh
    (neuroneural/brainchop-cli, ``tiny_meshnet.py``), up to 5e-4 away for each activation.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        dilations: Sequence[int],
        activation: str,
        norm: str = "none",
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n, dilation in enumerate(dilations):
            width = channels if n else 1
            layers.append(nn.Conv3d(width, channels, 3, padding=dilation, dilation=dilation, bias=bias))
            if norm != "none":
                layers.append(NORMS[norm](channels))
            layers.append(ACTIVATIONS[activation]())
        self.features = nn.Sequential(*layers)
        self.head = nn.Conv3d(channels, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, 1, I, J, K) to class logits (B, classes, I, J, K)."""
        logits: Tensor = self.head(self.features(image))
        return logits


def fold_batch_norm(network: MeshNet) -> MeshNet:
    """Return a MeshNet without normalisation that computes what `network` does in eval mode.

    Its hidden convolutions have a bias, and its weights are named as if it had been built so.

    Raises
    ------
    ModelError
        If the network has instance normalisation: that follows the image, so no weights can hold it.
    """
    folded = copy.deepcopy(network).eval()
    layers: list[nn.Module] = []
    for layer in folded.features:
        if isinstance(layer, nn.InstanceNorm3d):
            raise ModelError(
                "MODEL-FOLD",
                field="norm",
                found="instance",
                expected="batch or none",
                fix="keep the normalisation",
            )
        if isinstance(layer, nn.BatchNorm3d):
            layers[-1] = fuse_conv_bn_eval(cast(nn.Conv3d, layers[-1]), layer)
        else:
            layers.append(layer)
    folded.features = nn.Sequential(*layers)
    return folded
