"""From a body to what a scanner reconstructs: field of view, slices, kernel, noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfftn, rfftfreq, rfftn
from scipy.ndimage import gaussian_filter

from medscience.geometry import Geometry, Sizes, Triple, as_affine
from medscience.simulate.abdomen.canvas import Grid
from medscience.simulate.fields import Field

FINEST = 2.5
"""Millimetres; thicker slices are the mean of thinner ones."""
LOWEST, HIGHEST = -1024, 3071
"""What scanners store."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How a body is scanned: slices lie one on the other, straight across it."""

    shape: Sizes
    """Number of voxels along (z, y, x)."""
    spacing: Triple
    """Slice thickness, then the sides of a pixel, in millimetres."""
    middle: Triple
    """Middle of the field of view, in millimetres along (z, y, x)."""

    @property
    def thin(self) -> int:
        """Number of thinner slices of which each is the mean."""
        return int(np.ceil(self.spacing[0] / FINEST))

    def axes(self) -> tuple[Field, ...]:
        """Return where voxel centres lie along each axis."""
        each = zip(self.shape, self.spacing, self.middle, strict=True)
        return tuple(middle + step * (np.arange(n) - (n - 1) / 2) for n, step, middle in each)

    def grid(self, slices: range) -> Grid:
        """Return where to look at the body for some slices: at `thin` levels in each."""
        z, y, x = self.axes()
        levels = (np.arange(self.thin) - (self.thin - 1) / 2) * self.spacing[0] / self.thin
        fine = (z[slices.start : slices.stop, None] + levels).reshape(-1)
        return Grid(fine.astype(np.float32), y.astype(np.float32), x.astype(np.float32))

    @property
    def geometry(self) -> Geometry:
        """As scanners store it: columns to the left, rows to the back, slices to the head."""
        z, y, x = self.axes()
        matrix = np.zeros((4, 4))
        matrix[2, 0], matrix[1, 1], matrix[0, 2] = self.spacing[0], -self.spacing[1], -self.spacing[2]
        matrix[:, 3] = x[-1], y[-1], z[0], 1
        return Geometry(self.shape, as_affine(matrix))


def averaged(values: NDArray[np.floating], thin: int) -> Field:
    """Return slices as the mean of `thin` of what was looked at."""
    return np.asarray(values.reshape(-1, thin, *values.shape[1:]).mean(axis=1), dtype=np.float32)


def majority(labels: NDArray[np.uint8], thin: int) -> NDArray[np.uint8]:
    """Return the label that most of a slice's levels have; of as many, the highest."""
    levels = labels.reshape(-1, thin, *labels.shape[1:])
    counts = [(levels == label).sum(axis=1) for label in (2, 1, 0)]
    return np.asarray(2 - np.argmax(counts, axis=0), dtype=np.uint8)


def noise(random: np.random.Generator, scan: Scan, kernel: float, deviation: float, body: Field) -> Field:
    """Return the noise of filtered back-projection, shape (Z, Y, X).

    Its power rises with frequency from zero, as the ramp has it, and falls where the kernel ends
    (Riederer et al. 1978, doi:10.1088/0031-9155/23/3/004): grains, not single voxels. Neighbouring slices
    share a little.

    Parameters
    ----------
    kernel : float
        Frequency of the most noise, in 1/mm.
    deviation : float
        Standard deviation of a slice of 5 mm in the middle of the body, in Hounsfield units.
    body : Field
        About 1 in the middle of the body, less to its rim.
    """
    white = random.standard_normal(scan.shape, dtype=np.float32)
    rows = fftfreq(scan.shape[1], scan.spacing[1])[:, None]
    columns = rfftfreq(scan.shape[2], scan.spacing[2])
    f = np.hypot(rows, columns) / kernel
    power = f * np.exp(-(f**2) / 2)
    grains = irfftn(rfftn(white, axes=(1, 2)) * np.sqrt(power + 0.003), scan.shape[1:], axes=(1, 2))
    grains = gaussian_filter(grains, (0.35, 0, 0))
    thinner = np.sqrt(5.0 / max(scan.spacing[0], 0.5))
    return np.asarray(grains / grains.std() * deviation * min(thinner, 2.2) * body, dtype=np.float32)


def stored(hu: Field) -> NDArray[np.int16]:
    """Return whole numbers within what scanners store."""
    return np.asarray(np.clip(np.rint(hu), LOWEST, HIGHEST), dtype=np.int16)
