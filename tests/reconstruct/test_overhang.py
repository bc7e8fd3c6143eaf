"""Rays see more of a patient than the image shows, and what they see beyond it makes no ghosts."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from medscience.errors import MismatchError
from medscience.geometry import as_affine
from medscience.image import Image, Meaning
from medscience.reconstruct.fdk import Scanned
from medscience.reconstruct.fit import Fit, fit
from medscience.reconstruct.job import Job
from medscience.reconstruct.mckinnon import mckinnon_bates
from medscience.reconstruct.overhang import going_on, overhang, taller
from medscience.reconstruct.patient import TOWARDS, iec_grid, patient_grid
from medscience.reconstruct.project import detector_grid, line_integrals
from medscience.reconstruct.rooster import Rooster, rooster
from medscience.views import Views

WATER = 0.02
VIEWS = Views.circle(np.arange(0, 360, 12.0), 1000, 1500)
TALL = detector_grid((40, 36), (8.0, 8.0))
SHORT = patient_grid("HFS", (12, 32, 32), (6.0, 6.0, 6.0))


def column(grid):
    """A patient who goes on above and below: a cylinder of water with a bone, along IEC's y."""
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    x, _, z = np.moveaxis(grid.world(index), -1, 0)
    body = np.where((x / 70) ** 2 + (z / 60) ** 2 < 1, WATER, 0.0)
    body[(x - 30) ** 2 + z**2 < 15**2] = 1.5 * WATER
    return body.astype(np.float32)


@pytest.fixture(scope="module")
def scan():
    """Of the whole patient, who is much taller than the image."""
    everything = taller(iec_grid(SHORT, "HFS")[0], 40)
    stack = line_integrals(column(everything), everything, VIEWS, TALL)
    return Scanned(VIEWS, TALL, lambda numbers: stack[numbers])


@pytest.fixture
def job(scan):
    return Job(scan, "HFS", WATER, SHORT, *iec_grid(SHORT, "HFS"), {}, None)


@pytest.mark.parametrize("position", TOWARDS)
def test_a_taller_grid_has_the_old_one_in_its_middle(position):
    grid = iec_grid(patient_grid(position, (7, 8, 9), (5.0, 4.0, 3.0)), position)[0]
    more = taller(grid, 3)
    z, y, x = grid.shape
    assert more.shape == (z, y + 6, x)
    assert_allclose(more.world((2, 3 + 1, 4)), grid.world((2, 1, 4)))
    assert_allclose(more.world((2, 0, 4))[1], grid.world((2, 0, 4))[1] - 3 * grid.spacing[1])


def test_what_goes_on_is_the_volume_with_its_ends_repeated():
    volume = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    more = going_on(volume, 2)
    assert np.array_equal(more[:, 2:-2], volume)
    assert np.array_equal(more[:, 0], volume[:, 0])
    assert np.array_equal(more[:, -1], volume[:, -1])
    assert np.array_equal(going_on(volume[None], 2)[0], more)


def test_rays_reach_no_further_than_the_overhang(scan):
    """Ten more slices on each side change no line integral; without any, they are far too small."""
    grid = iec_grid(SHORT, "HFS")[0]
    enough = overhang(scan, grid)
    assert 0 < enough < 20

    def lines(slices):
        return line_integrals(column(taller(grid, slices)), taller(grid, slices), VIEWS, TALL)

    assert_allclose(lines(enough), lines(enough + 10), atol=1e-5)
    assert np.abs(lines(0) - lines(enough)).max() > 1


def test_a_detector_that_is_shifted_along_the_patient_reaches_further(scan):
    grid = iec_grid(SHORT, "HFS")[0]
    aside = replace(VIEWS, detector_v=np.full(len(VIEWS), 60.0))
    assert overhang(Scanned(aside, TALL, scan.read), grid) > overhang(scan, grid)
    low = Scanned(VIEWS, detector_grid((8, 36), (8.0, 8.0)), scan.read)
    assert overhang(low, grid) == 0


def test_a_patient_who_keeps_still_stays_the_same_to_the_last_slice(scan):
    """The prior explains every ray, so nothing is added to it: no ghosts of what lies beyond the image."""
    grid = iec_grid(SHORT, "HFS")[0]
    prior = column(grid)
    found = mckinnon_bates(scan, np.arange(0, 30, 5), grid, prior)
    assert np.abs(found - prior).max() < 0.02 * WATER


def test_rooster_leaves_a_patient_who_keeps_still_as_he_is(scan):
    grid = iec_grid(SHORT, "HFS")[0]
    prior = column(grid)
    phases = (np.arange(len(VIEWS)) % 2) / 2
    settings = Rooster(space=1e-7, time=1e-7, rounds=1, steps=2, smoothing=2)
    found = rooster(scan, phases, grid, np.stack([prior] * 2), settings)
    assert found.shape == (2, *grid.shape)
    assert np.abs(found - prior).mean() < 0.01 * WATER


def test_a_fit_leaves_a_patient_who_keeps_still_as_he_is(scan):
    grid = iec_grid(SHORT, "HFS")[0]
    prior = column(grid)
    phases = (np.arange(len(VIEWS)) % 2) / 2
    found = fit(scan, phases, grid, np.stack([prior] * 2), Fit(space=1e-7, rounds=1))
    assert found.shape == (2, *grid.shape)
    assert np.abs(found - prior).max() < 0.02 * WATER


def test_what_are_no_phases_of_the_scan_are_no_start(job):
    phases = np.zeros((2, *job.grid.shape), np.float32)
    job.check_restored(Image(phases, Meaning(job.grid, "tzyx", value_unit="HU")), 2)
    matrix = job.grid.matrix
    matrix[0, 3] += 1
    elsewhere = Meaning(type(job.grid)(job.grid.shape, as_affine(matrix)), "tzyx", value_unit="HU")
    for data, meaning in (
        (phases, elsewhere),
        (phases[0], Meaning(job.grid, value_unit="HU")),
        (phases, Meaning(job.grid, "tzyx")),
        (phases[:1], Meaning(job.grid, "tzyx", value_unit="HU")),
    ):
        with pytest.raises(MismatchError, match="RECONSTRUCT-AGAIN"):
            job.check_restored(Image(data, meaning), 2)
