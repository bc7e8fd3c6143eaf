"""Phases that explain their views: conjugate gradients from what a network restored, a little smoothed.

A network that is not sure how far something moved answers with less. The views know better: each is compared
with what it would see of the phases, between the two that it lies between in the breath, and the phases are
changed by as little as explains the difference. Few steps do that for what is large; many would fit noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.reconstruct.fdk import BATCH, Scanned
from medscience.reconstruct.overhang import going_on, overhang, taller
from medscience.reconstruct.project import line_integrals, spread_back
from medscience.reconstruct.rtk import as_array, as_itk, toolkit

STEPS = 4
"""Of conjugate gradients in each round."""
SMOOTHING = 10
"""Steps of smoothing in each round."""

Volumes = NDArray[np.float32]
"""Attenuation of all phases in 1/mm, shape (T, Z, Y, X), along IEC's axes."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How long phases are fitted to the views, and how smooth they stay."""

    space: float = 5e-5
    """Weight of the total variation in space, of attenuation in 1/mm."""
    rounds: int = 3
    """Of `STEPS` steps, with a smoothing after each."""


@dataclass(frozen=True, slots=True)
class Between:
    """Some views that lie between a phase image and the next."""

    numbers: NDArray[np.intp]
    below: int
    after: int
    share: NDArray[np.float32]
    """Of the later image in each view, (views, 1, 1); the earlier one has the rest."""


@dataclass(frozen=True, slots=True)
class Breath:
    """What the views of a scan see of phases, and what that says of the phases."""

    scan: Scanned
    grid: Geometry
    """In IEC coordinates."""
    views: tuple[Between, ...]

    def residual(self, found: Volumes) -> Volumes:
        """Return what the views see and the phases do not explain, spread back over the phases."""
        left = np.zeros_like(found)
        for some in self.views:
            self._spread(self.scan.read(some.numbers) - self._lines(found, some), some, left)
        return left

    def normal(self, change: Volumes) -> tuple[Volumes, float]:
        """Return what the views see of a change, spread back, and its square."""
        back, square = np.zeros_like(change), 0.0
        for some in self.views:
            seen = self._lines(change, some)
            square += _square(seen)
            self._spread(seen, some, back)
        return back, square

    def _lines(self, phases: Volumes, some: Between) -> NDArray[np.float32]:
        views, detector = self.scan.views.take(some.numbers), self.scan.detector
        before, after = (
            line_integrals(phases[b], self.grid, views, detector) for b in (some.below, some.after)
        )
        return (1 - some.share) * before + some.share * after

    def _spread(self, lines: NDArray[np.float32], some: Between, into: Volumes) -> None:
        views, detector = self.scan.views.take(some.numbers), self.scan.detector
        for phase, share in ((some.below, 1 - some.share), (some.after, some.share)):
            into[phase] += spread_back(share * lines, self.grid, views, detector)


def fit(scan: Scanned, phases: NDArray[np.float64], grid: Geometry, begun: Volumes, settings: Fit) -> Volumes:
    """Return phases that are near those given, and explain the views.

    Parameters
    ----------
    scan : Scanned
        Its views are read again in each step: memory does not grow with their number.
    phases : ndarray
        Of each view, in [0, 1); views without one (NaN) are left out.
    grid : Geometry
        In IEC coordinates.
    begun : ndarray, shape (T, Z, Y, X)
        From where to start: phases that were restored.
    settings : Fit
        Rounds and weight.
    """
    beyond = overhang(scan, grid)
    found, grid = going_on(begun, beyond), taller(grid, beyond)
    breath = Breath(scan, grid, tuple(neighbours(phases, len(begun))))
    for _ in range(settings.rounds):
        found = nearer(breath, found, STEPS)
        found = np.stack([smoothed(phase, grid, settings.space) for phase in found])
    return found[:, :, beyond : beyond + begun.shape[2]]


def nearer(breath: Breath, found: Volumes, steps: int) -> Volumes:
    """Return phases after some steps towards the least squares between them and the views.

    Conjugate gradients on the normal equations (Hestenes and Stiefel 1952, doi:10.6028/jres.049.044).
    """
    gradient = breath.residual(found)
    direction, size = gradient, _square(gradient)
    for _ in range(steps):
        back, seen = breath.normal(direction)
        if seen == 0.0:
            return found
        step = np.float32(size / seen)
        found, gradient = found + step * direction, gradient - step * back
        before, size = size, _square(gradient)
        direction = gradient + np.float32(size / before) * direction
    return found


def neighbours(phases: NDArray[np.float64], count: int) -> Iterator[Between]:
    """Yield all views that have a phase, those between the same two images together, `BATCH` at most.

    >>> [(b.numbers.tolist(), b.below, b.after) for b in neighbours(np.array([0.9, 0.1, np.nan, 0.2]), 2)]
    [([1, 3], 0, 1), ([0], 1, 0)]
    """
    place = phases * count
    below = np.floor(place)
    for b in range(count):
        numbers = np.flatnonzero(below == b)
        for some in np.array_split(numbers, -(-len(numbers) // BATCH) or 1):
            if len(some):
                share = (place[some] - b).astype(np.float32)[:, None, None]
                yield Between(some, b, (b + 1) % count, share)


def smoothed(volume: NDArray[np.float32], grid: Geometry, weight: float) -> NDArray[np.float32]:
    """Return a volume with less total variation (Chambolle 2004, by RTK)."""
    itk, rtk = toolkit()
    z, y, x = grid.spacing
    kinds = itk.Image[itk.F, 3], itk.Image[itk.CovariantVector[itk.F, 3], 3]
    quiet = rtk.TotalVariationDenoisingBPDQImageFilter[kinds].New()
    quiet.SetInput(as_itk(volume, (x, y, z), grid.origin))
    quiet.SetGamma(weight)
    quiet.SetNumberOfIterations(SMOOTHING)
    quiet.Update()
    return as_array(quiet.GetOutput())


def _square(values: NDArray[np.float32]) -> float:
    flat = values.ravel()
    return float(sum(np.dot(part, part) for part in np.array_split(flat, -(-flat.size // 2**20) or 1)))
