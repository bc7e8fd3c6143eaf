"""A volume that moves along its first axis while a layer is written over the one before."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from medscience.inference.tiling import Region


@dataclass(frozen=True, slots=True)
class Held:
    """A volume (1, C, slices, J, K) in a tensor with some room to move along the first axis."""

    tensor: Tensor
    start: int
    """Where the volume starts."""
    slices: int
    """How many slices it has."""
    rows: slice
    """Which rows of the tensor are the volume's."""
    columns: slice

    @classmethod
    def all_of(cls, tensor: Tensor) -> "Held":
        """Return a tensor (1, C, I, J, K) as a volume without room."""
        slices, rows, columns = tensor.shape[2:]
        return cls(tensor, 0, slices, slice(0, rows), slice(0, columns))

    @property
    def volume(self) -> Tensor:
        """The volume."""
        return self.tensor[:, :, self.start : self.start + self.slices, self.rows, self.columns]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of the volume."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def narrowed(self, box: Region) -> "Held":
        """Return a part of the volume, in the same memory."""
        slices, rows, columns = box
        return Held(
            self.tensor,
            self.start + slices.start,
            slices.stop - slices.start,
            _within(self.rows, rows),
            _within(self.columns, columns),
        )

    def every(self, apart: int, first: int) -> "Held":
        """Return each `apart`-th slice from the `first` on, in the same memory."""
        at = self.start + first
        slices = len(range(first, self.slices, apart))
        return replace(self, tensor=self.tensor[:, :, at % apart :: apart], start=at // apart, slices=slices)

    def can_move(self, reach: int) -> bool:
        """Whether there is room for a volume that many slices further down or up."""
        return self.start >= reach or self.start + self.slices + reach <= self.tensor.shape[2]

    def moved(self, reach: int) -> "Held":
        """Return the place of the next volume: down if there is room, else up."""
        return replace(self, start=self.start + (-reach if self.start >= reach else reach))

    def like(self, channels: int, room: int) -> "Held":
        """Return an empty volume of other channels, with room for reaches of up to `room` slices."""
        shape = (1, channels, self.slices + 2 * room, *self.plane)
        tensor = torch.empty(
            shape,
            dtype=self.tensor.dtype,
            device=self.tensor.device,
            memory_format=torch.channels_last_3d,
        )
        return replace(Held.all_of(tensor), start=room, slices=self.slices)

    def seen(self, box: Region) -> Tensor:
        """Return slices, rows and columns, with zeros outside of the volume."""
        sides = (self.slices, *self.plane)
        inside = [slice(max(part.start, 0), min(part.stop, n)) for part, n in zip(box, sides, strict=True)]
        slices, rows, columns = inside
        part = self.volume[:, :, slices, rows, columns]
        around = zip(inside, box, strict=True)
        missing = [end for i, b in around for end in (b.stop - i.stop, i.start - b.start)][::-1]
        return pad(part, missing) if any(missing) else part


def _within(outer: slice, inner: slice) -> slice:
    return slice(outer.start + inner.start, outer.start + inner.stop)
