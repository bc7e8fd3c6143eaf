"""Networks to try, as if they were trained: every number of a normalisation matters."""

import numpy as np
import torch
from torch import nn

from medscience.inference.windows import kept, starts
from medscience.models.hdenseunet import SMALL, HDenseUNet, padded


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


def one_by_one(network, image):
    """Return probabilities (classes, Z, Y, X): each window from the image alone, by the plain network."""
    values = torch.from_numpy(image).to(network.head.weight.dtype)
    depth, rows, columns = values.shape
    total, count = torch.zeros(network.classes, depth, rows, columns), torch.zeros(depth, 1, 1)
    for start in starts(depth, network.window, network.step):
        at = np.arange(start - 1, start + network.window + 1)
        if network.edges == "duplicated":
            at = at.clip(start, start + network.window - 1)
        seen = padded(values[at.clip(0, depth - 1)][None, None])
        triplets = seen[0, 0].unfold(0, 3, 1).permute(0, 3, 1, 2)
        features, logits = (part.transpose(0, 1)[None] for part in network.on_slices(triplets))
        found = torch.softmax(network.on_volume(seen[:, :, 1:-1], features, logits), dim=1)[0]
        for number in kept(start, depth, network.window):
            total[:, number] += found[:, number - start, :rows, :columns]
            count[number] += 1
    return total / count
