"""RTK takes twelve seconds to load: what needs it shares a process, and a session's phantom."""

import numpy as np
import pytest

from medscience.reconstruct.patient import patient_grid
from medscience.reconstruct.project import detector_grid
from medscience.views import Views

WATER = 0.02
"""Attenuation in 1/mm."""


@pytest.fixture(scope="session")
def grid():
    """A grid of 32 voxels of 6 mm a side, about the isocentre."""
    return patient_grid("HFS", (32, 32, 32), (6.0, 6.0, 6.0))


@pytest.fixture(scope="session")
def detector():
    """A detector of 48 by 64 pixels that sees all of it."""
    return detector_grid((48, 64), (8.0, 8.0))


@pytest.fixture(scope="session")
def views():
    """Sixty views over the full circle."""
    return Views.circle(np.arange(60) * 6.0, 1000, 1536)
