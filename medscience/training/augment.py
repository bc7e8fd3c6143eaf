"""Random changes of patches, so that a network meets more than its data show.

Each is off in a recipe that does not name it. Image and labels are of shape (I, J, K), brightness is
normalised to about 0 to 1.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, correlate1d, map_coordinates, zoom

from medscience.recipe import Augmentation
from medscience.training.patch import IGNORED

KNOTS = 4
"""Values of brightness, from dark to bright, whose new brightness is drawn."""

BORDER = np.array([1, 4, 1]) / 6
"""What a voxel takes of itself and of its neighbours along an axis."""
GRAIN = 0.3, 1.0
"""How much of a voxel's difference from its label's mean is kept where brightness is drawn."""
LEAST = 0.02
"""Difference of two labels' means below which they are taken to be so far apart."""
ORDERED = 2 / 3
"""Part of the drawn contrasts whose labels are as bright as before, or as dark, one after the other."""

FIRST = 1 - IGNORED
"""Place of label 1 where they are counted from what is ignored."""

Values = NDArray[np.float32]
Labels = NDArray[np.int64]
Drawn = TypeVar("Drawn", Values, Labels)


def augmented(
    image: Values, labels: Labels, how: Augmentation, random: np.random.Generator
) -> tuple[Values, Labels]:
    """Return a patch changed at random; the same for the same state of `random`.

    Voxels that a rotation brings in from outside the patch do not count.
    """
    for axis in how.mirror:
        if random.random() < 0.5:
            image, labels = np.flip(image, axis), np.flip(labels, axis)
    if how.dihedral:
        way = int(random.integers(8))
        image, labels = _by_right_angles(image, way), _by_right_angles(labels, way)
    if how.rotate or how.scale or how.warp:
        image, labels = _turned(image, labels, how, random)
    if how.contrast and random.random() < how.contrast:
        image = other_contrast(image, labels, random)
    if how.gamma:
        exponent = np.float32(np.exp(random.uniform(-how.gamma, how.gamma)))
        image = np.sign(image) * np.abs(image) ** exponent
    if how.bias:
        image = image * np.exp(_field(image.shape, how.bias, random))
    if how.shift:
        image = image + _field(image.shape, how.shift, random)
    if how.noise:
        deviation = np.float32(random.uniform(0, how.noise))
        image = image + deviation * random.standard_normal(image.shape, dtype=np.float32)
    return image, labels


def other_contrast(image: Values, labels: Labels, random: np.random.Generator) -> Values:
    """Return an image in which every label has a brightness that is drawn anew, each in a range of its own.

    As where a brightness is drawn for each tissue (Billot et al. 2023, doi:10.1016/j.media.2023.102789), but
    of a scan: a voxel that is on its way from one label's mean to another's, as those are that two tissues
    share, is on its way between the new ones. What has no label may be many tissues: see `other_curve`.
    """
    grain = np.float32(random.uniform(*GRAIN))
    numbers = (labels - IGNORED).ravel()
    counts, sums = np.bincount(numbers), np.bincount(numbers, image.ravel())
    present = FIRST + np.flatnonzero(counts[FIRST:])
    means = sums[present] / counts[present]
    drawn = (_order(means, random) + random.random(len(means))) / max(len(means), 1)
    levels = np.zeros(len(counts), dtype=np.float32)
    levels[present] = (1 - grain) * drawn
    level = _shared(levels[numbers].reshape(image.shape))
    labelled = _shared((labels > 0).astype(np.float32))
    between = along(image, means, drawn)
    level += labelled * grain * between + (1 - labelled) * other_curve(image, random)
    return level


def along(image: Values, before: NDArray[np.float64], after: NDArray[np.float64]) -> Values:
    """Return brightness on straight lines that take `before` to `after`; a single one is only moved."""
    order = before.argsort()
    x, y = before[order].astype(np.float32), after[order].astype(np.float32)
    if len(x) < 2:
        return np.asarray(image + (y - x).sum(), dtype=np.float32)
    result, last = np.full_like(image, y[0]), len(x) - 2
    for n in range(last + 1):
        way = (image - x[n]) / max(x[n + 1] - x[n], LEAST)
        result += (y[n + 1] - y[n]) * way.clip(0 if n else -np.inf, 1 if n < last else np.inf)
    return result


def _order(means: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return the place of each label from dark to bright: mostly as it was, or the other way round.

    What holds more water is darker on T1 and brighter on T2; scanners make few other orders.
    """
    if random.random() > ORDERED:
        return random.permutation(len(means))
    ranks = means.argsort().argsort()
    return ranks if random.random() < 0.5 else len(means) - 1 - ranks


def _shared(values: Values) -> Values:
    """Return values of which every voxel has a part of its neighbours', as at the borders of labels."""
    for axis in range(3):
        values = correlate1d(values, BORDER, axis, mode="nearest")
    return values


def other_curve(image: Values, random: np.random.Generator) -> Values:
    """Return an image with its brightness sent through a curve that is drawn anew, from 0 to 1 again.

    Dark may become bright and the other way round, but what is black stays so, as air does in every contrast.
    """
    curve = random.random(KNOTS)
    curve[0] = 0.0
    curve /= max(curve.max(), 1e-3)
    return along(image.clip(0, 1), np.linspace(0, 1, KNOTS), curve)


def _by_right_angles(values: Drawn, way: int) -> Drawn:
    """Return slices turned by quarters, and mirrored too in the second four of eight ways."""
    turned = np.rot90(values, way % 4, (1, 2))
    return turned if way < 4 else turned.swapaxes(1, 2)


def _turned(
    image: Values, labels: Labels, how: Augmentation, random: np.random.Generator
) -> tuple[Values, Labels]:
    """Rotate and scale about the middle, and bend: the image linearly, labels by the nearest voxel."""
    matrix = np.eye(3) * np.exp(random.uniform(-how.scale, how.scale))
    angles = np.radians(random.uniform(-how.rotate, how.rotate, 3))
    if how.in_plane:
        matrix[0, 0], angles[1:] = 1, 0
    for axis, angle in enumerate(angles.tolist()):
        turn = np.eye(3)
        a, b = (other for other in range(3) if other != axis)
        turn[[a, b, a, b], [a, b, b, a]] = np.cos(angle), np.cos(angle), -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - matrix @ middle
    if how.warp:
        places = _bent(image.shape, matrix, offset, how, random)
        moved = map_coordinates(image, places, order=1, mode="nearest")
        return moved, map_coordinates(labels, places, order=0, mode="constant", cval=IGNORED)
    moved = affine_transform(image, matrix, offset, order=1, mode="nearest")
    return moved, affine_transform(labels, matrix, offset, order=0, mode="constant", cval=IGNORED)


def _bent(
    shape: tuple[int, ...],
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    how: Augmentation,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Return where each voxel is taken from, shape (3, I, J, K)."""
    places: NDArray[np.float64] = (
        np.einsum("ab,b...->a...", matrix, np.indices(shape)) + offset[:, None, None, None]
    )
    for axis in range(how.in_plane, 3):  # slices that stay where they are bend alike, or organs would jump
        places[axis] += _field((1, *shape[1:]) if how.in_plane else shape, how.warp, random)
    return places


def _field(shape: tuple[int, ...], most: float, random: np.random.Generator) -> Values:
    """A smooth field around 0, spread linearly from a few values, one axis after the other."""
    field = random.uniform(-most, most, (4, 4, 4)).astype(np.float32)
    for axis, side in enumerate(shape):
        spread = zoom(np.eye(4, dtype=np.float32), (side / 4, 1), order=1, mode="nearest", grid_mode=True)
        # no BLAS: its threads would stand in the way of those that the network learns with
        field = np.einsum("nk,...k->...n", spread, field.swapaxes(axis, 2)).swapaxes(axis, 2)
    return np.asarray(field, dtype=np.float32)
