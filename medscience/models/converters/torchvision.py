"""DenseNet-161 from ImageNet, as torchvision publishes its state dict: where the branch on slices begins.

``features.denseblock1.denselayer1.norm1.weight`` and so on (pytorch/vision, ``models/densenet.py``); files of
before 2018 write ``norm.1``. The last, fully connected layer has no place here.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from medscience.errors import ModelError
from medscience.models.hdenseunet import HDenseUNet

WHERE = "slices.down."
LEFT = ("classifier.weight", "classifier.bias")
COUNTED = "num_batches_tracked"


def name_of(theirs: str) -> str:
    """Return our encoder's name of a tensor.

    >>> name_of("features.denseblock2.denselayer3.norm.1.weight"), name_of("features.norm5.bias")
    ('blocks.1.2.norm1.weight', 'norm5.bias')
    >>> name_of("features.transition1.conv.weight")
    'transitions.0.conv.weight'
    """
    name = theirs.removeprefix("features.")
    name = re.sub(r"^(denseblock\d+\.denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)
    name = re.sub(
        r"^denseblock(\d+)\.denselayer(\d+)", lambda m: f"blocks.{int(m[1]) - 1}.{int(m[2]) - 1}", name
    )
    return re.sub(r"^transition(\d+)", lambda m: f"transitions.{int(m[1]) - 1}", name)


def with_encoder(path: Path, tensors: Mapping[str, Tensor], network: HDenseUNet) -> dict[str, Tensor]:
    """Return a network's tensors with those of the encoder from ImageNet in their places.

    Raises
    ------
    ModelError
        If tensors are missing or left over, or are not as large as the network's; each is named.
    """
    ours = network.state_dict()
    wanted = {name: value for name, value in ours.items() if name.startswith(WHERE)}
    found = {WHERE + name_of(name): value for name, value in tensors.items() if name not in LEFT}
    counts = {name: torch.zeros((), dtype=torch.int64) for name in wanted if name.endswith(COUNTED)}
    found = counts | found  # which old files do not have
    faults = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} is not part of the network" for name in found.keys() - wanted.keys()]
    for name in wanted.keys() & found.keys():
        if found[name].shape != wanted[name].shape:
            faults.append(f"{name} is {tuple(found[name].shape)}, not {tuple(wanted[name].shape)}")
    if faults:
        raise ModelError(
            "DENSENET-TENSORS",
            file=path,
            field="tensors",
            found="; ".join(sorted(faults)),
            expected="the state dict of torchvision's densenet161",
            fix="name its safetensors, and a recipe whose slices are DenseNet-161",
        )
    return {**ours, **found}
