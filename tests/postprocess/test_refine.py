import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy.ndimage import gaussian_filter

from medscience.postprocess import refine
from medscience.postprocess.refine import STEPS, STILL, refined, settled

SPACING = (3.0, 4.0, 7.0)
"""So that a cell is one voxel, and no axis is another's."""

LABELS = arrays(np.uint8, (5, 6, 7), elements=st.sampled_from([0, 0, 1, 1, 2, 5]))
SEEDS = st.integers(0, 2**32 - 1)


def scan_of(labels, seed):
    """Each label has a brightness of its own, and some noise."""
    noise = np.random.default_rng(seed).normal(0, 0.08, labels.shape)
    return (labels / 6 + noise).astype(np.float32)


def run(labels, scan, spacing=SPACING):
    return refined(labels, lambda region: scan[region], spacing)


def around(labels, voxel):
    """A voxel's label and those that touch it, flat; at an end of the volume the last ones twice."""
    return np.pad(labels, 1, mode="symmetric")[tuple(slice(i, i + 3) for i in voxel)].ravel()


def slow(labels, scan):
    """The rule, voxel by voxel."""
    border = np.array([(around(labels, v) != labels[v]).any() for v in np.ndindex(*labels.shape)])
    border = border.reshape(labels.shape)
    mean, variance = {}, {}
    for label in np.unique(labels):
        one = (labels == label) * np.where(border, 1e-6, 1.0)
        count, first, second = (
            gaussian_filter(m, 12.0 / np.array(SPACING), mode="constant") + 1e-3 * m.sum() / one.sum()
            for m in (one, one * scan, one * scan**2)
        )
        mean[label] = first / count
        variance[label] = np.maximum(second / count - mean[label] ** 2, 1e-4)
    answer = labels.copy()
    for voxel in map(tuple, np.argwhere(border)):
        share = {label: (around(labels, voxel) == label).mean() for label in np.unique(around(labels, voxel))}
        away = {label: (scan[voxel] - mean[label][voxel]) ** 2 for label in share}
        inside = {label: part for label, part in share.items() if label}
        together = sum(part * variance[label][voxel] for label, part in inside.items()) / sum(inside.values())
        best = max(inside, key=lambda label: np.log(inside[label]) - away[label] / (2 * together))
        if 0 in share:
            brightness = (away[0] - away[best]) / (2 * variance[0][voxel])
            best = 0 if np.log(sum(inside.values()) / share[0]) + brightness < 0 else best
        answer[voxel] = best
    return answer


@given(labels=LABELS, seed=SEEDS)
def test_it_is_the_rule_voxel_by_voxel(labels, seed):
    labels[[0, -1], 2, 2], labels[2, [0, -1], 2], labels[2, 2, [0, -1]] = 1, 1, 1
    labels = np.pad(labels, 2)  # as much as its rule sees of what is around labels that reach all ends
    scan = scan_of(labels, seed)
    differ = run(labels, scan) != slow(labels, scan.astype(np.float64))
    assert differ.sum() <= 1  # near-ties


@given(labels=LABELS, seed=SEEDS)
def test_only_voxels_that_touch_another_label_change_and_to_one_that_they_touch(labels, seed):
    found = run(labels, scan_of(labels, seed), (1.0, 2.0, 4.0))
    assert found.dtype == labels.dtype
    for voxel in np.argwhere(found != labels):
        touching = labels[tuple(slice(max(i - 1, 0), i + 2) for i in voxel)]
        assert len(np.unique(touching)) > 1
        assert found[tuple(voxel)] in touching


@given(labels=LABELS, seed=SEEDS, axis=st.integers(0, 2))
def test_a_mirrored_scan_has_mirrored_borders(labels, seed, axis):
    scan = scan_of(labels, seed)
    turned = np.flip(run(np.flip(labels, axis), np.flip(scan, axis)), axis)
    assert (turned != run(labels, scan)).sum() <= 1  # sums in another order


@given(labels=LABELS, seed=SEEDS)
def test_what_is_far_from_all_labels_does_not_matter(labels, seed):
    labels = np.pad(labels, 3)
    wide = np.pad(labels, 4)
    scan = scan_of(wide, seed)
    inner = (slice(4, -4),) * 3
    assert_array_equal(run(wide, scan)[inner], run(labels, scan[inner]))


def test_slices_at_once_do_not_matter(monkeypatch):
    labels = np.random.default_rng(1).integers(0, 4, (40, 12, 12)).astype(np.uint8)
    scan = scan_of(labels, 2)
    whole = run(labels, scan, (1.2, 1.0, 1.0))
    monkeypatch.setattr(refine, "SLICES", 5)
    assert_array_equal(run(labels, scan, (1.2, 1.0, 1.0)), whole)


@pytest.mark.parametrize("inverted", [False, True])
def test_borders_that_were_a_voxel_off_are_found_under_a_bias_field_and_any_contrast(inverted):
    z, y, x = np.mgrid[:48, :48, :48]
    radius = np.sqrt((z - 24) ** 2 + (y - 24) ** 2 + (x - 24) ** 2)
    truth = np.select([radius < 10, radius < 15, radius < 20], [1, 2, 3], 0).astype(np.uint8)
    scan = np.array([0.1, 0.9, 0.6, 0.3])[truth] * (1 + 0.4 * x / 48)
    scan = (1.4 - scan if inverted else scan) + np.random.default_rng(0).normal(0, 0.03, scan.shape)
    found = np.roll(truth, 1, axis=2)
    again = run(found, scan.astype(np.float32), (1.0, 1.0, 1.0))
    assert (found != truth).mean() > 0.025
    assert (again != truth).mean() < 0.006


@given(labels=LABELS, seed=SEEDS)
def test_steps_end_with_the_first_that_moves_few_voxels(labels, seed):
    scan = scan_of(labels, seed)
    found, steps = settled(labels, lambda region: scan[region], SPACING)
    for step in range(1, steps + 1):
        before, labels = labels, run(labels, scan)
        moved = (labels != before).sum() / max((labels > 0).sum(), 1)
        assert (moved <= STILL or step == STEPS) == (step == steps)
    assert_array_equal(found, labels)


def test_borders_that_were_three_voxels_off_are_found_in_steps_and_none_is_carried_on():
    z, y, x = np.mgrid[:48, :48, :48]
    radius = np.sqrt((z - 24) ** 2 + (y - 24) ** 2 + (x - 24) ** 2)
    truth = np.select([radius < 10, radius < 20], [1, 2], 0).astype(np.uint8)
    scan = np.array([0.1, 0.9, 0.5])[truth] + np.random.default_rng(0).normal(0, 0.1, truth.shape)
    values = scan.astype(np.float32)
    far, steps = settled(np.roll(truth, 3, axis=2), lambda region: values[region], (1.0, 1.0, 1.0))
    near, few = settled(truth, lambda region: values[region], (1.0, 1.0, 1.0))
    assert 3 <= steps < STEPS
    assert few == 1
    assert (far != truth).mean() < 0.01
    assert (near != truth).mean() < 0.005


def test_no_labels_stay_none():
    nothing = np.zeros((3, 4, 5), np.uint8)
    assert_array_equal(run(nothing, scan_of(nothing, 0)), nothing)
    assert settled(nothing, lambda region: scan_of(nothing, 0)[region], SPACING)[1] == 1
