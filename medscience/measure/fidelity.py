"""How near an image of phases is to the truth: error, structural similarity, and motion."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, gaussian_filter, label

from medscience.geometry import Geometry

SIGMA, TRUNCATE = 1.5, 3.5
"""Of the window in voxels, and where it ends: 11 voxels a side."""
K1, K2 = 0.01, 0.03
DATA_RANGE = 2000.0
"""Hounsfield units between the darkest and the brightest that count: from air to dense bone."""
BODY, LUNG = -500.0, (-950.0, -500.0)
"""Hounsfield units from which a voxel is body, and between which it is lung where the body is around it."""

Phases = NDArray[np.floating]
"""Shape (T, Z, Y, X)."""
Mask = NDArray[np.bool_]
"""Shape (Z, Y, X) or (T, Z, Y, X)."""


def rmse(found: Phases, truth: Phases, where: Mask) -> NDArray[np.float64]:
    """Return the root mean square error of each phase, in the image's unit.

    >>> truth = np.zeros((2, 1, 1, 4))
    >>> rmse(truth + [3.0], truth, np.ones((1, 1, 4), bool)).tolist()
    [3.0, 3.0]
    """
    errors = (found.astype(np.float64) - truth) ** 2
    inside = np.broadcast_to(where, errors.shape)
    return np.array([float(np.sqrt(error[mask].mean())) for error, mask in zip(errors, inside, strict=True)])


def motion_rmse(found: Phases, truth: Phases, where: Mask) -> float:
    """Return the root mean square error of what changes: of each phase's difference from the mean of all."""
    changes = [
        phases - phases.mean(axis=0) for phases in (found.astype(np.float64), truth.astype(np.float64))
    ]
    return float(np.sqrt((rmse(changes[0], changes[1], where) ** 2).mean()))


def ssim(found: Phases, truth: Phases, where: Mask, data_range: float = DATA_RANGE) -> NDArray[np.float64]:
    """Return the mean structural similarity of each phase: 1 where both are the same.

    Wang et al. 2004, IEEE TIP 13, in three dimensions: a Gaussian window, its mean inside a mask.

    Parameters
    ----------
    data_range : float
        In the image's unit.
    """
    inside = np.broadcast_to(where, found.shape)
    pairs = zip(found, truth, inside, strict=True)
    return np.array([float(_similarity(one, other, data_range)[mask].mean()) for one, other, mask in pairs])


def _similarity(one: Phases, other: Phases, data_range: float) -> NDArray[np.float64]:
    """The map of structural similarity of two volumes."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2

    def smoothed(values: Phases) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, SIGMA, truncate=TRUNCATE))

    mean, mean_other = smoothed(one), smoothed(other)
    variances = smoothed(one**2) - mean**2 + smoothed(other**2) - mean_other**2
    covariance = smoothed(one * other) - mean * mean_other
    likeness = (2 * mean * mean_other + c1) * (2 * covariance + c2)
    return np.asarray(likeness / ((mean**2 + mean_other**2 + c1) * (variances + c2)))


def regions_of(truth: Phases) -> dict[str, Mask]:
    """Return body and lungs of each phase of a truth in Hounsfield units, (T, Z, Y, X) each."""
    body = np.stack([_body(phase) for phase in truth])
    low, high = LUNG
    return {"body": body, "lungs": body & (truth > low) & (truth < high)}


def _body(phase: Phases) -> Mask:
    """The largest thing that is no air, filled slice by slice."""
    parts, count = label(phase > BODY)
    if not count:
        return np.zeros(phase.shape, bool)
    largest = 1 + int(np.bincount(parts.ravel())[1:].argmax())
    return np.stack([binary_fill_holes(one) for one in parts == largest])


def field_of_view(geometry: Geometry, radius_mm: float) -> Mask:
    """Return what lies within a cylinder about the rotation's axis, which is the world's z."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    x, y, _ = np.moveaxis(geometry.world(index), -1, 0)
    return np.asarray(np.hypot(x, y) <= radius_mm)
