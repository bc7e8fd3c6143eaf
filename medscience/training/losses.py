"""What training makes small.

The loss of a batch is the mean of its patches' losses, so that it is the same however many processes share
the batch, and however few patches are held at once.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from medscience.recipe import Loss
from medscience.training.patch import IGNORED


def patch_loss(logits: Tensor, labels: Tensor, how: Loss) -> Tensor:
    """Return the loss of one patch; 0, with gradients of 0, where no voxel counts.

    Parameters
    ----------
    logits : Tensor
        Shape (classes, I, J, K), float32.
    labels : Tensor
        Shape (I, J, K), whole numbers, `IGNORED` where they do not count.
    how : Loss
        From the recipe. The cross-entropy is the mean over voxels, weighted by their class; to it,
        ``dice-cross-entropy`` adds `soft_dice_loss`. An average over ``voxels`` is that of H-DenseUNet
        (github.com/xmengli/H-DenseUNet, ``loss.py``), where rare classes of great weight pull harder.
    """
    if how.skip_ends:
        labels = labels.clone()
        labels[: how.skip_ends] = labels[-how.skip_ends :] = IGNORED
    weights = torch.tensor(how.class_weights).to(logits.device)
    entropy = cross_entropy(
        logits[None], labels[None], weights, ignore_index=IGNORED, label_smoothing=how.label_smoothing
    )
    if bool(entropy.isnan()) and not bool((weights * _counts(labels, len(logits))).any()):
        return logits.sum() * 0.0  # the mean of nothing
    if how.average == "voxels":
        counts = _counts(labels, len(logits))
        entropy = entropy * (weights * counts).sum() / counts.sum()
    return entropy if how.name == "cross-entropy" else entropy + soft_dice_loss(logits, labels)


def _counts(labels: Tensor, classes: int) -> Tensor:
    """Return the number of voxels of each class."""
    return torch.bincount(labels.flatten() - IGNORED, minlength=classes + 1)[1:]


def soft_dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 - the mean soft Dice of all classes but the background.

    Soft Dice is (2 sum p t + e) / (sum p + sum t + e) over the voxels that count, p the probability and t
    the truth of a class (Milletari et al. 2016, arXiv:1606.04797, without the squares), e = 1e-5.
    """
    counted = labels != IGNORED
    probabilities = torch.softmax(logits, dim=0)[:, counted]
    truth = one_hot(labels[counted], logits.shape[0]).T.to(probabilities.dtype)
    both = (probabilities * truth).sum(dim=1)
    dice = (2 * both + 1e-5) / (probabilities.sum(dim=1) + truth.sum(dim=1) + 1e-5)
    return 1 - dice[1:].mean()
