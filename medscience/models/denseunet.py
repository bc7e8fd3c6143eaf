"""DenseUNet: DenseNet's path down, and a path up by nearest upsampling and 3-wide convolutions.

Li et al. 2018, "H-DenseUNet", IEEE TMI 37(12):2663-2674, arXiv:1709.07330, Table I. There are two of it: one
for slices (DenseUNet-167) and one for volumes (DenseUNet-65).
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from medscience.models.densenet import DenseNet, Kind

EPSILON = 1e-3
"""What normalisation on the way up adds to a variance: the default of Keras, as published."""
MOMENTUM = 0.01
"""Part of a batch's statistics in the running ones: Keras' 0.99 the other way round."""


class Up(nn.Module):
    """Nearest upsampling, the sum with a skip if there is one, a 3-wide convolution, normalise, ReLU."""

    def __init__(self, kind: Kind, factor: Sequence[int], channels: tuple[int, int]) -> None:
        super().__init__()
        self.factor = tuple(factor)
        self.upsample: nn.Module = nn.Upsample(scale_factor=tuple(map(float, factor)), mode="nearest")
        self.conv: nn.Module = kind.conv(*channels, 3, padding=1)
        self.dropout: nn.Module = nn.Identity()
        self.norm = kind.norm(channels[1], eps=EPSILON, momentum=MOMENTUM)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        x = self.upsample(x)
        if skip is not None:
            x = x + skip
        found: Tensor = self.norm(self.dropout(self.conv(x)))
        return relu(found, inplace=True)


class DenseUNet(nn.Module):
    """Features of an image at full resolution, and logits from them if there are classes.

    Sides must be multiples of 32, numbers of slices of a volume multiples of 4.

    Parameters
    ----------
    kind : Kind
        `PLANES` or `VOLUMES`; volumes keep their slices apart between the first two levels and the last two.
    inputs, classes : int
        Channels of the image; number of logits, 0 for features only.
    stem, growth, blocks
        Of `DenseNet`.
    up : sequence of int
        Channels after each step up.
    skips : bool
        Whether what the path down gave is added on the way up, before each convolution but the last, as in
        the paper. The released networks have none.
    """

    def __init__(
        self,
        kind: Kind,
        inputs: int,
        classes: int,
        stem: int,
        growth: int,
        blocks: Sequence[int],
        up: Sequence[int],
        *,
        skips: bool = False,
    ) -> None:
        super().__init__()
        self.down = DenseNet(kind, inputs, stem, growth, blocks)
        self.ends = ends = [self.down.widths[-1], *up]
        factors = [kind.halve] * (len(up) - 2) + [(2,) * len(kind.halve)] * 2
        self.up = nn.ModuleList(
            Up(kind, factor, channels)
            for factor, channels in zip(factors, zip(ends, up, strict=False), strict=True)
        )
        self.skips = skips
        if skips:  # the coarsest skip has other channels than what it is added to
            self.project = kind.conv(self.down.widths[-2], self.down.widths[-1], 1)
        if classes:
            self.classifier = kind.conv(up[-1], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, C, ...) to features (B, C', ...) of the same size."""
        features: Tensor
        *levels, features = self.down(image)
        skips = levels if self.skips else []
        del levels
        for n, up in enumerate(self.up):
            skip = skips.pop() if skips else None
            features = up(features, skip if n or skip is None else self.project(skip))
        return features
