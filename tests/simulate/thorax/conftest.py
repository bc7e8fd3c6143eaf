"""A coarse person whom all tests look at."""

import pytest

from medscience.simulate.thorax.person import simulate_person

SHAPE = (32, 36, 48)
SPACING = 8.0


@pytest.fixture(scope="session")
def person():
    """A person of voxels of 8 mm, who breathes for a minute."""
    return simulate_person(5, SHAPE, SPACING, 60.0)
