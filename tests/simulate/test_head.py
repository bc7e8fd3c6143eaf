"""Simulated heads: the same for the same seed, whole, with the anatomy and the contrast that they promise."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import label

from medscience.simulate.anatomy import anatomy
from medscience.simulate.drawn import drawn_patches
from medscience.simulate.head import LABELS, LESION_LABEL, simulate_head
from medscience.simulate.scanner import Protocol, draw_protocol, isotropic, true_labels
from medscience.simulate.tissues import Tissue, truth

COARSE = isotropic(3.0)
SEEDS = range(5)


@pytest.fixture(scope="module")
def heads():
    """A few coarse heads."""
    return [simulate_head(seed, COARSE) for seed in SEEDS]


def test_the_same_seed_gives_the_same_head(heads):
    again = simulate_head(2, COARSE)
    assert_array_equal(again.image, heads[2].image)
    assert_array_equal(again.labels, heads[2].labels)
    assert again.geometry == heads[2].geometry


def test_no_two_seeds_give_the_same_shape_or_brightness(heads):
    for one, other in pairwise(heads):  # more than noise at the border
        assert (one.labels != other.labels).mean() > 0.02
        assert (one.image != other.image).mean() > 0.2


def test_the_contrast_does_not_change_the_anatomy(heads):
    other = simulate_head(1, COARSE, contrast="T2")
    assert_array_equal(other.labels, heads[1].labels)
    assert (other.image != heads[1].image).mean() > 0.5


def test_every_tissue_has_about_the_volume_of_an_adults():
    """Grey and white matter of adults, 400 to 1000 mL each, and fluid in the skull."""
    for seed in SEEDS:
        labels, counts = np.unique(truth(anatomy(seed, 2.0).tissues), return_counts=True)
        assert labels.tolist() == list(LABELS)
        _, white, grey, fluid = (counts * 0.008).tolist()
        assert 400 < white < 1000
        assert 400 < grey < 1000
        assert 100 < fluid < 650


def test_each_head_has_every_structure():
    for seed in SEEDS:
        counts = np.bincount(anatomy(seed, 2.0).tissues.ravel(), minlength=len(Tissue))
        always = set(Tissue) - {Tissue.LESION, Tissue.CANAL}  # the canal may be filled by the cord
        assert min(counts[tissue] for tissue in always) > 20


def test_eyes_are_as_large_as_a_persons():
    """Vitreous humour of an adult: 3 to 6 mL in each eye."""
    for seed in SEEDS:
        assert 5 < (anatomy(seed, 2.0).tissues == Tissue.EYE).sum() * 0.008 < 14


def test_the_same_head_at_another_resolution():
    fine, coarse = anatomy(7, 2.0), anatomy(7, 4.0)
    same = truth(fine.tissues)[::2, ::2, ::2]
    shape = np.minimum(same.shape, coarse.tissues.shape)
    region = tuple(slice(n) for n in shape)
    brain, again = same[region] > 0, truth(coarse.tissues)[region] > 0
    assert 2 * (brain & again).sum() / (brain.sum() + again.sum()) > 0.93


def test_the_brain_is_one_piece_inside_the_skull():
    tissues = anatomy(3, 2.0).tissues
    brain = truth(tissues) > 0
    _, pieces = label(brain)
    assert pieces == 1 or np.sort(np.bincount(label(brain)[0].ravel()))[-2] / brain.sum() > 0.995
    touching = np.zeros_like(brain)
    for axis in range(3):
        for step in (-1, 1):
            touching |= np.roll(brain, step, axis=axis)
    neighbours = tissues[touching & ~brain]
    outside = np.isin(neighbours, (Tissue.FAT, Tissue.SKIN)).mean()
    assert outside < 0.02  # only fluid, dura and bone lie around it


def test_cortex_lies_between_white_matter_and_fluid():
    tissues = anatomy(4, 1.5).tissues
    white, fluid = tissues == Tissue.WHITE, tissues == Tissue.FLUID
    meeting = (white[:, :, 1:] & fluid[:, :, :-1]).sum() / (white[:, :, 1:] & ~white[:, :, :-1]).sum()
    assert meeting < 0.12  # white matter meets fluid at the ventricles, hardly anywhere else


@pytest.mark.parametrize("seed", range(40))
def test_protocols_differ_and_hold_the_brain(seed):
    protocol = draw_protocol(np.random.default_rng(seed))
    geometry = protocol.geometry
    assert 0.89 <= min(geometry.spacing) <= max(geometry.spacing) <= 1.41
    assert geometry.shear == pytest.approx(0, abs=1e-6)
    for corner in ((60, 0, 0), (-60, 0, 0), (0, 70, 0), (0, -78, 0), (0, 0, 72), (0, 0, -45)):  # RAS, mm
        index = geometry.index(corner)
        assert (index > 0).all()
        assert (index < np.array(geometry.shape) - 1).all()


def test_protocols_come_in_many_orientations_and_sizes():
    drawn = [draw_protocol(np.random.default_rng(seed)).geometry for seed in range(40)]
    assert len({geometry.orientation for geometry in drawn}) >= 6
    assert len({geometry.shape for geometry in drawn}) >= 30


@pytest.mark.parametrize("axes", ["SAR", "LIA", "PSR", "RAS"])
def test_the_truth_lies_where_the_head_lies_however_it_is_scanned(axes):
    """The brain's middle in the world is that of the anatomy, on any grid."""
    made = anatomy(6, 3.0)
    straight = np.argwhere(truth(made.tissues) > 0).mean(axis=0) * 3.0 + (-112, -116, -92)
    lengths = {"S": 208.0, "I": 208.0, "A": 228.0, "P": 228.0, "R": 184.0, "L": 184.0}
    i, j, k = (int(lengths[letter] / 3) for letter in axes)
    protocol = Protocol((i, j, k), (3.0, 3.0, 3.0), axes, tilt=(4.0, -6.0, 3.0))
    geometry = protocol.geometry
    labels = true_labels(made, geometry)
    found = geometry.world(np.argwhere(labels > 0).mean(axis=0))
    assert_allclose(found[::-1], straight, atol=0.7)


def test_white_is_brighter_than_grey_and_grey_than_fluid_in_t1_and_the_other_way_in_t2():
    for seed in SEEDS:
        for contrast, sign in (("T1", 1), ("T2", -1)):
            head = simulate_head(seed, COARSE, contrast=contrast)
            white, grey, fluid = (sign * np.median(head.image[head.labels == n]) for n in (1, 2, 3))
            assert white > grey > fluid


def test_few_voxels_are_as_bright_as_the_type_holds(heads):
    assert all((head.image == 255).mean() < 0.02 for head in heads)


def test_noise_and_bias_differ_from_voxel_to_voxel_within_a_tissue(heads):
    assert all(head.image[head.labels == 1].std() > 2 for head in heads)


@pytest.mark.parametrize("seed", range(6))
def test_every_lesion_that_is_asked_for_is_there(seed):
    found = anatomy(seed, 3.0, lesions=1).tissues == Tissue.LESION
    assert found.sum() * 0.027 > 0.1
    assert np.ptp(np.argwhere(found), axis=0).max() * 3 < 2.4 * 22  # one blob, not several


def test_lesions_are_labelled_and_lie_in_the_brain():
    plain, ill = (anatomy(3, 3.0, lesions=n) for n in (0, 3))
    lesion = ill.tissues == Tissue.LESION
    assert 20 < lesion.sum() < 0.3 * (truth(plain.tissues) > 0).sum()
    assert np.isin(plain.tissues[lesion], (Tissue.WHITE, Tissue.CORTEX, Tissue.DEEP_GREY)).all()
    assert_array_equal(plain.tissues[~lesion], ill.tissues[~lesion])
    assert LESION_LABEL in simulate_head(3, COARSE, lesions=3).labels


@pytest.fixture(scope="module")
def maps():
    """Tissues of two small heads, the first axis left-right."""
    return [anatomy(seed, 3.0).tissues.transpose(2, 0, 1) for seed in SEEDS[:2]]


def test_drawn_patches_are_scaled_and_know_their_truth(maps):
    source = drawn_patches(maps, (32, 32, 32), seed=3)
    drawn = [next(source) for _ in range(20)]
    for image, labels in drawn:
        assert image.shape == labels.shape == (32, 32, 32)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert not labels.any() or image.std() > 0.02
        assert set(np.unique(labels)) <= set(LABELS)
    assert any((image == 0).mean() > 0.3 for image, _ in drawn)  # air that a program has emptied
    assert any(not labels.any() and image.std() > 0.005 for image, labels in drawn)  # or not


def test_drawn_patches_are_the_same_for_the_same_seed_and_show_many_contrasts(maps):
    first, again = (drawn_patches(maps, (32, 32, 32), seed=5) for _ in range(2))
    brighter = []
    for _ in range(30):
        (image, labels), (same, _) = next(first), next(again)
        assert_array_equal(image, same)
        if min((labels == 1).sum(), (labels == 2).sum()) > 200:
            brighter.append(image[labels == 1].mean() > image[labels == 2].mean())
    assert 0.1 < np.mean(brighter) < 0.9
