"""Weights of RSTAR4D-Net in the form in which its authors publish them: the state of a PyTorch module.

Their notebooks (github.com/ivy9092111111/RSTAR, ``githubcode``) save ``checkpoints_Tetris2.pth``, a pickle.
Such a file can run code, and is never opened here. Turn it into safetensors first::

    import torch
    from safetensors.torch import save_file

    state = torch.load("checkpoints_Tetris2.pth", map_location="cpu", weights_only=True)
    save_file({name: value.contiguous() for name, value in state.items()}, "rstar.safetensors")

What is assumed: tensors named as the notebooks name their modules. ``conv1`` to ``conv8`` are the blocks of
the figure, ``convN_2`` and ``convN_3`` the two after them. In a strided block ``conv1`` looks along the plane
and ``conv2`` along z. In a separable one ``conv1``, ``conv2``, ``conv3`` look along the plane, z and t, and
``conv1_2``, ``conv2_2``, ``conv3_2`` do so again; blocks that upsample hold theirs as ``conv``. A prefix
``module.``, which training on several cards leaves, is taken off. Kernels have the shapes that they have
here. No weights are published with a licence, so this was tried with random ones only.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import ModelError
from medscience.models.zoo import load_tensors

ALONG = {"1": "xy", "2": "z", "3": "t"}
STRIDED = re.compile(r"conv(\d)\.conv([12])\.(weight|bias)")
SEPARABLE = re.compile(r"conv(\d)(?:\.conv|_([23]))\.conv([123])(_2)?\.(weight|bias)")
LEVELS = 4
CONVOLUTIONS = 116


def read_rstar(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return published weights under the names that `RSTAR4D` gives them.

    Parameters
    ----------
    path : Path
        A safetensors file of the module's state.

    Raises
    ------
    ModelError
        If a name is none of theirs; a shape that does not fit is found when the network gets its weights.
    """
    if path.suffix in (".pth", ".pt", ".ckpt"):
        raise _refused(path, f"{path.suffix}, a pickle, which can run code")
    tensors = {name.removeprefix("module."): value for name, value in load_tensors(path).items()}
    names = {name: _ours(name) for name in tensors}
    unknown = sorted(name for name, ours in names.items() if ours is None)
    if unknown or len(tensors) != 2 * CONVOLUTIONS:
        raise _refused(path, f"{len(tensors)} tensors" + "".join(f"; {name}" for name in unknown[:3]))
    return {ours: tensors[name].numpy() for name, ours in names.items() if ours}


def published(name: str) -> dict[str, Any]:
    """Return the content of a model file for published weights, but for what follows from them.

    Numbers are divided by 1000 and nothing is added to them, as in the notebooks. That they are Hounsfield
    units is nowhere said; it follows from the range.
    """
    scale = {"unit": "HU", "offset": 0.0, "scale": 1000.0}
    return {
        "name": name,
        "description": "RSTAR4D-Net, removes streaks from phase-binned cone-beam CT",
        "authors": [{"name": "Ziheng Deng"}, {"name": "Jun Zhao"}],
        "license": "LicenseRef-none",
        "cite": ["arXiv:2403.16361"],
        "track": "cbct4d",
        "network": {"name": "rstar4d", "arguments": {"width": 16, "levels": LEVELS, "stage": 2}},
        "weights": {
            "source": "github.com/ivy9092111111/RSTAR, converted from the state of its module",
            "trained_on": "not stated in the published file",
        },
        "input": {"modality": "CBCT", "axes": "SLA", "phases": 10, "values": scale},
        "output": {"image": scale},
        "caution": "Orientation, voxel size and unit of the training data are not published.",
    }


def _ours(theirs: str) -> str | None:
    """The name of a tensor here, or None if theirs is of another network."""
    if found := SEPARABLE.fullmatch(theirs):
        number, which, along, again, kind = found.groups()
        block = _block(int(number), which)
        return block and f"{block}.{'second' if again else 'first'}.{ALONG[along]}.{kind}"
    if found := STRIDED.fullmatch(theirs):
        number, along, kind = found.groups()
        return f"encode.{int(number) - 1}.down.{ALONG[along]}.{kind}" if int(number) <= LEVELS else None
    return None


def _block(number: int, which: str | None) -> str | None:
    """Where a separable block is here: the number of the figure, and its 2nd or 3rd part if it is one."""
    if number == 2 * LEVELS:
        return None if which else "last.block"
    level = f"encode.{number - 1}" if number <= LEVELS else f"decode.{number - LEVELS - 1}"
    if which:
        return f"{level}.refine.{'first' if which == '2' else 'second'}"
    return f"{level}.up.block" if number > LEVELS else None


def _refused(path: Path, found: str) -> ModelError:
    return ModelError(
        "RSTAR-UNKNOWN",
        file=path,
        field="tensors",
        found=found,
        expected=f"a safetensors file of the published network's {CONVOLUTIONS} convolutions",
        fix="see medscience.models.converters.rstar on how to convert a checkpoint",
    )
