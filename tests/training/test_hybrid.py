"""The three steps in which an H-DenseUNet learns."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn
from torch.testing import assert_close

from medscience.description import Design
from medscience.models.hdenseunet import HDenseUNet
from medscience.recipe import Augmentation
from medscience.training.augment import augmented
from medscience.training.checkpoint import Checkpoint, Validation
from medscience.training.fit import Fit, patch_losses
from medscience.training.losses import batch_losses
from medscience.training.parts import let_learn
from medscience.training.patch import Patch
from medscience.training.sampling import BESIDE, STARTS
from medscience.training.schedule import Schedule
from medscience.training.start import STARTS as STARTING
from tests.training.conftest import DESIGN
from tests.training.test_parts import recipe
from tests.training.test_sampling import example

ARGUMENTS = {
    "classes": 3,
    "slices": {"stem": 8, "growth": 4, "blocks": (1, 1, 1, 1), "up": (10, 12, 8, 8, 6)},
    "volume": {"stem": 8, "growth": 4, "blocks": (1, 1, 1, 1), "up": (8, 8, 8, 8, 6)},
    "skips": True,
}
STEPS = ("slices", "volume", "end-to-end")


def tiny():
    torch.manual_seed(0)
    return HDenseUNet(**ARGUMENTS)


def patches(count, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, (count, 8, 32, 32))
    return [
        Patch((100 * truth + random.normal(0, 9, truth.shape)).astype(np.float32), truth, "made")
        for truth in labels
    ]


def course(*learns, **change):
    stages = [
        {"sampling": "anywhere", "patch": [8, 32, 32], "steps": 2, "learning_rate": 0.01, "learns": each}
        for each in learns
    ]
    loss = {"class_weights": [0.78, 0.65, 8.57], "average": "voxels", "skip_ends": 1}
    return recipe(*stages, loss=loss, save_every=1, validate_every=100, optimiser={"name": "muon"}, **change)


def fit(how, saved=None):
    def given(stages: Iterator) -> Iterator:
        for step, _ in stages:
            yield patches(1, step)

    def save(state):
        if saved is not None:
            kept = {name: value.clone() for name, value in state.optimiser.items()}
            saved.append(replace(state, optimiser=kept))  # as written to disk

    return Fit(Schedule(how, 1), given, lambda _network, step: Validation(step, 0, 0, 0), save)


def begun(network):
    return Checkpoint(0, "", {name: value.clone() for name, value in network.state_dict().items()}, {})


def changed(before, after, part):
    return {name for name in before if name.startswith(part) and not torch.equal(before[name], after[name])}


def is_statistic(name):
    return "running" in name or "num_batches" in name


@pytest.mark.parametrize("optimiser", ["muon", "sgd", "adamw"])
def test_each_step_changes_its_part_and_no_other(optimiser):
    saved, how = [], course(*STEPS, settle=1.0)
    how = how.model_copy(update={"optimiser": how.optimiser.model_copy(update={"name": optimiser})})
    start = begun(tiny())
    fit(how, saved).run(tiny(), start)
    states = [start.weights, *(state.weights for state in saved[1::2])]
    first, second, third = pairwise(states)
    assert changed(*first, "slices.")
    assert not any(changed(*first, part) for part in ("volume.", "fuse.", "norm.", "head."))
    assert not changed(*second, "slices.")
    assert all(changed(*second, part) for part in ("volume.", "fuse.", "head."))
    assert changed(*third, "slices.")
    assert changed(*third, "volume.")
    still = {name for part in ("slices.", "volume.down.blocks.") for name in changed(*third, part)}
    assert not any(is_statistic(name) for name in still)
    assert any(is_statistic(name) for name in changed(*third, "volume.up."))


def test_a_run_that_was_interrupted_between_steps_or_within_has_the_same_bits():
    saved, how = [], course(*STEPS)
    whole = fit(how, saved).run(tiny(), begun(tiny()))
    for state in saved[1:4]:
        again = fit(how).run(tiny(), state)
        assert all(torch.equal(again.weights[name], value) for name, value in whole.weights.items())


@pytest.mark.parametrize("way", STARTING)
def test_every_weight_that_is_drawn_follows_from_the_seed(way):
    """Whatever the network held before: so a run that goes on, and one made again, begin as the first did."""
    drawn = []
    for before in (1, 2):
        torch.manual_seed(before)
        network = HDenseUNet(**ARGUMENTS)
        torch.manual_seed(7)
        drawn.append(network.apply(STARTING[way]).state_dict())
    one, other = drawn
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_branch_on_slices_learns_from_what_lies_between_neighbours():
    network = tiny().eval()
    image = torch.from_numpy(patches(1)[0].image)[None, None]
    fused, sliced = network.both(image)
    assert_close(network(image), fused)
    assert_close(network.between(image), sliced[:, :, 1:-1])


def test_the_joint_loss_is_that_of_both_branches_logits():
    network, batch = tiny().eval(), patches(2)
    plain, joint = course("everything"), course("everything")
    joint = joint.model_copy(update={"loss": joint.loss.model_copy(update={"slices": 0.5})})
    image = torch.from_numpy(np.stack([patch.image for patch in batch]))[:, None]
    fused, sliced = network.both(image)
    for n, patch in enumerate(batch):
        truth = torch.from_numpy(patch.labels)[None]
        both = [batch_losses(logits[n : n + 1], truth, plain.loss)[0] for logits in (fused, sliced)]
        assert_close(patch_losses(network, batch, plain, plain.stages[0])[n], both[0])
        assert_close(patch_losses(network, batch, joint, joint.stages[0])[n], both[0] + 0.5 * both[1])


def test_what_keeps_still_drops_nothing_out():
    network = tiny()
    let_learn(network, "volume")
    assert not any(part.training for part in network.slices.modules())
    assert network.dropout.training
    let_learn(network, "everything")
    assert all(part.training for part in network.modules() if isinstance(part, nn.Dropout))
    assert all(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("change", [{"learns": "slices"}, {"patch": [10, 32, 32]}, {"precision": "bfloat16"}])
def test_parts_of_a_network_that_has_none_and_what_a_hybrid_cannot_learn_with_are_refused(change):
    stage = {"sampling": "anywhere", "patch": [8, 32, 32], "steps": 1, "learning_rate": 1}
    stage |= {key: value for key, value in change.items() if key != "precision"}
    training = {
        "stages": [stage],
        "loss": {"class_weights": [1, 1, 1]},
        "optimiser": {"name": "sgd"},
        "validate_every": 1,
        "save_every": 1,
        "seed": 0,
        "precision": change.get("precision", "float32"),
    }
    hybrid = {"network": {"name": "hdenseunet", "arguments": ARGUMENTS}}
    network = {} if "learns" in change else hybrid
    with pytest.raises(ValueError, match="training"):
        Design.model_validate(DESIGN | network | {"training": training})


def test_slices_may_learn_in_half_precision_where_volumes_do_not():
    def design(learns):
        return Design.model_validate(DESIGN | {
            "network": {"name": "hdenseunet", "arguments": ARGUMENTS},
            "training": course(*STEPS).model_dump() | {"stages": [
                stage.model_dump() | {"precision": "bfloat16" if stage.learns == learns else None}
                for stage in course(*STEPS).stages
            ]},
        })  # fmt: skip

    recipe = design("slices").training
    seen = []
    network = tiny()
    network.slices.register_forward_hook(lambda _part, _given, found: seen.append(found.dtype))
    for stage in recipe.stages:
        patch_losses(network, patches(1), recipe, stage)
    assert seen == [torch.bfloat16, torch.float32, torch.float32]
    for learns in ("volume", "end-to-end"):
        with pytest.raises(ValueError, match="volumes of an hdenseunet learn wrongly"):
            design(learns)


def lumps(shape=(40, 44, 48)):
    labels = np.zeros(shape, np.uint8)
    labels[12:34, 10:34, 20:40] = 1
    labels[14:16, 12:14, 30:32] = 2
    return labels


def test_crops_around_labels_stay_in_the_widened_box_and_meet_each_label_as_often():
    random, made = np.random.default_rng(0), example(lumps())
    patch = (8, 12, 10)
    found = [STARTS["label-balanced-inside-box"](made, patch, random) for _ in range(300)]
    for start in found:
        for s, size, (first, end) in zip(start, patch, made.survey.box, strict=True):
            assert first - BESIDE <= s
            assert s + size <= end + BESIDE
    met = [2 in lumps()[tuple(slice(s, s + p) for s, p in zip(start, patch, strict=True))] for start in found]
    assert 0.45 < np.mean(met) < 0.75


def test_a_crop_larger_than_the_box_holds_it():
    random, made = np.random.default_rng(0), example(lumps())
    patch = (32, 36, 30)
    for _ in range(50):
        start = STARTS["label-balanced-inside-box"](made, patch, random)
        held = lumps()[tuple(slice(s, s + p) for s, p in zip(start, patch, strict=True))]
        assert (held > 0).sum() == (lumps() > 0).sum()


def test_slices_are_turned_and_mirrored_in_eight_ways_and_labels_with_them():
    random = np.random.default_rng(0)
    image = random.random((3, 8, 8)).astype(np.float32)
    labels = (image * 1000).astype(np.int64)
    seen = set()
    for _ in range(100):
        moved, also = augmented(image, labels, Augmentation(dihedral=True), random)
        assert_array_equal((moved * 1000).astype(np.int64), also)
        assert_array_equal(np.sort(moved, axis=None), np.sort(image, axis=None))
        assert all(set(moved[z].ravel()) == set(image[z].ravel()) for z in range(3))
        seen.add(moved.tobytes())
    assert len(seen) == 8


def test_scales_within_the_plane_leave_every_slice_where_it_is():
    image = np.broadcast_to(np.arange(5, dtype=np.float32)[:, None, None], (5, 16, 16)).copy()
    labels = image.astype(np.int64)
    how = Augmentation(scale=0.2, rotate=20, in_plane=True)
    for seed in range(10):
        moved, also = augmented(image, labels, how, np.random.default_rng(seed))
        assert_array_equal(moved, image)
        assert ((also == labels) | (also == -1)).all()
