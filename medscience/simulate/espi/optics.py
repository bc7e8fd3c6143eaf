"""From displacement to fringes: what a speckle interferometer shows, without its speckle."""

from dataclasses import dataclass
from math import cos, radians

import numpy as np
from scipy.special import j0

from medscience.simulate.fields import Field


@dataclass(frozen=True, slots=True)
class Interferometer:
    """Light, angles and camera; the defaults are those of a recording at normal incidence."""

    wavelength_nm: float = 532.0
    illumination_angle_deg: float = 0.0
    """Between the light that comes in and the surface's normal."""
    observation_angle_deg: float = 0.0
    """Between the light that is seen and the surface's normal."""
    frame_rate_hz: float = 15037.0
    exposure_s: float = 60e-6
    """At most the time that a frame lasts, 66.5 microseconds."""

    @property
    def ring_um(self) -> float:
        """Displacement in micrometres that is one ring: lambda / (cos theta_i + cos theta_o)."""
        both = cos(radians(self.illumination_angle_deg)) + cos(radians(self.observation_angle_deg))
        return self.wavelength_nm / 1000 / both


def fringes(rings: Field, swept: Field) -> Field:
    """Return the brightness, 0 to 2, of a frame beside a reference at rest: 1 - sinc(Δφ / 2) cos φ.

    Parameters
    ----------
    rings : ndarray
        Displacement from the reference, in rings: φ = 2 π rings.
    swept : ndarray
        Rings by which the displacement changes while the frame is exposed: Δφ = 2 π swept.

    Notes
    -----
    The mean of cos φ over an exposure in which φ grows evenly by Δφ is cos φ sin(Δφ/2) / (Δφ/2).
    """
    half = np.pi * np.abs(swept) + 1e-6
    return np.asarray(1 - np.sin(half) / half * np.cos(2 * np.pi * rings))


def fringes_of_many_periods(rings: Field) -> Field:
    """Return the brightness if the exposure lasts many periods of an amplitude in rings: 1 - J0(2 π rings).

    The mean of cos(φ sin t) over t is J0(φ) (Powell and Stetson 1965, J. Opt. Soc. Am. 55(12)).
    """
    return np.asarray(1 - j0(2 * np.pi * rings))
