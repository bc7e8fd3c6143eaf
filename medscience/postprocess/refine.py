"""Borders between labels, drawn again by brightness.

A network that sees cells of voxels, or that was trained on any contrast, knows where a tissue is better than
where it ends. Brightness knows that within one scan: inside, each label has a mean that varies slowly over
the volume, what lies around a voxel is its prior, and labels that compete have one spread, so that without a
prior a border lies where a voxel is half the one and half the other. These are steps of a hidden Markov
random field (Zhang, Brady and Smith 2001, doi:10.1109/42.906424) from the network's labels, and no more of
them than it takes until borders hardly move: each could also carry one on to where it does not belong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter, uniform_filter

Floats = NDArray[np.float32]
Volume = NDArray[Any]
Values = Callable[[tuple[slice, ...]], Floats]
"""Gives the brightness of a region, about 0 to 1."""

NEARBY = 12.0
"""Millimetres within which a label's brightness is learned: a bias field changes little over so many."""

CELL = 4.0
"""Millimetres of the cells in which that is counted."""

AROUND = 3
"""Side, in voxels, of the surroundings that vote beforehand."""

AT_BORDER = 1e-6
"""How much a voxel that touches another label counts for the brightness of its own: it may be in part the
other, and a sheet that is all border is known by what the label is elsewhere."""

LEAST_SPREAD = 0.01
"""Of a label's brightness: what rounding alone gives."""

FEW = 1e-3
"""Part of a cell from which on its own brightness counts for more than the whole scan's."""

SLICES = 16
"""Slices that are drawn again at once."""

STILL = 0.02
"""Part of the labelled voxels: a step that moves no more is the last."""

STEPS = 8
"""At most: a border further away than so many voxels was not drawn, it was missed."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """Of one label: mean and spread over cells, both of shape (z, y, x)."""

    mean: Floats
    spread: Floats

    def at(self, cells: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance at places among the cells (3, n)."""
        mean, spread = (
            map_coordinates(each, cells, order=1, mode="nearest") for each in (self.mean, self.spread)
        )
        return mean, np.square(spread)


def settled(labels: Volume, values: Values, spacing: tuple[float, ...]) -> tuple[Volume, int]:
    """Return labels that were refined until their borders hardly move, and in how many steps.

    A network that knows a contrast needs two steps, one that meets a new one up to six. For the arguments see
    `refined`.
    """
    steps, moving = 0, True
    while moving and steps < STEPS:
        again = refined(labels, values, spacing)
        moving = bool(np.count_nonzero(again != labels) > STILL * np.count_nonzero(again))
        labels, steps = again, steps + 1
    return labels, steps


def refined(labels: Volume, values: Values, spacing: tuple[float, ...]) -> Volume:
    """Return labels whose voxels at borders have the label that suits their brightness best.

    A voxel at a border is one that touches another label by a face, an edge or a corner; all others stay as
    they are, and a label that is nowhere around a voxel is none of its choices.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is background.
    values : callable
        Gives the brightness of a region of the volume, as the network sees it: about 0 to 1.
    spacing : tuple of float
        Millimetres between voxels along z, y and x.

    Examples
    --------
    >>> truth = np.repeat(np.arange(4) // 2 + 1, 4)[None, None].repeat(8, 1)
    >>> found = np.roll(truth, 1, axis=2)
    >>> found[..., 0] = 1
    >>> scan = truth.astype(np.float32) / 4
    >>> bool((refined(found, lambda region: scan[region], (1, 1, 1)) == truth).all())
    True
    """
    box = _around(labels)
    if box is None:
        return labels
    inner, answer = labels[box], labels.copy()
    sides = tuple(max(round(CELL / step), 1) for step in spacing)
    known = _brightness(inner, lambda region: values(_within(box, region)), sides, spacing)
    drawn = answer[box]
    for start in range(0, len(inner), SLICES):
        region = slice(start, min(start + SLICES, len(inner)))
        drawn[region] = _drawn(inner, region, values(_within(box, (region,))), known, sides)
    return answer


def _around(labels: Volume) -> tuple[slice, ...] | None:
    """Return the box of all labels and what lies around its borders."""
    found = [np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not len(found[0]):
        return None
    reach = 1 + AROUND // 2  # of the background's voxel that touches a label
    return tuple(slice(max(int(at[0]) - reach, 0), int(at[-1]) + 1 + reach) for at in found)


def _within(box: tuple[slice, ...], region: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return slices of a box, as a region of the volume."""
    first = box[0].start
    return (slice(first + region[0].start, first + region[0].stop), *box[1:])


def _brightness(
    labels: Volume, values: Values, sides: tuple[int, ...], spacing: tuple[float, ...]
) -> dict[int, Brightness]:
    """Return the brightness of every label, from the whole volume and a few slices at a time."""
    present = np.unique(labels).tolist()
    slabs: dict[int, list[Floats]] = {label: [] for label in present}
    deep = sides[0] * max(SLICES // sides[0], 1)
    for start in range(0, len(labels), deep):
        region = slice(start, min(start + deep, len(labels)))
        scan = values((region,))
        counts = np.where(_borders(labels, region), np.float32(AT_BORDER), np.float32(1))
        for label in present:
            one = np.where(labels[region] == label, counts, np.float32(0))
            moments = (one, one * scan, one * scan**2)
            slabs[label].append(np.stack([_sums(moment, sides) for moment in moments]))
    widths = [0.0, *(NEARBY / (side * step) for side, step in zip(sides, spacing, strict=True))]
    return {label: _of_moments(np.concatenate(parts, axis=1), widths) for label, parts in slabs.items()}


def _sums(volume: Floats, sides: tuple[int, ...]) -> Floats:
    """Return the sums over cells; the last ones may be smaller."""
    for axis, side in enumerate(sides):
        volume = np.add.reduceat(volume, range(0, volume.shape[axis], side), axis=axis)
    return volume


def _of_moments(moments: Floats, widths: list[float]) -> Brightness:
    """Return mean and spread from a label's counts, sums and sums of squares, shape (3, z, y, x)."""
    everywhere = moments.sum(axis=(1, 2, 3), dtype=np.float64, keepdims=True)
    nearby = gaussian_filter(moments, widths, mode="constant")
    count, first, second = nearby + FEW * (everywhere / everywhere[0]).astype(np.float32)
    mean = first / count
    return Brightness(mean, np.sqrt(np.maximum(second / count - mean**2, LEAST_SPREAD**2)))


def _drawn(
    labels: Volume, region: slice, scan: Floats, known: dict[int, Brightness], sides: tuple[int, ...]
) -> Volume:
    """Return some slices of the labels, drawn again; `scan` is their brightness."""
    halo = AROUND // 2
    first = max(region.start - halo, 0)
    wide, inner = labels[first : region.stop + halo], slice(region.start - first, region.stop - first)
    border = _borders(labels, region)
    answer = labels[region].copy()
    places = np.argwhere(border).T.astype(np.float32)
    places[0] += region.start
    cells = (places + 0.5) / np.array(sides, np.float32)[:, None] - 0.5
    shares = np.stack([_share(wide == label, inner, border) for label in known])
    means, variances = (np.stack(each) for each in zip(*(b.at(cells) for b in known.values()), strict=True))
    answer[border] = _choices(scan[border], shares, means, variances, list(known))
    return answer


def _borders(labels: Volume, region: slice) -> NDArray[np.bool_]:
    """Return which voxels of some slices touch another label."""
    first = max(region.start - 1, 0)
    wide = labels[first : region.stop + 1]
    touch = maximum_filter(wide, 3) != minimum_filter(wide, 3)
    return np.asarray(touch[region.start - first : region.stop - first])


def _share(one: NDArray[np.bool_], inner: slice, border: NDArray[np.bool_]) -> Floats:
    """Return the part of the surroundings of each voxel at a border that has a label."""
    share = uniform_filter(one.astype(np.float32), AROUND)[inner][border]
    share[share < 0.5 / AROUND**3] = 0  # what rounding leaves
    return np.asarray(share)


def _choices(values: Floats, shares: Volume, means: Volume, variances: Volume, names: list[int]) -> Volume:
    """Return the label of the best score; first which, if any, and then whether any.

    Shares, means and variances have the shape (labels, n). Between background and the rest the spread is the
    background's, which is no single tissue.
    """
    some = slice(int(names[0] == 0), None)
    inside = shares[some].sum(axis=0)
    together = (shares[some] * variances[some]).sum(axis=0) / inside
    away = np.square(values - means)
    with np.errstate(divide="ignore"):
        best = (np.log(shares[some]) - away[some] / (2 * together)).argmax(axis=0)
        chosen = np.array(names[some])[best]
        if names[0] == 0:
            nearer = away[0] - np.take_along_axis(away[some], best[None], axis=0)[0]
            chosen[np.log(inside) - np.log(shares[0]) + nearer / (2 * variances[0]) < 0] = 0
    return np.asarray(chosen)
