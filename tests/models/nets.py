"""Networks to try, as if they were trained: every number of a normalisation matters."""

import torch
from torch import nn

from medscience.models.hdenseunet import SMALL, HDenseUNet


def random_network(seed=0, **arguments):
    """Return a small H-DenseUNet with random weights and statistics."""
    torch.manual_seed(seed)
    network = HDenseUNet(**SMALL | arguments).eval()
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d):  # or what is seen hardly changes the answer
            nn.init.kaiming_normal_(part.weight)
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.normal_(part.running_mean)
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias)
    with torch.no_grad():  # so that logits are in the range of the image, and every class likely somewhere
        network.slices.classifier.weight *= 0.02
        network.head.weight *= 0.2
    return network
