"""A crude head with known tissue: enough to show and test the pipeline, not to learn anatomy from.

Nested smooth shapes (scalp, skull, fluid, folded cortex, white matter, ventricles), brightness as in T1 or
T2, a bias field and Rician noise. Nothing in it is measured from a person.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from medscience.geometry import Geometry, Sizes, Triple, as_affine

LABELS = {0: "background", 1: "White Matter", 2: "Grey Matter", 3: "CSF"}
"""The truth's labels: the published three-class models' numbers, and 3 for cerebrospinal fluid."""

CONTRASTS = {
    "T1": {
        "air": 0.02,
        "fluid": 0.22,
        "grey": 0.55,
        "white": 0.80,
        "fat": 0.95,
        "bone": 0.10,
        "muscle": 0.45,
    },
    "T2": {
        "air": 0.02,
        "fluid": 0.95,
        "grey": 0.62,
        "white": 0.45,
        "fat": 0.80,
        "bone": 0.10,
        "muscle": 0.30,
    },
}
"""Typical brightness of tissue, as a part of the brightest, by the weighting of the scan."""


@dataclass(frozen=True, slots=True)
class Head:
    """A simulated scan and its truth."""

    image: NDArray[np.uint8]
    """Brightness, shape (Z, Y, X)."""
    labels: NDArray[np.uint8]
    """Tissue of every voxel, shape (Z, Y, X), numbered as `LABELS`."""
    geometry: Geometry


def simulate_head(
    seed: int,
    shape: Sizes = (144, 176, 144),
    spacing: Triple = (1.0, 1.0, 1.0),
    contrast: Literal["T1", "T2"] = "T1",
) -> Head:
    """Return a head that differs with every seed and is the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses size, shape, folds, contrast, bias field and noise.
    shape : tuple of int
        Number of voxels along (z, y, x); z points to the crown, y to the face, x to the right.
    spacing : tuple of float
        Voxel size along (z, y, x), in millimetres.
    contrast : str
        Weighting of the scan; the anatomy of a seed is the same in each.
    """
    random = np.random.default_rng([seed, 0x4EAD])
    depth, folds = _depth(random, shape, spacing)
    values, labels = _tissues(random, depth, folds, spacing, CONTRASTS[contrast])
    image = _scan(random, values, spacing)
    diagonal = np.zeros((4, 4))
    diagonal[[2, 1, 0, 3], [0, 1, 2, 3]] = (*spacing, 1.0)
    diagonal[:3, 3] = [-(n - 1) / 2 * s for n, s in zip(shape[::-1], spacing[::-1], strict=True)]
    return Head(image, labels, Geometry(shape, as_affine(diagonal)))


def _smooth(random: np.random.Generator, shape: Sizes, spacing: Triple, scale: float) -> NDArray[np.float32]:
    """Smooth random field of unit variance whose bumps are about `scale` millimetres wide."""
    coarse = [max(round(n * s / scale * 2), 2) + 4 for n, s in zip(shape, spacing, strict=True)]
    field = gaussian_filter(random.standard_normal(coarse).astype(np.float32), 1.0, mode="reflect")
    grown = zoom(field, [n / c for n, c in zip(shape, coarse, strict=True)], order=1)
    return np.asarray(grown / grown.std(), dtype=np.float32)


def _grid(shape: Sizes, spacing: Triple, centre: Triple) -> list[NDArray[np.float32]]:
    """Millimetres from `centre` (z, y, x), one broadcastable axis each."""
    axes = [
        (np.arange(n, dtype=np.float32) - (n - 1) / 2) * s - c
        for n, s, c in zip(shape, spacing, centre, strict=True)
    ]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _depth(
    random: np.random.Generator, shape: Sizes, spacing: Triple
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Millimetres below the brain's hull (negative outside), and the folds of the cortex."""
    box = np.asarray(shape) * spacing
    radii = box * (0.33, 0.36, 0.34) * random.uniform(0.93, 1.05, 3)
    z, y, x = _grid(shape, spacing, (0.03 * box[0], 0.0, 0.0))
    radius = np.sqrt((z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2)
    depth = (1 - radius) * radii.mean() + 2.0 * _smooth(random, shape, spacing, 60)
    depth = np.minimum(depth, z + 0.75 * radii[0] + 2 * _smooth(random, shape, spacing, 40))
    return np.asarray(depth, dtype=np.float32), _smooth(random, shape, spacing, 22)


def _tissues(
    random: np.random.Generator,
    depth: NDArray[np.float32],
    folds: NDArray[np.float32],
    spacing: Triple,
    bright: dict[str, float],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Brightness and label of every voxel, from the outside in."""
    shape: Sizes = (depth.shape[0], depth.shape[1], depth.shape[2])
    box = np.asarray(shape) * spacing
    z, y, x = _grid(shape, spacing, (0.06 * box[0], 0.0, 0.0))
    outer = depth + 1.5 * _smooth(random, shape, spacing, 50)
    ventricle = np.hypot(np.hypot(z / 9, y / 26), (np.abs(x) - 9) / 6.5)
    ventricle = ventricle + 0.12 * _smooth(random, shape, spacing, 18)
    cortex = 2.8 * random.uniform(0.9, 1.15)
    sulcus = np.abs(folds)  # the sheets where a smooth field changes sign wind like sulci
    pial = depth - 2.0 - 15 * np.clip(1.4 - sulcus / 0.10, 0, 1)
    white = depth - 2.0 - cortex - 15 * np.clip(1.4 - sulcus / 0.42, 0, 1)
    fissure = np.abs(x + 0.8 * folds)

    tissues = (
        (outer > -14, 0, bright["fat"]),
        (outer > -10, 0, bright["muscle"]),
        (outer > -7, 0, bright["bone"]),
        (depth > 0, 3, bright["fluid"]),
        ((pial > 0) & ((fissure > 1.0) | (depth > 30)), 2, bright["grey"]),
        ((white > 0) & ((fissure > 1.0 + cortex) | (depth > 30)), 1, bright["white"]),
        ((ventricle < 2.1) & (ventricle > 1.25) & (z < 2) & (np.abs(x) > 8) & (depth > 8), 2, bright["grey"]),
        ((ventricle < 1) & (depth > 8), 3, bright["fluid"]),
    )
    values = np.full(shape, bright["air"], dtype=np.float32)
    labels = np.zeros(shape, dtype=np.uint8)
    for where, label, value in tissues:
        values[where] = value * random.uniform(0.94, 1.06)
        labels[where] = label
    return values, labels


def _scan(random: np.random.Generator, values: NDArray[np.float32], spacing: Triple) -> NDArray[np.uint8]:
    """Blur by a point spread of one millimetre, add a bias field and Rician noise, store as uint8."""
    z, y, x = values.shape
    signal = gaussian_filter(values, [0.5 / s for s in spacing])
    signal = signal * (1 + 0.08 * _smooth(random, (z, y, x), spacing, 110))
    noise = random.uniform(0.015, 0.04)
    real = signal + noise * random.standard_normal(values.shape, dtype=np.float32)
    imaginary = noise * random.standard_normal(values.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(np.hypot(real, imaginary) * 200), 0, 255), dtype=np.uint8)
