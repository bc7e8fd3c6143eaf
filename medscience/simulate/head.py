"""A head with known tissue, scanned: for showing and testing the pipeline, and for training on.

Smooth random shapes (`anatomy`), brightness by tissue (`tissues`), and what a scanner makes of them
(`scanner`). Nothing in it is measured from a person.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.simulate.anatomy import anatomy
from medscience.simulate.scanner import Protocol, draw_protocol, measure, true_labels
from medscience.simulate.tissues import LABELS, LESION_LABEL, Contrast, brightness

__all__ = ["LABELS", "LESION_LABEL", "Head", "simulate_head"]


@dataclass(frozen=True, slots=True)
class Head:
    """A simulated scan and its truth."""

    image: NDArray[np.uint8]
    """Brightness, along the axes of `geometry`."""
    labels: NDArray[np.uint8]
    """Truth of every voxel, numbered as `LABELS`, and `LESION_LABEL` in heads that have lesions."""
    geometry: Geometry


def simulate_head(
    seed: int, protocol: Protocol | None = None, contrast: Contrast = "T1", lesions: int = 0
) -> Head:
    """Return a head that differs with every seed and is the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses anatomy, protocol, bias field, motion and noise.
    protocol : Protocol, optional
        Field of view, voxels and orientation; drawn from the seed if it is not given.
    contrast : str
        Weighting of the scan; the anatomy of a seed is the same in each.
    lesions : int
        Number of stroke-like lesions.
    """
    random = np.random.default_rng([seed, 0x5CA7])
    drawn = draw_protocol(random)
    geometry = (protocol or drawn).geometry
    made = anatomy(seed, max(1.0, min(geometry.spacing)), lesions)
    image = measure(made, brightness(contrast, random), geometry, random)
    return Head(image, true_labels(made, geometry), geometry)
