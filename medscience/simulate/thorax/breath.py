"""How a person breathes: each breath as long and as deep as it happens to be.

Phase 0 is the end of an inhalation. Within a breath the chest follows cos^2n of the phase (Lujan et al. 1999,
Med Phys 26, doi:10.1118/1.598577), which rests at the end of the exhalation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Breath:
    """A course of breaths."""

    ends: Times
    """Seconds at which an inhalation ends; the first before 0, the last after all that is asked for."""
    depths: Times
    """How deep each of these inhalations is; 1 on the average."""
    rests: Times
    """Where the chest comes to rest after each: near 0."""
    power: int
    """n of cos^2n: 1 breathes evenly, 3 rests long."""
    lag: float
    """Part of a breath by which the chest's wall follows the diaphragm: what makes loops of paths."""

    @classmethod
    def drawn(cls, random: np.random.Generator, seconds: float, *, steady: bool = False) -> "Breath":
        """Draw breaths for a time; `steady` ones are all alike."""
        mean, change = random.uniform(3.2, 5.4), 0.0 if steady else random.uniform(0.06, 0.14)
        count = int(seconds / mean * 1.6) + 8
        periods = mean * np.clip(random.normal(1, change, count), 0.7, 1.4)
        ends = np.cumsum(periods) - periods[0] - random.uniform(1, 2) * mean
        deep = 0.0 if steady else random.uniform(0.06, 0.16)
        depths = np.clip(random.normal(1, deep, count), 0.65, 1.4)
        rests = np.clip(random.normal(0, deep / 3, count), -0.12, 0.12)
        return cls(ends, depths, rests, int(random.integers(1, 4)), random.uniform(0.04, 0.11))

    def phase(self, times: Times) -> Times:
        """Return the phase, in [0, 1), at times in seconds."""
        return np.asarray(self._turns(times) % 1)

    def diaphragm(self, times: Times) -> Times:
        """Return how far the diaphragm is down: about 0 breathed out, about 1 breathed in."""
        return self._followed(self._turns(times))

    def wall(self, times: Times) -> Times:
        """Return how far the chest's wall is out, a little later than the diaphragm is down."""
        return self._followed(self._turns(times) - self.lag)

    def _turns(self, times: Times) -> Times:
        """Breaths since the first end of an inhalation, smoothly growing."""
        return np.asarray(PchipInterpolator(self.ends, np.arange(len(self.ends), dtype=float))(times))

    def _followed(self, turns: Times) -> Times:
        whole = np.arange(len(self.ends), dtype=float)
        depth = PchipInterpolator(whole, self.depths)(turns)
        rest = PchipInterpolator(whole + 0.5, self.rests)(np.clip(turns, 0.5, None))
        return np.asarray(rest + (depth - rest) * np.cos(np.pi * turns) ** (2 * self.power))
