"""Whether a breathing signal and the projections tell of the same breaths at the same time."""

import numpy as np
from numpy.typing import NDArray

LATEST = 5.0
"""Seconds by which a signal is tried to be off."""
TOLERATED = 0.5
"""Seconds that a signal may be off: belts and cameras lag behind the diaphragm."""
ALIKE = 0.6
"""Correlation from which on the projections are believed."""


def check_offset(
    phases: NDArray[np.float64], motion: NDArray[np.float64], times: NDArray[np.float64] | None
) -> list[str]:
    """Return what a person should know, one line each.

    Parameters
    ----------
    phases : ndarray
        Of each view; NaN where it is not known.
    motion : ndarray
        Towards the feet, from `medscience.reconstruct.shroud`.
    times : ndarray
        Of the views, in seconds.
    """
    known = np.isfinite(phases)
    if times is None or known.sum() < 16:
        return []
    wave, moved, clock = np.cos(2 * np.pi * phases[known]), motion[known], times[known]
    step = float(np.median(np.diff(clock)))
    lags = np.arange(-LATEST, LATEST + step / 2, step)
    likeness = np.array([_correlation(wave, np.interp(clock + lag, clock, moved)) for lag in lags])
    now = _correlation(wave, moved)
    best = int(likeness.argmax())
    notes = []
    if now <= -ALIKE:
        notes.append(f"BREATHING-POLARITY: the diaphragm moves against the signal (correlation {now:.2f})")
    if likeness[best] >= ALIKE and abs(lags[best]) > TOLERATED and likeness[best] > now + 0.2:
        notes.append(
            f"BREATHING-OFFSET: the projections breathe {lags[best]:+.1f} s after the signal "
            f"(correlation {likeness[best]:.2f} instead of {now:.2f})"
        )
    return notes


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if min(one.std(), other.std()) <= 1e-9:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
