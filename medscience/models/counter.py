"""A second look at each antinode: rings are counted where they are lines."""

from torch import Tensor, nn
from torch.nn.functional import pad

from medscience.models.unroll import RADII

AT_ONCE = 16
"""Pictures that are looked at together: they hold no more than a frame does."""

BACK = 1 + 2 + 4
"""Angles before the first that three layers look back at, each of every second column of the one before."""


class Counter(nn.Module):
    """Maps unrolled antinodes (N, 2, R, A) to the logits of each count of rings, (N, counts).

    It begins with every count as likely.

    Parameters
    ----------
    channels : int
        Of its first layers.
    counts : int
        Number of ring counts that are told apart.
    """

    def __init__(self, channels: int, counts: int) -> None:
        super().__init__()
        self.around = nn.ModuleList(
            nn.Conv2d(before, width, (5, 3), (step, 2), padding=(2, 0))
            for before, width, step in (
                (2, channels, 1),
                (channels, channels, 1),
                (channels, 2 * channels, 2),
            )
        )
        self.along = nn.ModuleList(
            nn.Conv2d(2 * channels, 2 * channels, (5, 1), padding=(2, 0)) for _ in range(2)
        )
        self.joined = nn.Linear(channels * RADII, 2 * counts)
        self.last = nn.Linear(2 * counts, counts)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, 2, R, A) to (N, counts)."""
        features = pad(pictures.to(self.last.weight.dtype), (BACK, 0, 0, 0), mode="circular")
        for layer in self.around:
            features = layer(features).relu()
        features = features.mean(dim=3, keepdim=True)
        for layer in self.along:
            features = features + layer(features).relu()
        found: Tensor = self.last(self.joined(features.flatten(1)).relu())
        return found
