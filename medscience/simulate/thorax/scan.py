"""A cone-beam scan of a chest that breathes: every view sees the body at its own time.

What a detector counts is drawn from Poisson's law around what comes through and what is scattered into it.
The latter goes with what was taken out of the beam nearby, spread wide (the forward model of Sun & Star-Lack
2010, Phys Med Biol 55, doi:10.1088/0031-9155/55/22/007, with one width).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medscience.errors import InputError
from medscience.geometry import Geometry
from medscience.progress import Tell, nobody
from medscience.simulate.thorax.person import Person

Volume = NDArray[np.float32]
Project = Callable[[Volume, int], NDArray[np.float32]]
"""Gives the line integrals (V, U) of Hounsfield units on the anatomy's grid, as a view sees them."""

SPREAD = 60.0
"""Of the scatter on the detector: sigma in mm."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What comes to the detector."""

    photons: float = 50_000.0
    """Counted in a pixel through air."""
    scatter: float = 0.004
    """Scattered in: a part of what was taken out of the beam nearby, as grid and correction leave it."""
    pixel: float = 4.0
    """Of the detector, mm."""

    def counted(self, integrals: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.uint16]:
        """Return what is counted of line integrals (V, U)."""
        through = np.exp(-integrals.astype(np.float64))
        lost = gaussian_filter(through * integrals, SPREAD / self.pixel, mode="nearest")
        expected = self.photons * (through + self.scatter * lost)
        counted = random.poisson(expected)
        return np.asarray(np.minimum(counted, np.iinfo(np.uint16).max), np.uint16)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was counted, and the truth."""

    counts: NDArray[np.uint16]
    """Shape (views, V, U)."""
    phases: Volume
    """Shape (phases, Z, Y, X), HU: of each the mean over its views' times."""
    tumour: Volume
    """Likewise, the part of each voxel that is tumour."""
    path: NDArray[np.float64]
    """Shape (views, 3): where the tumour's centroid is in each, RAS+ mm."""
    bins: NDArray[np.int64]
    """The phase that each view belongs to."""

    def centroids(self) -> NDArray[np.float64]:
        """Return the mean of the tumour's centroid over the views of each phase, (phases, 3), RAS+ mm."""
        return np.stack([self.path[self.bins == p].mean(axis=0) for p in range(len(self.phases))])


def bins_of(phase: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return to which of some phases each view belongs: those nearest to p / count.

    >>> bins_of(np.array([0.0, 0.04, 0.06, 0.97]), 10).tolist()
    [0, 0, 1, 0]
    """
    return np.floor(phase * count + 0.5).astype(np.int64) % count


def simulate_scan(
    person: Person,
    times: NDArray[np.float64],
    project: Project,
    exposure: Exposure,
    seed: int,
    count: int = 10,
    tell: Tell = nobody,
) -> Scan:
    """Return a scan of a body that moves.

    Parameters
    ----------
    person : Person
        Anatomy, motion and breath.
    times : ndarray
        Of each view, in seconds.
    project : callable
        Takes a volume and a view's number.
    seed : int
        Of the noise.
    count : int
        Phases of the truth; `bins_of` says which views are theirs.
    tell : callable
        Hears of every view.

    Raises
    ------
    InputError
        If a phase has no view.
    """
    anatomy, motion, breath = person.anatomy, person.motion, person.breath
    random = np.random.default_rng([seed, 0x5CA2])
    bins = bins_of(breath.phase(times), count)
    views = np.bincount(bins, minlength=count)
    if not views.all():
        raise InputError(
            "SIMULATE-VIEWS",
            field="views",
            found=f"none in {(views == 0).sum()} of {count} phases",
            expected="views in every phase",
            fix="take more views, or more time",
        )
    phases, tumours = (np.zeros((count, *anatomy.hu.shape), np.float32) for _ in range(2))
    counts, path = [], []
    across = np.flatnonzero(anatomy.tumour.any(axis=(0, 1)))
    planes = slice(across[0], across[-1] + 1) if len(across) else slice(0, 1)
    tumour_at_rest, tumour_motion = anatomy.tumour[..., planes], motion.only(planes)
    place = anatomy.geometry.crop((0, 0, planes.start), tumour_at_rest.shape)
    courses = zip(breath.diaphragm(times), breath.wall(times), bins, strict=True)
    tell(0, len(times))
    for view, (down, out, phase) in enumerate(courses):
        now = motion.warped(anatomy.hu, down, out)
        tumour = tumour_motion.warped(tumour_at_rest, down, out)
        counts.append(exposure.counted(project(now, view), random))
        path.append(centroid(tumour, place))
        phases[phase] += now / np.float32(views[phase])
        tumours[phase][..., planes] += tumour / np.float32(views[phase])
        tell(view + 1, len(times))
    return Scan(np.stack(counts), phases, tumours, np.stack(path), bins)


def centroid(part: Volume, geometry: Geometry) -> NDArray[np.float64]:
    """Return the centroid of what is there by parts, in RAS+ mm; not a number where there is nothing."""
    sums = [part.sum(axis=tuple({0, 1, 2} - {axis}), dtype=np.float64) for axis in range(3)]
    with np.errstate(invalid="ignore"):
        index = [np.arange(len(line)) @ line / line.sum() for line in sums]
    return geometry.world(index)


def gantry(seed: int, count: int) -> NDArray[np.float64]:
    """Return the angle of each view in degrees: once around, from where the seed begins."""
    start = np.random.default_rng([seed, 0x6A27]).uniform(0, 360)
    return np.asarray((start + np.arange(count) * 360 / count) % 360)
