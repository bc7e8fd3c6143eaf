"""The weights of H-DenseUNet that its authors publish, under the names that our network gives them.

Theirs are Keras layers by name (github.com/xmengli/H-DenseUNet, ``hybridnet.py``): ``conv2_1_x1`` on slices,
``3dconv2_1_x1`` on volumes. On the way down every normalisation is two layers, ``X_bn`` and ``X_scale``; they
are one here. Their axes are (x, y, z), the network's are (z, x, y).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from medscience.errors import ModelError
from medscience.models.hdenseunet import HDenseUNet

Array = NDArray[np.float32]

UNUSED = ("3dclassifer/kernel", "3dclassifer/bias")
"""A layer of theirs whose output nobody takes; most files do not hold it."""
OWN = {
    "slices.project": "line0",
    "slices.classifier": "dense167classifer",
    "fuse": "fianl_conv",
    "norm": "final_bn",
    "head": "2d3dclassifer",
}
"""Layers whose names follow no rule."""
ORDER = {4: (3, 2, 0, 1), 5: (4, 3, 2, 0, 1)}
"""From their kernels' axes (x, y, [z,] in, out) to (out, in, [z,] x, y), by the number of axes."""


def layer_of(module: str) -> str:
    """Return the authors' name of a convolution or normalisation of ours.

    >>> layer_of("slices.down.blocks.0.2.conv1"), layer_of("volume.down.transitions.1.norm")
    ('conv2_3_x1', '3dconv3_blk')
    >>> layer_of("volume.up.3.norm"), layer_of("slices.down.norm5")
    ('3dbn_up3', 'conv5_blk')
    """
    if module in OWN:
        return OWN[module]
    branch, way, *place = module.split(".")
    before = "3d" if branch == "volume" else ""
    if way == "up":
        level, kind = place
        return f"{before}{'bn' if kind == 'norm' else 'conv'}_up{level}"
    if place[0] == "blocks":
        _, block, layer, part = place
        return f"{before}conv{int(block) + 2}_{int(layer) + 1}_x{part[-1]}"
    if place[0] == "transitions":
        return f"{before}conv{int(place[1]) + 2}_blk"
    return f"{before}conv5_blk" if place[0] == "norm5" else f"{before}conv1"


def variables(network: HDenseUNet) -> Iterator[tuple[str, list[str]]]:
    """Yield each of our tensors with the authors' variables that it is made of, as in ``conv1/kernel``.

    Of a normalisation that is two layers, those of the second, ``X_scale``, come last.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            layer = layer_of(name)
            yield f"{name}.weight", [f"{layer}/kernel"]
            if module.bias is not None:
                yield f"{name}.bias", [f"{layer}/bias"]
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            down = ".down." in name
            layer = layer_of(name)
            norm, scale = (f"{layer}_bn", f"{layer}_scale") if down else (layer, "")
            yield f"{name}.weight", [f"{norm}/gamma", *([f"{scale}/gamma"] if down else [])]
            yield f"{name}.bias", [f"{norm}/beta", *([f"{scale}/gamma", f"{scale}/beta"] if down else [])]
            yield f"{name}.running_mean", [f"{norm}/moving_mean"]
            yield f"{name}.running_var", [f"{norm}/moving_variance"]
            yield f"{name}.num_batches_tracked", []


def from_keras(path: Path, arrays: Mapping[str, Array], network: HDenseUNet) -> dict[str, NDArray[Any]]:
    """Return the tensors of a network from the authors' arrays.

    Parameters
    ----------
    path : Path
        Where they come from.
    arrays : mapping
        By layer and variable, from `medscience.models.converters.keras.read_keras`.
    network : HDenseUNet
        As large as theirs.

    Raises
    ------
    ModelError
        If layers are missing or left over, or are not as large as the network's; each is named.
    """
    made_of, ours = dict(variables(network)), network.state_dict()
    wanted = {part for parts in made_of.values() for part in parts}
    found = arrays.keys() - set(UNUSED)
    faults = [f"{name} is missing" for name in wanted - found]
    faults += [f"{name} is not part of the network" for name in found - wanted]
    whole = {name: parts for name, parts in made_of.items() if found.issuperset(parts)}
    tensors = {name: _merged([arrays[part] for part in parts]) for name, parts in whole.items()}
    for name, tensor in tensors.items():
        if tensor.shape != ours[name].shape:
            faults.append(f"{made_of[name][0]} makes {name} {tensor.shape}, not {tuple(ours[name].shape)}")
    if faults:
        raise ModelError(
            "KERAS-LAYERS",
            file=path,
            field="layers",
            found="; ".join(sorted(faults)),
            expected="exactly the layers of the network",
            fix="name the file of the hybrid network, and say --skips if it was trained with them",
        )
    return tensors


def _merged(parts: list[Array]) -> NDArray[Any]:
    """Return a tensor from its variables: scaled, and shifted, by a second layer where there is one."""
    if not parts:  # how many batches a normalisation has seen, which nobody kept
        return np.zeros((), np.int64)
    first, *scale_and_shift = parts
    if not scale_and_shift:
        return np.ascontiguousarray(first.transpose(ORDER[first.ndim])) if first.ndim > 1 else first
    if any(part.shape != first.shape for part in scale_and_shift):
        return np.empty(0, np.float32)  # the shape is named as the fault that it is
    scaled = first * scale_and_shift[0]
    return scaled + scale_and_shift[1] if len(scale_and_shift) > 1 else scaled


def description(name: str, network: Mapping[str, Any], axes: str) -> dict[str, Any]:
    """Return the content of a model file, but for what follows from the weights."""
    return {
        "name": name,
        "description": "H-DenseUNet of its authors: liver and tumours on abdominal CT",
        "authors": [{"name": "the authors of H-DenseUNet"}],
        "license": "LicenseRef-none-stated",
        "cite": ["doi:10.1109/TMI.2018.2845918", "arXiv:1709.07330"],
        "track": "liver_ct",
        "network": {"name": "hdenseunet", "arguments": dict(network)},
        "weights": {
            "source": "github.com/xmengli/H-DenseUNet; its authors state no licence: not to be passed on",
            "trained_on": "LiTS 2017 as the authors say, not stated in the file",
        },
        "input": {
            "modality": "CT",
            "axes": axes,
            "spacing": "own",
            "normalize": {"low": -200.0, "high": 250.0, "offset": 48.0},
        },
        "output": {
            "labels": [
                {"value": 0, "name": "background", "color": (0, 0, 0)},
                {"value": 1, "name": "liver", "color": (205, 92, 92)},
                {"value": 2, "name": "tumour", "color": (255, 215, 0)},
            ],
            "thresholds": (0.5, 0.9),
        },
        "postprocess": {"keep": "liver-and-tumours"},
    }
