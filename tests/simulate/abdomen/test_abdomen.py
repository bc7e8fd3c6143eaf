"""Simulated abdomens: the same for the same seed, whole, and as hard as they promise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.simulate.abdomen import abdomen as module
from medscience.simulate.abdomen.abdomen import draw_patient, drawn_scan, simulate_abdomen
from medscience.simulate.abdomen.habitus import STYLES
from medscience.simulate.abdomen.scanner import Scan, noise
from medscience.steps.simulate_abdomen import abdomen as write_abdomens

SEEDS = range(1, 3)
NOISY = np.ones((1, 1), np.float32)


def small(seed, style="usual", size=64, thickness=10.0, **given):
    return simulate_abdomen(seed, drawn_scan(seed, style, size, thickness), style=style, **given)


@pytest.fixture(scope="module")
def cases():
    """A few coarse abdomens of either style."""
    return [small(seed, style) for style in STYLES for seed in SEEDS]


def test_the_same_seed_gives_the_same_abdomen_however_many_slices_are_painted_at_once(cases, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 64 * 64 * 20)
    again = small(2)
    assert_array_equal(again.image, cases[1].image)
    assert_array_equal(again.labels, cases[1].labels)
    assert again.lesions == cases[1].lesions


def test_another_seed_and_another_style_give_another_abdomen(cases):
    middles = [np.argwhere(case.labels > 0).mean(axis=0).round(1).tolist() for case in cases]
    assert len({tuple(middle) for middle in middles}) == len(cases)


def test_the_liver_lies_at_the_right_and_is_as_large_as_an_adults(cases):
    for case in cases:
        where = np.argwhere(case.labels > 0)
        millilitres = len(where) * np.prod(case.geometry.spacing) / 1000
        assert 600 < millilitres < 3600
        assert case.geometry.world(where.mean(axis=0))[0] > 15
        assert case.geometry.orientation == "SPL"


def test_a_liver_ends_within_the_scan_and_is_not_cut_off(cases):
    for case in cases:
        assert not case.labels[[0, -1]].any()
        assert (case.image[:, 0] < -900).mean() > 0.9  # air before the belly


def test_the_body_does_not_depend_on_the_grid(cases):
    """Volume and middle of the liver in the world are the same however it is scanned."""
    seen = []
    for case in (cases[0], small(1, size=96, thickness=5.0)):
        where = np.argwhere(case.labels > 0)
        volume = len(where) * np.prod(case.geometry.spacing)
        seen.append((volume, case.geometry.world(where.mean(axis=0))))
    assert_allclose(seen[0][0], seen[1][0], rtol=0.04)
    assert_allclose(seen[0][1], seen[1][1], atol=2.5)


def test_the_phase_changes_brightness_and_not_shapes():
    livers = []
    for phase in ("native", "portal"):
        case = small(5, phase=phase, lesions=3)
        livers.append(case.labels)
        assert abs(np.median(case.image[case.labels == 1]) - draw_patient(5, "usual", phase).hu["liver"]) < 8
    assert_array_equal(*livers)


def test_lesions_are_as_many_as_asked_for_and_lie_in_the_liver():
    without, ill = small(2, lesions=0), small(2, lesions=6)
    assert set(np.unique(without.labels)) == {0, 1}
    assert len(ill.lesions) == 6
    assert (ill.labels == 2).any()
    assert ((ill.labels > 0) != (without.labels > 0)).mean() < 1e-4  # where two levels of four have either


def test_lesions_differ_from_the_liver_around_them():
    """By what was drawn, in the middle of the largest, for those that are dark throughout."""
    for seed in range(1, 20):
        patient = draw_patient(seed, "usual", "portal", 3)
        large = [lesion for lesion in patient.lesions if lesion.kind == "dark" and min(lesion.radii) > 10]
        if large and len(patient.lesions) == len(set(patient.lesions)):
            assert large[0].difference <= -STYLES["usual"].lesion_contrast[0]
            return
    pytest.fail("no large dark lesion in 19 abdomens")


def test_no_window_of_brightness_finds_the_liver(cases):
    """Not even the best one of each case: spleen, muscle and bowel are as bright."""
    best = []
    for case in cases:
        liver = case.labels > 0
        within = [
            (case.image > low) & (case.image < high)
            for low in range(-20, 120, 20)
            for high in range(low + 20, 240, 20)
        ]
        best.append(max(2 * (w & liver).sum() / (w.sum() + liver.sum()) for w in within))
    assert np.mean(best) < 0.6


def test_noise_has_the_power_spectrum_of_its_kernel():
    """Most at the kernel's frequency, little in the mean of many pixels; thinner slices have more."""
    scan = Scan((4, 128, 128), (5.0, 0.8, 0.8), (0, 0, 0))
    grains = noise(np.random.default_rng(0), scan, 0.2, 12.0, NOISY)
    assert_allclose(grains.std(), 12.0, rtol=0.02)
    power = (np.abs(np.fft.fft2(grains)) ** 2).mean(axis=0)
    f = np.hypot(*np.meshgrid(*[np.fft.fftfreq(128, 0.8)] * 2, indexing="ij"))
    rings = [power[(f >= low) & (f < low + 0.05)].mean() for low in (0.0, 0.175, 0.55)]
    assert rings[1] > 2 * rings[0]
    assert rings[1] > 8 * rings[2]
    thin = Scan((4, 128, 128), (1.25, 0.8, 0.8), (0, 0, 0))
    assert_allclose(noise(np.random.default_rng(0), thin, 0.2, 12.0, NOISY).std(), 24.0, rtol=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_scans_differ_and_hold_the_body(seed):
    patient, scan = draw_patient(seed, "other", lesions=0), drawn_scan(seed, "other")
    z, _, x = scan.axes()
    assert 0.7 <= scan.spacing[0] <= 5.0
    assert x[-1] - x[0] > 2 * patient.body.width
    assert z[-1] > patient.body.domes[0]
    assert z[0] < -105


def test_the_command_writes_scans_truth_and_a_sheet(tmp_path):
    write_abdomens(tmp_path, seed=4, count=1, size=48, thickness=10.0, lesions=2)
    rows = (tmp_path / "samples.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["sample", "track", "source", "reference"]
    assert rows[1].split("\t")[:2] == ["abdomen-4", "liver_ct"]
    assert all((tmp_path / name).stat().st_size for name in ("abdomen-4.nii.gz", "abdomen-4_labels.nii.gz"))
