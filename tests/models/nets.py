"""Networks to try, as if they were trained: every number of a normalisation matters."""

import torch
from torch import nn

from medscience.models.hdenseunet import SMALL, HDenseUNet


def random_network(seed=0, **arguments):
    """Return a small H-DenseUNet with random weights and statistics."""
    torch.manual_seed(seed)
    network = HDenseUNet(**SMALL | arguments).eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.normal_(part.running_mean)
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias)
    return network
