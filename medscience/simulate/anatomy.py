"""A head's tissues on a regular grid, different with every seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medscience.geometry import Triple
from medscience.simulate import brain, skull
from medscience.simulate.fields import Field, Place, rotation, smooth
from medscience.simulate.tissues import Tissue

LOW, HIGH = (-112.0, -116.0, -92.0), (96.0, 112.0, 92.0)
"""The box that holds a head, in millimetres along (z, y, x)."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What is where in a head."""

    tissues: NDArray[np.uint8]
    """A `Tissue` for every voxel, shape (Z, Y, X), to the crown, the face and the right."""
    step: float
    """Side of a voxel in millimetres; the first voxel's centre lies at `LOW`."""


def anatomy(seed: int, step: float = 1.0, lesions: int = 0) -> Anatomy:
    """Return the tissues of a head.

    Parameters
    ----------
    seed : int
        Chooses size, shape, folds, age and everything else; the same head at every `step`, but for
        details finer than it.
    step : float
        Side of a voxel in millimetres.
    lesions : int
        Number of stroke-like lesions in the white matter and around it.
    """
    random = np.random.default_rng([seed, 0x4EAD])
    place = _place(random, step)
    age = random.uniform(0, 1)
    hulls = brain.hulls(place, step)
    ripple = 1.0 * smooth(random, place, 40)
    tissues = np.full(hulls.cerebrum.shape, Tissue.AIR, dtype=np.uint8)
    brain.cerebellum(random, place, hulls.cerebellum, tissues)
    brain.folded(random, place, hulls.cerebrum + ripple, tissues, age)
    tissues[(hulls.brainstem > 0) & (hulls.cerebrum < 12)] = Tissue.BRAINSTEM
    middle = _box((-50, -95, -70), (62, 64, 70), step)
    brain.deep_structures(place.box(middle), tissues[middle], 0.75 + 0.6 * age + random.uniform(-0.1, 0.1))
    skull.around(random, place, hulls.brain, tissues, step)
    brain.below_the_skull(place, tissues)
    for _ in range(lesions):
        _add_lesion(random, place, tissues)
    return Anatomy(tissues, step)


def _box(low: Triple, high: Triple, step: float) -> tuple[slice, slice, slice]:
    """Return the voxels of a box, given in millimetres along (z, y, x)."""
    z, y, x = (
        slice(int((a - start) / step), int((b - start) / step))
        for a, b, start in zip(low, high, LOW, strict=True)
    )
    return z, y, x


def _place(random: np.random.Generator, step: float) -> Place:
    """Return where each voxel lies in the average head; this one has its own size, tilt and bends."""
    counts = [int((high - low) / step) + 1 for low, high in zip(LOW, HIGH, strict=True)]
    axes = [low + step * np.arange(n, dtype=np.float32) for low, n in zip(LOW, counts, strict=True)]
    regular = Place(*np.meshgrid(*axes, indexing="ij", sparse=True))
    turn = rotation(np.clip(random.normal(0, 4, 3), -9, 9)).astype(np.float32)
    size = random.uniform(0.95, 1.06) * random.uniform(0.96, 1.04, 3)
    bent = [
        (row[0] * regular.z + row[1] * regular.y + row[2] * regular.x) / s
        + amount * smooth(random, regular, 70)
        + 0.4 * amount * smooth(random, regular, 30)
        for row, s, amount in zip(turn, size, (2.0, 2.2, 1.6), strict=True)
    ]
    return Place(*bent)


def _add_lesion(random: np.random.Generator, place: Place, tissues: NDArray[np.uint8]) -> None:
    """Paint a blob with ragged edges, where there is brain."""
    brain_tissue = np.isin(tissues, (Tissue.WHITE, Tissue.CORTEX, Tissue.DEEP_GREY))
    middle = tuple(random.choice(np.argwhere(tissues == Tissue.WHITE)))
    z, y, x = (axis[middle] for axis in (place.z, place.y, place.x))
    radius = random.uniform(5, 22)
    away: Field = np.sqrt((place.z - z) ** 2 + (place.y - y) ** 2 + (place.x - x) ** 2)
    ragged = radius * (1 + 0.3 * gaussian_filter(smooth(random, place, 12), 1))
    tissues[brain_tissue & (away < ragged)] = Tissue.LESION
