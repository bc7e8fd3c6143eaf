"""The breath that projections show themselves: the Amsterdam shroud (Zijp et al. 2004).

Each view becomes one line: its derivative along the patient's axis, bounded, summed across the patient. Edges
that move with the breath, the diaphragm above all, run through the lines as waves; how far each line lies
beside others is the signal.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from medscience.geometry import Geometry
from medscience.reconstruct.breath import SLOWEST
from medscience.views import Views

STEEPEST = 0.05
"""Line integral per row beyond which an edge counts no more: bone and metal would outshine the diaphragm."""
LAGS = (1, 2, 3, 5, 8)
"""Views after which lines are compared."""
FURTHEST = 30.0
"""Millimetres at the axis that the body moves between two lines that are compared."""

Lines = NDArray[np.float64]


def shroud(views: Iterable[NDArray[np.float32]]) -> Lines:
    """Return the line (views, V - 1) of each view (V, U)."""
    lines = [
        np.clip(np.diff(view, axis=0), -STEEPEST, STEEPEST).sum(axis=1, dtype=np.float64) for view in views
    ]
    return np.stack(lines)


def motion_of(
    lines: Lines, views: Views, detector: Geometry, times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far the body has moved along the scanner's y axis, in millimetres at the axis of rotation.

    Drift that is slower than breathing is taken out.

    Parameters
    ----------
    lines : ndarray, shape (views, V - 1)
        From `shroud`.
    views : Views
        For the magnification.
    detector : Geometry
        For the distance between rows.
    times : ndarray
        Of the views, in seconds.
    """
    pitch = detector.spacing[1] * float((views.source_to_isocentre / views.source_to_detector).mean())
    centred = lines - lines.mean(axis=1, keepdims=True)
    most = min(int(np.ceil(FURTHEST / pitch)), lines.shape[1] // 3)
    pairs = [(n, n + lag) for lag in LAGS for n in range(len(lines) - lag)]
    first, second = np.array(pairs).T
    shifts, likeness = _beside(centred[first], centred[second], most)
    moved = _joined(first, second, shifts, likeness, len(lines)) * pitch
    step = float(np.median(np.diff(times)))
    drift: Lines = gaussian_filter1d(moved, SLOWEST / 3 / step, mode="nearest")
    return moved - drift


def _beside(lines: Lines, others: Lines, most: int) -> tuple[Lines, Lines]:
    """By how many rows others lie further along than lines, and how alike they are then, from 0 to 1."""
    length = lines.shape[1]
    scores = np.empty((2 * most + 1, len(lines)))
    for row, shift in enumerate(range(-most, most + 1)):
        a = lines[:, max(-shift, 0) : length - max(shift, 0)]
        b = others[:, max(shift, 0) : length - max(-shift, 0)]
        norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        scores[row] = (a * b).sum(axis=1) / np.maximum(norm, 1e-12)
    best = scores[1:-1].argmax(axis=0) + 1
    each = np.arange(len(lines))
    below, top, above = scores[best - 1, each], scores[best, each], scores[best + 1, each]
    bend = below - 2 * top + above
    part = np.divide(below - above, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return best - most + np.clip(part, -1, 1), np.clip(top, 0, 1)


def _joined(
    first: NDArray[np.intp], second: NDArray[np.intp], shifts: Lines, likeness: Lines, count: int
) -> Lines:
    """The positions whose differences are nearest to the shifts, by least squares; their mean is 0."""
    rows = np.arange(len(shifts))
    ones = np.ones(len(shifts))
    matrix = csr_matrix(
        (np.concatenate([-ones, ones]), (np.concatenate([rows, rows]), np.concatenate([first, second]))),
        shape=(len(shifts), count),
    )
    weighted = matrix.T @ diags(likeness**4)
    positions: Lines = spsolve((weighted @ matrix + diags(np.full(count, 1e-6))).tocsc(), weighted @ shifts)
    centred: Lines = positions - positions.mean()
    return centred
