import numpy as np
import pytest
import torch
from torch.testing import assert_close

from medscience.description import Cycle, Training
from medscience.models.meshnet import MeshNet
from medscience.training.loop import SETTLED, train

RECIPE = Training(steps=60, patch=(16, 16, 16), learning_rate=0.02, class_weights=(1.0, 1.0), seed=3)


def bright_blobs(seed):
    """Bright cubes on noise; the label is what is bright."""
    random = np.random.default_rng(seed)
    labels = np.zeros((24, 22, 20), np.uint8)
    for corner in random.integers(2, 12, (4, 3)):
        labels[tuple(slice(c, c + 6) for c in corner)] = 1
    image = labels + 0.2 * random.standard_normal(labels.shape)
    return image.astype(np.float32), labels


def patches(cases, side, seed):
    """Yield random patches of pairs of image and labels."""
    random = np.random.default_rng(seed)
    while True:
        image, labels = cases[random.integers(len(cases))]
        starts = [random.integers(n - s + 1) for n, s in zip(image.shape, side, strict=True)]
        region = tuple(slice(start, start + s) for start, s in zip(starts, side, strict=True))
        yield image[region], labels[region]


def trained(seed=3):
    network = MeshNet(4, 2, (1, 2), "elu")
    recipe = RECIPE.model_copy(update={"seed": seed})
    losses = train(network, patches([bright_blobs(n) for n in range(3)], recipe.patch, seed), recipe)
    return network, losses


def test_a_network_learns_what_the_labels_say_and_finds_it_in_unseen_data():
    network, losses = trained()
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:5])
    image, labels = bright_blobs(9)
    with torch.inference_mode():
        found = network(torch.from_numpy(image)[None, None]).argmax(1)[0].numpy()
    assert (found == labels).mean() > 0.98


def test_the_seed_decides():
    (one, losses), (same, same_losses), (other, _) = trained(), trained(), trained(4)
    assert losses == same_losses
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_a_batch_is_several_patches():
    recipe = RECIPE.model_copy(update={"steps": 2, "batch": 3})
    drawn = []

    def counted(source):
        for patch in source:
            drawn.append(patch)
            yield patch

    losses = train(MeshNet(4, 2, (1, 2), "elu"), counted(patches([bright_blobs(1)], (16,) * 3, 0)), recipe)
    assert len(losses) == 2
    assert 6 <= len(drawn) <= 9  # one batch may be made ahead


def test_an_error_in_the_data_reaches_the_caller():
    def broken():
        yield bright_blobs(1)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        train(MeshNet(4, 2, (1, 2), "elu"), broken(), RECIPE)


def test_every_weight_learns():
    """Kernels are stepped through matrices in the same memory: none may be left behind as a copy."""
    for arguments in ({"channels": 4}, {"channels": 8, "cell": 2}, {"channels": 4, "norm": "batch"}):
        network = MeshNet(classes=2, dilations=(1, 2), activation="elu", **arguments)
        seen = []

        def watch(_step, _steps, network=network, seen=seen):
            seen.append([weight.detach().clone() for weight in network.parameters()])

        train(network, patches([bright_blobs(1)], (16,) * 3, 0), RECIPE, watch)
        for name, first, last in zip(dict(network.named_parameters()), seen[1], seen[-1], strict=True):
            # a bias before a norm is taken away by it
            assert not torch.equal(first, last) or (arguments.get("norm") and name.endswith("bias"))


def test_a_further_cycle_goes_on_from_the_weights_of_the_one_before():
    recipe = RECIPE.model_copy(
        update={"then": (Cycle(steps=5, learning_rate=1e-6, class_weights=(1, 1), seed=4),)}
    )
    first, second = recipe.cycles
    assert (first.steps, second.steps, second.patch) == (60, 5, recipe.patch)
    network, losses = trained()
    further = train(network, patches([bright_blobs(0)], recipe.patch, 4), second, goes_on=True)
    assert np.mean(further) < 0.3 * np.mean(losses[:5])
    anew = train(network, patches([bright_blobs(0)], recipe.patch, 4), second)
    assert np.mean(anew) > 2 * np.mean(further)


def test_a_part_of_the_way_is_gone_to_the_weights_that_were_learned():
    def learned(part):
        network, _ = trained()
        recipe = RECIPE.model_copy(update={"steps": 5, "part": part})
        before = [weight.detach().clone() for weight in network.parameters()]
        train(network, patches([bright_blobs(0)], recipe.patch, 4), recipe, goes_on=True)
        return before, [weight.detach() for weight in network.parameters()]

    (before, whole), (_, third) = learned(1.0), learned(0.33)
    for was, all_of_it, part in zip(before, whole, third, strict=True):
        assert_close(part, was + 0.33 * (all_of_it - was))
        assert not torch.equal(was, part)


def test_batch_normalisation_settles_before_the_end():
    """What the network gives in use is what it gave while it learned: its statistics moved no more."""
    network = MeshNet(4, 2, (1, 2), "relu", norm="batch")
    recipe = RECIPE.model_copy(update={"precision": "bfloat16"})
    seen = []

    def watch(_step, _steps):
        seen.append(network.features[1].running_mean.clone())

    train(network, patches([bright_blobs(1)], recipe.patch, 0), recipe, watch)
    settled = int(SETTLED * recipe.steps)
    assert not torch.equal(seen[settled - 1], seen[settled])
    assert torch.equal(seen[settled], seen[-1])
    assert torch.equal(network.features[1].running_mean, seen[-1])
