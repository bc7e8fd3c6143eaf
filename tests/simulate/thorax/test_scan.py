"""Scans of what moves: each view at its own time, truth as the mean over them, counts as physics has them."""

import numpy as np
import pytest
import SimpleITK
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.export.metaimage import write_stack
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.reconstruct.project import detector_grid
from medscience.simulate.thorax.motion import body_of, lungs_of
from medscience.simulate.thorax.real import DOME, anatomy_of
from medscience.simulate.thorax.scan import Exposure, bins_of, gantry, simulate_scan

TIMES = np.arange(60) * 1.0


@pytest.fixture(scope="module")
def scanned(person):
    seen = []

    def project(hu, view):
        seen.append((view, hu))
        return np.zeros((4, 5), np.float32)

    return simulate_scan(person, TIMES, project, Exposure(), 3, count=4), seen


def test_every_view_sees_the_body_at_its_own_time(person, scanned):
    _, seen = scanned
    assert [view for view, _ in seen] == list(range(60))
    breath = person.breath
    for view in (0, 7, 31):
        at = TIMES[view : view + 1]
        wanted = person.motion.warped(person.anatomy.hu, breath.diaphragm(at)[0], breath.wall(at)[0])
        assert_allclose(seen[view][1], wanted, atol=1e-3)


def test_truth_is_the_mean_over_the_views_of_a_phase(person, scanned):
    scan, seen = scanned
    assert_array_equal(scan.bins, bins_of(person.breath.phase(TIMES), 4))
    for phase in range(4):
        wanted = np.mean([hu for view, hu in seen if scan.bins[view] == phase], axis=0)
        assert_allclose(scan.phases[phase], wanted, atol=0.02)


def test_the_tumour_is_where_its_truth_says(person, scanned):
    scan, _ = scanned
    index = np.stack(np.indices(scan.tumour.shape[1:]), axis=-1)
    for part, centre in zip(scan.tumour, scan.centroids(), strict=True):
        found = person.anatomy.geometry.world((index * part[..., None]).sum((0, 1, 2)) / part.sum())
        assert_allclose(found, centre, atol=0.05)  # its volume changes a little with the breath
    assert scan.centroids()[:, 2].argmin() == 0  # lowest at the end of the inhalation


def test_bins_are_centred_on_their_phases():
    assert bins_of(np.array([0.96, 0.0, 0.049, 0.051, 0.5, 0.949]), 10).tolist() == [0, 0, 0, 1, 5, 9]


def test_counts_are_those_of_beer_s_law_and_poisson_s():
    integrals = np.full((60, 80), 2.0, np.float32)
    counts = Exposure(photons=5000, scatter=0).counted(integrals, np.random.default_rng(0))
    expected = 5000 * np.exp(-2.0)
    assert abs(counts.mean() / expected - 1) < 0.005
    assert abs(counts.var() / expected - 1) < 0.06


def test_scatter_fills_the_shadow():
    integrals = np.zeros((60, 80), np.float32)
    integrals[20:40, 30:50] = 5.0
    random = [np.random.default_rng(0) for _ in range(2)]
    clean, hazy = (
        Exposure(50_000, part).counted(integrals, r) for part, r in zip((0, 0.05), random, strict=True)
    )
    shadow = np.s_[25:35, 35:45]
    assert hazy[shadow].mean() > clean[shadow].mean() + 5
    assert abs(hazy[0, 0] / clean[0, 0] - 1) < 0.05


def test_the_gantry_goes_once_around():
    for seed in range(3):
        steps = np.diff(np.unwrap(gantry(seed, 90), period=360))
        assert_allclose(steps, 4.0)
    assert gantry(1, 4)[0] != gantry(2, 4)[0]


def test_a_ct_in_any_orientation_becomes_the_same_anatomy(person):
    plain = Image(person.anatomy.hu, Meaning(person.anatomy.geometry, value_unit="HU"))
    made = anatomy_of(plain, 4, (24, 36, 48), 8.0)
    assert body_of(made.hu).any()
    low = np.nonzero(lungs_of(made.hu, body_of(made.hu)))[0]
    assert abs(made.geometry.world((np.quantile(low, 0.05), 0, 0))[2] - DOME) < 12
    assert made.tumour.sum() * 0.512 > 0.5
    turned = plain.turned(plain.geometry.reorientation("ALI"))
    moved = turned.geometry.matrix
    moved[:3, 3] += (37.0, -12.0, 410.0)
    elsewhere = Image(
        turned.data, Meaning(Geometry(turned.geometry.shape, as_affine(moved)), value_unit="HU")
    )
    assert_allclose(anatomy_of(elsewhere, 4, (24, 36, 48), 8.0).hu, made.hu, atol=0.1)


def test_an_independent_reader_reads_the_stack(tmp_path):
    counts = np.random.default_rng(0).integers(0, 60_000, (5, 4, 6)).astype(np.uint16)
    write_stack(counts, detector_grid((4, 6), (2.0, 3.0)), tmp_path / "scan.mha")
    found = SimpleITK.ReadImage(str(tmp_path / "scan.mha"))
    assert_array_equal(SimpleITK.GetArrayFromImage(found), counts)
    assert found.GetSpacing() == (3.0, 2.0, 1.0)
    assert found.GetOrigin() == (-7.5, -3.0, 0.0)


def test_a_phase_without_views_has_no_truth(person):
    with pytest.raises(InputError, match="SIMULATE-VIEWS"):
        simulate_scan(
            person, TIMES[:3], lambda hu, view: np.zeros((4, 5), np.float32), Exposure(), 3, count=10
        )
