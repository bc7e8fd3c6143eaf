"""A person of a seed: anatomy at rest, how it moves, and how the person breathes."""

from dataclasses import dataclass

import numpy as np

from medscience.geometry import Sizes
from medscience.simulate.thorax.anatomy import Anatomy, simulate_anatomy
from medscience.simulate.thorax.breath import Breath
from medscience.simulate.thorax.motion import Motion, motion_of


@dataclass(frozen=True, slots=True)
class Person:
    """All that a scan depends on, but the scanner."""

    anatomy: Anatomy
    motion: Motion
    breath: Breath


def simulate_person(seed: int, shape: Sizes, spacing: float, seconds: float) -> Person:
    """Return a person who breathes for some seconds; grid as of `simulate_anatomy`."""
    return breathing(simulate_anatomy(seed, shape, spacing), seed, seconds)


def breathing(anatomy: Anatomy, seed: int, seconds: float) -> Person:
    """Return a person with a known anatomy; the diaphragm moves by 9 to 22 mm, the front by 2 to 6 mm."""
    random = np.random.default_rng([seed, 0xB2EA7])
    deep, out = random.uniform(9, 22), random.uniform(2, 6)
    motion = motion_of(anatomy.hu, anatomy.geometry.spacing, deep, out)
    return Person(anatomy, motion, Breath.drawn(random, seconds))
