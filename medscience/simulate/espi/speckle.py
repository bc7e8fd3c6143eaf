"""Speckle: fields of random light with the grain that a round aperture gives."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, fftfreq

from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.fields import Field

SIDE = 1024
"""Pixels of a sheet of speckle; each frame takes a piece of one, turned over or not."""

GRAINS = (2.2, 2.7, 3.4, 4.4)
"""Size of a grain in pixels: wavelength times aperture number times magnification, in theory."""

Light = NDArray[np.complex64]
Number = TypeVar("Number", bound=np.generic)


@lru_cache(maxsize=len(GRAINS))
def sheet(grain: float) -> Light:
    """Return a periodic field of fully developed speckle, of mean intensity 1.

    The aperture passes a disc of spatial frequencies: the far field of a rough surface seen through it
    (Goodman 2007, Speckle Phenomena in Optics, chapter 4), with an intensity of negative exponential law.
    """
    random = np.random.default_rng([0x5BEC, round(grain * 10)])
    waves = random.standard_normal((2, SIDE, SIDE), dtype=np.float32)
    frequency = fftfreq(SIDE).astype(np.float32)
    aperture = np.hypot(frequency[:, None], frequency[None, :]) <= 0.5 / grain
    light = fft2((waves[0] + 1j * waves[1]) * aperture)
    return np.asarray(light / np.sqrt((np.abs(light) ** 2).mean()), dtype=np.complex64)


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(0x401CE).standard_normal((SIDE, SIDE), dtype=np.float32)


def light(random: np.random.Generator, grain: float) -> Light:
    """Return a piece of a sheet of the size of a frame, complex."""
    return _piece(sheet(grain), random)


def noise(random: np.random.Generator) -> Field:
    """Return Gaussian noise of variance 1 for a frame: a piece of a sheet, quicker than new noise."""
    return _piece(_noise(), random)


def _piece(whole: NDArray[Number], random: np.random.Generator) -> NDArray[Number]:
    y, x = random.integers(0, SIDE - SHAPE[0]), random.integers(0, SIDE - SHAPE[1])
    piece = whole[y : y + SHAPE[0], x : x + SHAPE[1]]
    up, left = random.choice([-1, 1], 2)
    return piece[::up, ::left]
