"""Streaks of phase-binned cone-beam CT: how strong they are, and whether they turn with the gantry."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from medscience.geometry import Geometry

Phases = NDArray[np.floating]
"""Shape (T, Z, Y, X), Hounsfield units."""
Mask = NDArray[np.bool_]


def streak_index(found: Phases, truth: Phases, where: Mask, geometry: Geometry) -> NDArray[np.float64]:
    """Return the mean total variation of each phase's error across the patient, in HU per millimetre.

    Streaks are edges where there are none; noise counts as well, blur and a wrong scale hardly.

    Parameters
    ----------
    where : ndarray of bool
        Shape (Z, Y, X) or (T, Z, Y, X).
    """
    inside = np.broadcast_to(where, found.shape)
    _, y, x = geometry.spacing
    indices = []
    for error, mask in zip(found.astype(np.float64) - truth, inside, strict=True):
        slopes = np.hypot(*np.gradient(error, y, x, axis=(1, 2)))
        indices.append(float(slopes[mask].mean()))
    return np.array(indices)


def rotational_score(found: Phases, truth: Phases, where: Mask, geometry: Geometry, step_deg: float) -> float:
    """Return how well each phase's error, turned as the gantry turns, foretells the next phase's: -1 to 1.

    The views of a phase lie a step of the gantry behind those of the next, and so do the streaks.

    Parameters
    ----------
    where : ndarray of bool, shape (Z, Y, X)
        What is looked at.
    geometry : Geometry
        Axes along the world's; the gantry turns about the world's z, of which a positive angle goes from the
        right (x) to the front (y).
    step_deg : float
        Mean angle of the gantry from a phase to the next.
    """
    errors = np.where(where, found.astype(np.float64) - truth, 0.0)
    turned = [_turned(error, geometry, step_deg) for error in errors]
    pairs = list(zip(turned, np.roll(errors, -1, axis=0), strict=True))
    return float(np.mean([np.corrcoef(one[where], other[where])[0, 1] for one, other in pairs]))


def _turned(volume: Phases, geometry: Geometry, degrees: float) -> NDArray[np.float64]:
    """A volume turned about the world's z, by linear interpolation."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.eye(4)
    turn[:2, :2] = (c, s), (-s, c)  # of where it comes from: the other way
    back = np.linalg.inv(geometry.matrix) @ turn @ geometry.matrix
    return np.asarray(affine_transform(volume, back[:3, :3], back[:3, 3], order=1))


def gantry_step(gantry_deg: NDArray[np.float64], phase: NDArray[np.float64], count: int) -> float:
    """Return the mean angle, in degrees, by which the gantry turns from a phase to the next.

    Parameters
    ----------
    gantry_deg, phase : ndarray
        Of each view, in the order of time.
    count : int
        How many phases there are.
    """
    turns = np.unwrap(phase, period=1)
    angles = np.unwrap(gantry_deg, period=360)
    return float((angles[-1] - angles[0]) / (turns[-1] - turns[0]) / count)
