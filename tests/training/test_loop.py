import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from medscience.description import Training
from medscience.models.meshnet import MeshNet
from medscience.training.loop import SETTLED, Case, patches, train

RECIPE = Training(steps=60, patch=(16, 16, 16), learning_rate=0.02, class_weights=(1.0, 1.0), seed=3)


def bright_blobs(seed):
    """Bright cubes on noise; the label is what is bright."""
    random = np.random.default_rng(seed)
    labels = np.zeros((24, 22, 20), np.uint8)
    for corner in random.integers(2, 12, (4, 3)):
        labels[tuple(slice(c, c + 6) for c in corner)] = 1
    image = labels + 0.2 * random.standard_normal(labels.shape)
    return Case(image.astype(np.float32), labels)


def trained(seed=3):
    network = MeshNet(4, 2, (1, 2), "elu")
    recipe = RECIPE.model_copy(update={"seed": seed})
    losses = train(network, patches([bright_blobs(n) for n in range(3)], recipe.patch, seed), recipe)
    return network, losses


def test_a_network_learns_what_the_labels_say_and_finds_it_in_unseen_data():
    network, losses = trained()
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:5])
    unseen = bright_blobs(9)
    with torch.inference_mode():
        found = network(torch.from_numpy(unseen.image)[None, None]).argmax(1)[0].numpy()
    assert (found == unseen.labels).mean() > 0.98


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
        yield bright_blobs(1).image, bright_blobs(1).labels
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


def test_image_and_labels_are_cut_and_mirrored_together():
    case = bright_blobs(1)
    case = Case(case.labels.astype(np.float32), case.labels)
    drawn = patches([case], (7, 30, 5), seed=0)
    for _ in range(20):
        image, labels = next(drawn)
        assert image.shape == (7, 22, 5)
        assert_array_equal(image, labels)


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
