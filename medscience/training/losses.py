"""What training makes small.

The loss of a batch is the mean of its patches' losses, so that it is the same however many processes share
the batch, and however few patches are held at once.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from medscience.recipe import Loss
from medscience.training.patch import IGNORED

SMALL = 1e-9
"""Less than any sum of weights."""


def batch_losses(logits: Tensor, labels: Tensor, how: Loss) -> Tensor:
    """Return the loss of each patch of a batch; 0, with gradients of 0, where no voxel of it counts.

    Parameters
    ----------
    logits : Tensor
        Shape (B, classes, I, J, K), float32.
    labels : Tensor
        Shape (B, I, J, K), whole numbers, `IGNORED` where they do not count.
    how : Loss
        From the recipe. The cross-entropy is the mean over voxels, weighted by their class; to it,
        ``dice-cross-entropy`` adds `soft_dice_loss`. An average over ``voxels`` is that of H-DenseUNet
        (github.com/xmengli/H-DenseUNet, ``loss.py``), where rare classes of great weight pull harder.
    """
    if how.skip_ends:
        labels = labels.clone()
        labels[:, : how.skip_ends] = labels[:, -how.skip_ends :] = IGNORED
    weights = torch.tensor(how.class_weights).to(logits.device)
    smooth = how.label_smoothing
    voxels = cross_entropy(
        logits, labels, weights, ignore_index=IGNORED, reduction="none", label_smoothing=smooth
    )
    total = _weights(labels, torch.ones_like(weights) if how.average == "voxels" else weights)
    entropy = voxels.flatten(1).sum(1) * (total > 0) / total.clamp_min(SMALL)
    if how.name == "cross-entropy":
        return entropy
    return entropy + torch.stack([soft_dice_loss(*patch) for patch in zip(logits, labels, strict=True)])


def _weights(labels: Tensor, of_class: Tensor) -> Tensor:
    """Return the sum of the weights of each patch's voxels, none for those that do not count."""
    table = torch.cat([of_class.new_zeros(-IGNORED), of_class])
    return table[labels - IGNORED].flatten(1).sum(1)


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
