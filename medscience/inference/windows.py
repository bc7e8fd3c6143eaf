"""Windows of slices: what they share is computed once, and where they overlap their answers are averaged.

H-DenseUNet sees whole slices, a few at a time, and did not learn what to answer for the outermost of them,
which have no context on one side. So the image is taken to go on by its first and its last slice. Windows
begin at every `step`-th slice of that, the last one so that it ends with it, wherever blocks are cut: so a
slice has one answer in all of them::

    image    0 1 2 3 4 5 6 7 8 9 A B         window 8, step 2
           (. x x x x x x .)                 what is kept of each window
               (. x x x x x x .)
                   (. x x x x x x .)
                       (. x x x x x x .)

What the branch on slices finds of a slice is the same for all windows that hold it, but for the outermost
slices of a window where these see themselves twice, as in the released code.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from medscience.inference.tiling import Region, Sizes
from medscience.models.hdenseunet import HDenseUNet, padded
from medscience.models.onednn import convolved
from medscience.progress import Tell, nobody

PARTS = 64
"""Into how many parts the work on a block is divided to tell of it."""
LEAST = 1e-10
"""Below this no probability counts as smaller, so that its logarithm is finite."""


def starts(depth: int, window: int, step: int) -> list[int]:
    """Return where the windows of an image begin; one that is less deep has a single one.

    >>> starts(13, 8, 2)
    [-1, 1, 3, 5, 6]
    """
    last = max(depth + 1 - window, -1)
    return [*range(-1, last, step), last]


def kept(start: int, depth: int, window: int) -> range:
    """Return the slices for which a window's answer counts.

    >>> kept(-1, 13, 8), kept(1, 13, 8), kept(6, 13, 8)
    (range(0, 6), range(2, 8), range(7, 13))
    """
    return range(start + 1, min(start + window - 1, depth))


class Windows:
    """The network's averaged answer, as logarithms of probabilities.

    Parameters
    ----------
    network : HDenseUNet
        Folded (`medscience.models.quick`).
    precision : dtype
        Of weights and of what is held between layers; probabilities are averaged in float32.
    """

    def __init__(self, network: HDenseUNet, precision: torch.dtype) -> None:
        self.precision, self.classes = precision, network.classes
        held = network.head.weight.dtype
        self.network = network if held == precision else copy.deepcopy(network).to(precision)
        self.device = network.head.weight.device
        self.weight_bytes = sum(weight.nbytes for weight in self.network.state_dict().values())

    per_kept = 0
    """Bytes of a voxel that is kept, beside those of `channels`."""

    @property
    def parts(self) -> int:
        """Into how many parts work is divided to tell of it."""
        return PARTS

    @property
    def channels(self) -> int:
        """Numbers of the precision that are held for each voxel of a tile; what is averaged is float32."""
        return self.classes * torch.float32.itemsize // self.precision.itemsize

    @property
    def reaches(self) -> tuple[int, ...]:
        """None: every layer sees all of a window."""
        return ()

    @property
    def halo(self) -> Sizes:
        """Slices on each side that a slice's answer depends on."""
        return self.network.window, 0, 0

    def notes(self, depth: int) -> tuple[str, ...]:
        """Return what a reader of the answer should know of an image of so many slices."""
        window = self.network.window
        few = f"{depth} slices, fewer than are kept of a window of {window}: the last one is repeated"
        return () if depth + 2 >= window else (few,)

    def working_bytes(self, tile: Sizes) -> int:
        """Return what a window holds at the worst moment, for a tile (I, J, K)."""
        rows, columns = (-(-side // 32) * 32 for side in tile[1:])
        return round(self._numbers() * rows * columns) * self.precision.itemsize

    def _numbers(self) -> float:
        """Numbers that are held for each pixel of a window: its slices' features, and the widest step."""
        coarse, fine = self.network.volume.ends[-2:]
        slices = (fine + 2 * self.classes) + 2 * (1 + self.classes)
        # the last step up pads what it gets, and finds an eighth of its output at a time
        up = 2.5 * coarse / 8 + 1.25 * fine
        fused = 2 * fine + 2 * self.classes
        return self.network.window * (slices + max(up, fused))

    def __call__(self, image: Tensor, tell: Tell = nobody) -> Tensor:
        """Map a whole image (1, 1, I, J, K) to logarithms of probabilities (1, classes, I, J, K)."""
        shape = tuple(image.shape[2:])
        box = tuple(slice(0, size) for size in shape)
        return self.of(lambda region: image[:, :, region[0], region[1], region[2]], shape, box, tell)

    def of(self, see: Callable[[Region], Tensor], shape: Sizes, box: Region, tell: Tell = nobody) -> Tensor:
        """Return logarithms of probabilities (1, classes, ...) of a box.

        Parameters
        ----------
        see : callable
            Gives the network's input (1, 1, I, J, K) for a region of the frame.
        shape : tuple of int
            Shape of the frame.
        box : tuple of slice
            Part of the frame that is wanted.
        tell : callable
            Hears of the windows that are done, in so many of `parts`.
        """
        depth, window = shape[0], self.network.window
        wanted = range(box[0].start, box[0].stop)
        needed = {
            start: both
            for start in starts(depth, window, self.network.step)
            if (both := _shared(kept(start, depth, window), wanted))
        }
        first, last = max(min(needed) - 1, 0), min(max(needed) + window + 1, depth)
        seen = see((slice(first, last), slice(0, shape[1]), slice(0, shape[2])))
        image = Slices(self.network, padded(seen.to(self.device, self.precision))[0, 0], first, depth)
        total = torch.zeros(1, self.classes, len(wanted), *image.sizes, device=self.device)
        count = torch.zeros(len(wanted), 1, 1, device=self.device)
        for done, (start, both) in enumerate(needed.items(), start=1):
            found = image.logits(start, range(both.start - start, both.stop - start))
            place = slice(both.start - wanted.start, both.stop - wanted.start)
            total[:, :, place] += torch.softmax(found.float(), dim=1)
            count[place] += 1
            tell(PARTS * done // len(needed), PARTS)
        return total.div_(count).clamp_(min=LEAST).log_()[:, :, :, box[1], box[2]]


def _shared(one: range, other: range) -> range:
    return range(max(one.start, other.start), min(one.stop, other.stop))


class Slices:
    """Consecutive slices of an image, and what the branch on slices finds of them as long as it is needed.

    Beyond the image's first and last slice lie these again.
    """

    def __init__(self, network: HDenseUNet, values: Tensor, first: int, depth: int) -> None:
        self.network, self.values, self.first, self.depth = network, values, first, depth
        self.sizes = values.shape[1:]
        self._found: dict[int, tuple[Tensor, Tensor]] = {}

    def logits(self, start: int, keep: range) -> Tensor:
        """Return a window's logits (1, classes, len(keep), Y, X) for some of its slices."""
        network, numbers = self.network, range(start, start + self.network.window)
        self._found = {number: found for number, found in self._found.items() if number in numbers}
        found = [self._of(number, numbers) for number in numbers]
        image = torch.stack([self._slice(number) for number in numbers])[None, None]
        logits = torch.stack([logits for _, logits in found], dim=2)
        deep = network.volume(network.beside(image, logits).contiguous(memory_format=torch.channels_last_3d))
        for place, (features, _) in enumerate(found):
            deep[:, :, place] += features
        return network.decided(_fused(network, deep, keep))

    def _of(self, number: int, window: range) -> tuple[Tensor, Tensor]:
        """Features and logits of a slice as a window sees it."""
        below, above = number - 1, number + 1
        if self.network.edges == "duplicated":
            below, above = max(below, window[0]), min(above, window[-1])
        shared = (below, above) == (number - 1, number + 1)
        if shared and number in self._found:
            return self._found[number]
        triplet = torch.stack([self._slice(n) for n in (below, number, above)])[None]
        found = self.network.on_slices(triplet.contiguous(memory_format=torch.channels_last))
        if shared:
            self._found[number] = found
        return found

    def _slice(self, number: int) -> Tensor:
        return self.values[min(max(number, 0), self.depth - 1) - self.first]


def _fused(network: HDenseUNet, deep: Tensor, keep: range) -> Tensor:
    """Return the fused features of some slices of a window, and of no others."""
    fuse = network.fuse
    return convolved(deep[:, :, keep.start - 1 : keep.stop + 1], fuse.weight, fuse.bias, [0, 1, 1])
