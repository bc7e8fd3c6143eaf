"""The parts of training, each against an independent computation of the same."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from monai.losses import DiceLoss
from numpy.testing import assert_array_equal
from torch.optim.lr_scheduler import OneCycleLR

from medscience.errors import TrainingError
from medscience.models.meshnet import MeshNet
from medscience.recipe import Augmentation, Cycle, Loss, Recipe, Stage
from medscience.training.augment import augmented, other_contrast, other_curve
from medscience.training.checkpoint import Checkpoint
from medscience.training.chunks import Chunks
from medscience.training.fit import Fit
from medscience.training.footprint import patch_bytes
from medscience.training.losses import batch_losses, soft_dice_loss
from medscience.training.patch import IGNORED
from medscience.training.recompute import logits_of
from medscience.training.schedule import Schedule, cycled
from medscience.training.world import World

RANDOM = np.random.default_rng(0)


def recipe(*stages, **change):
    given = {
        "stages": stages,
        "loss": {"class_weights": (1, 1)},
        "optimiser": {"name": "adamw"},
        "validate_every": 1,
        "save_every": 1,
        "seed": 0,
    }
    return Recipe.model_validate(given | change)


@given(
    steps=st.integers(2, 60),
    warm=st.floats(0.01, 0.9),
    divided=st.floats(2, 100),
    final=st.floats(10, 1e4),
)
def test_the_cycle_is_torchs_one_cycle(steps, warm, divided, final):
    assume(abs(warm * steps - 1) > 1e-9)  # there torch divides by zero
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    theirs = OneCycleLR(
        optimiser,
        0.5,
        steps,
        pct_start=warm,
        div_factor=divided,
        final_div_factor=final,
        cycle_momentum=False,
    )
    ours = Cycle(warm=warm, start=1 / divided, end=1 / divided / final)
    for done in range(steps):
        if warm * steps > 1:
            assert 0.5 * cycled(ours, done, steps) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        assert 0 <= cycled(ours, done, steps) <= 1
        optimiser.step()
        theirs.step()


def test_stages_follow_each_other_and_an_epoch_draws_as_many_patches_as_there_are_samples():
    first = {"sampling": "anywhere", "patch": (8, 8, 8), "epochs": 2, "batch": 4, "learning_rate": 0.1}
    second = {"sampling": "whole-volume", "steps": 3, "learning_rate": 0.2}
    schedule = Schedule(recipe(first, second), samples=7)
    assert schedule.lengths == [4, 3]
    stages = dict(schedule.stages_after(2))
    assert list(stages) == [3, 4, 5, 6, 7]
    assert [stage.sampling for stage in stages.values()] == ["anywhere"] * 2 + ["whole-volume"] * 3
    rates = [schedule.at(step)[1] for step in range(1, 8)]
    assert max(rates[:4]) <= 0.1
    assert 0.1 < max(rates[4:]) <= 0.2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch": None}, "patch must be given"),
        ({"steps": None}, "either steps or epochs"),
        ({"batch": 4, "at_once": 3}, "multiple of at_once"),
        ({"sampling": "whole-volume", "patch": None, "batch": 2}, "set at_once to 1"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(change, words):
    good = {"sampling": "anywhere", "patch": (8, 8, 8), "steps": 2, "learning_rate": 0.1}
    with pytest.raises(ValueError, match=words):
        Stage.model_validate(good | change)


def voxels(classes=3, shape=(5, 6, 7)):
    logits = torch.from_numpy(RANDOM.standard_normal((classes, *shape)).astype(np.float32))
    return logits, torch.from_numpy(RANDOM.integers(0, classes, shape))


def loss_of(logits, labels, how):
    return batch_losses(logits[None], labels[None], how)[0]


def test_soft_dice_is_monais_where_everything_was_looked_at():
    logits, labels = voxels()
    monai = DiceLoss(include_background=False, to_onehot_y=True, softmax=True)
    torch.testing.assert_close(soft_dice_loss(logits, labels), monai(logits[None], labels[None, None]))


@pytest.mark.parametrize("name", ["cross-entropy", "dice-cross-entropy"])
def test_voxels_that_nobody_looked_at_are_as_if_they_were_not_there(name):
    logits, labels = voxels()
    how = Loss(name=name, class_weights=(0.5, 1.0, 2.0), label_smoothing=0.1)
    seen = labels.clone()
    seen[:, 3:] = IGNORED
    cut = loss_of(logits[:, :, :3], labels[:, :3], how)
    torch.testing.assert_close(loss_of(logits, seen, how), cut)
    nothing = torch.full_like(labels, IGNORED)
    logits.requires_grad_()
    loss_of(logits, nothing, how).backward()
    assert not logits.grad.any()


@pytest.mark.parametrize("name", ["cross-entropy", "dice-cross-entropy"])
@pytest.mark.parametrize("average", ["weights", "voxels"])
def test_a_patch_has_the_loss_that_it_has_alone(name, average):
    how = Loss(name=name, class_weights=(0.5, 1.0, 2.0), average=average)
    patches = [voxels() for _ in range(3)]
    patches[1][1][:] = IGNORED
    together = batch_losses(*(torch.stack(parts) for parts in zip(*patches, strict=True)), how)
    torch.testing.assert_close(together, torch.stack([loss_of(*patch, how) for patch in patches]))
    assert together[1] == 0
    assert (together[::2] > 0).all()


def test_weighted_cross_entropy_is_its_formula():
    logits, labels = voxels(2)
    weights = np.array([0.5, 1.0])
    log_p = torch.log_softmax(logits.double(), 0).numpy()
    truth = labels.numpy()
    of_voxel = np.take_along_axis(log_p, truth[None], 0)[0]
    expected = -(weights[truth] * of_voxel).sum() / weights[truth].sum()
    how = Loss(class_weights=(0.5, 1.0))
    assert loss_of(logits, labels, how).item() == pytest.approx(expected, rel=1e-5)


def test_an_average_over_voxels_is_the_published_one_and_ends_do_not_count():
    """H-DenseUNet's: each voxel's cross-entropy times its class' weight, summed, by the number of voxels."""
    torch.manual_seed(5)
    logits, labels = torch.randn(3, 8, 5, 4), torch.randint(0, 3, (8, 5, 4))
    classes = (0.78, 0.65, 8.57)
    how = Loss(class_weights=classes, average="voxels", skip_ends=1)
    inner, truth = logits[:, 1:-1], labels[1:-1]
    logarithms = torch.log_softmax(inner, dim=0).gather(0, truth[None])[0]
    expected = -(torch.tensor(classes)[truth] * logarithms).sum() / truth.numel()
    assert loss_of(logits, labels, how).item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss_of(logits, labels, Loss(class_weights=classes)).item() != pytest.approx(expected.item())


@given(
    bounds=st.tuples(*[st.tuples(st.integers(0, 20), st.integers(1, 20))] * 3),
    most=st.sampled_from([0, 300, 10**6]),
)
def test_chunks_give_what_the_array_holds(bounds, most):
    array = RANDOM.integers(0, 255, (20, 21, 22), dtype=np.uint8)
    kept = Chunks(most).over(ArrayWithChunks(array))
    region = tuple(slice(start, start + size) for start, size in bounds)
    for _ in range(2):
        assert_array_equal(kept[region], array[region])


class ArrayWithChunks:
    """An array that counts how often it is read."""

    chunks = (8, 8, 8)

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, 0

    def __getitem__(self, region):
        self.reads += 1
        return self.array[region]


def test_a_chunk_is_read_once_while_there_is_room_and_again_where_there_is_none():
    wide, narrow = (ArrayWithChunks(np.zeros((16, 16, 16), np.uint8)) for _ in range(2))
    for array, room in ((wide, 8 * 512), (narrow, 512)):
        view = Chunks(room).over(array)
        for _ in range(3):
            _ = view[:16, :16, :16]
    assert (wide.reads, narrow.reads) == (8, 24)


@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
@pytest.mark.parametrize("cell", [1, 2])
def test_computing_layers_again_changes_no_bit(norm, cell):
    torch.manual_seed(0)
    networks = [MeshNet(8, 3, (1, 2, 4), "elu", norm, cell=cell) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    image = torch.rand(1, 1, 9, 10, 11)
    for network, checkpointing in zip(networks, (False, True), strict=True):
        network.train()
        for _ in range(2):
            network.zero_grad()
            logits_of(network, image, checkpointing=checkpointing).square().mean().backward()
    for (name, one), other in zip(networks[0].named_parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(one.grad, other.grad), name
    for name, one in networks[0].state_dict().items():
        assert torch.equal(one, networks[1].state_dict()[name]), name


def test_computing_layers_again_holds_a_small_part_of_a_deep_network():
    deep = MeshNet(16, 2, (1, 2, 4, 8, 16, 16, 8, 4, 2), "relu", "batch")
    patch = (256, 256, 256)
    held = patch_bytes(deep, patch, "bfloat16", checkpointing=False)
    again = patch_bytes(deep, patch, "bfloat16", checkpointing=True)
    assert again < 0.75 * held
    assert again == pytest.approx(8 * patch_bytes(deep, (128,) * 3, "bfloat16", checkpointing=True))


def test_augmentation_moves_image_and_labels_together():
    labels = np.zeros((20, 20, 20), np.int64)
    labels[4:12, 6:15, 3:9] = 1
    turned, bent = (Augmentation(mirror=(0, 1, 2), rotate=20, scale=0.1), Augmentation(rotate=10, warp=2))
    for seed, how in product(range(5), (turned, bent)):
        image, moved = augmented(labels.astype(np.float32), labels, how, np.random.default_rng(seed))
        looked = moved != IGNORED
        assert ((image > 0.5) == (moved == 1))[looked].mean() > 0.97
        assert (moved != labels).any()


def test_what_is_bent_comes_from_no_further_than_the_recipe_says():
    """A ramp says of each voxel where it comes from; slices that stay in their plane bend alike."""
    ramps = [np.indices((6, 32, 32))[axis].astype(np.float32) for axis in range(3)]
    labels = np.zeros(ramps[0].shape, np.int64)
    ways = []
    for ramp in ramps:
        random = np.random.default_rng(4)
        image, truth = augmented(ramp, labels, Augmentation(warp=3, in_plane=True), random)
        ways.append(image - ramp)
        assert image.dtype == np.float32
        assert set(np.unique(truth)) <= {0, IGNORED}
    across, *within = ways
    assert not across.any()
    for way in within:
        assert 0.5 < np.abs(way).max() <= 3.001
        assert_array_equal(way, np.broadcast_to(way[:1], way.shape))


def test_augmentation_that_a_recipe_does_not_name_does_nothing():
    image, labels = RANDOM.random((6, 6, 6), dtype=np.float32), np.ones((6, 6, 6), np.int64)
    same, truth = augmented(image, labels, Augmentation(), np.random.default_rng(0))
    assert_array_equal(same, image)
    assert_array_equal(truth, labels)


def test_in_another_contrast_every_label_has_a_brightness_of_its_own():
    """Any label may be the brighter one; what is on the way between two before is so afterwards."""
    labels = np.repeat([0, 1, 2, IGNORED], 8)[:, None, None] * np.ones((1, 9, 9), np.int64)
    image = (labels.clip(0, 2) / 4 + RANDOM.normal(0, 0.02, labels.shape)).astype(np.float32)
    image[15:17] = 0.375
    random, inner = np.random.default_rng(0), (slice(2, 6), slice(10, 14), slice(18, 22))
    order = []
    for _ in range(60):
        drawn = other_contrast(image, labels, random)
        assert drawn.dtype == np.float32
        first, second = (drawn[part] for part in inner[1:])
        order.append(first.mean() < second.mean())
        grain = np.corrcoef(first.ravel(), image[inner[1]].ravel())[0, 1]
        assert abs(grain) > 0.99
        between = drawn[15:17].mean()
        assert between == pytest.approx((first.mean() + second.mean()) / 2, abs=0.02)
        assert min(first.mean(), second.mean()) < 0.5 < max(first.mean(), second.mean())
        apart = abs(first.mean() - second.mean())
        assert abs(drawn[16].mean() - second.mean()) > apart / 4 - 0.02
    assert 0.3 < np.mean(order) < 0.7


def test_most_contrasts_order_labels_as_they_were_or_the_other_way_round():
    labels = np.repeat([1, 2, 3], 6)[:, None, None] * np.ones((1, 6, 6), np.int64)
    image, random = (labels / 4).astype(np.float32), np.random.default_rng(0)
    orders = []
    for _ in range(300):
        drawn = other_contrast(image, labels, random)
        orders.append(tuple(np.argsort([drawn[6 * n + 2 : 6 * n + 4].mean() for n in range(3)]).tolist()))
    ways = {way: orders.count(way) / len(orders) for way in set(orders)}
    assert len(ways) == 6
    assert ways[0, 1, 2] + ways[2, 1, 0] == pytest.approx(7 / 9, abs=0.08)
    assert ways[0, 1, 2] == pytest.approx(ways[2, 1, 0], abs=0.12)


def test_another_curve_orders_brightness_anew_and_stays_a_function_of_it():
    ramp = np.linspace(0, 1, 50, dtype=np.float32)
    random = np.random.default_rng(0)
    curves = np.array([other_curve(ramp, random) for _ in range(200)])
    assert curves.min() >= 0
    assert curves.max() <= 1
    assert (curves[:, 20] > curves[:, 40]).mean() == pytest.approx(0.5, abs=0.15)
    assert (curves[:, 0] == 0).all()


@pytest.mark.parametrize("change", [{"gamma": 0.5}, {"bias": 0.3}, {"shift": 0.2}, {"noise": 0.2}])
def test_brightness_changes_leave_labels_and_are_the_seeds(change):
    image, labels = RANDOM.random((9, 8, 7), dtype=np.float32), np.ones((9, 8, 7), np.int64)
    one, truth = augmented(image, labels, Augmentation(**change), np.random.default_rng(2))
    two, _ = augmented(image, labels, Augmentation(**change), np.random.default_rng(2))
    assert one.dtype == np.float32
    assert one.shape == image.shape
    assert_array_equal(one, two)
    assert_array_equal(truth, labels)
    assert np.abs(one - image).max() > 0.01


def test_batch_normalisation_that_would_differ_between_processes_is_refused():
    stage = {"sampling": "anywhere", "patch": (8, 8, 8), "steps": 4, "learning_rate": 0.1}
    network = MeshNet(4, 2, (1,), "relu", "batch")
    start = Checkpoint(0, "", dict(network.state_dict()), {})
    fit = Fit(Schedule(recipe(stage), 1), None, None, None, World(0, 2))
    with pytest.raises(TrainingError, match="TRAIN-BATCHNORM"):
        fit.run(network, start)
