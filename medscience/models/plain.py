"""A MeshNet in plain NumPy: slow, obvious, and independent of torch, to check the network with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from medscience.networks import MeshNetArguments

EPSILON = 1e-5
"""What normalisation adds to a variance."""


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation as it is after training: one straight line for each channel."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution that keeps the volume's size, with what follows it."""

    name: str
    kernel: NDArray[np.float32]
    """Shape (I, J, K, in, out)."""
    bias: NDArray[np.float32] | None
    dilation: int
    activation: str
    """``relu``, ``elu``, ``gelu``, or ``linear`` for none."""
    norm: BatchNorm | Literal["instance", "none"] = "none"
    """Between the convolution and the activation."""


def plain_logits(
    convolutions: Sequence[Convolution], image: NDArray[np.float32], cell: int = 1
) -> NDArray[np.float32]:
    """Return the logits (classes, I, J, K) of an image (I, J, K), computed in float64.

    Each tap of a kernel is one shifted copy of the zero-padded volume, so that a transposed kernel, a wrong
    dilation or a wrong padding elsewhere shows.
    """
    *hidden, head = convolutions
    values = _as_cells(image[..., None].astype(np.float64), cell)
    for layer in hidden:
        values = _activated(_normalized(_convolved(values, layer), layer.norm), layer.activation)
    i, j, k = image.shape
    values = _convolved(_as_voxels(values, cell)[:i, :j, :k], head)
    return np.moveaxis(values, -1, 0).astype(np.float32)


def as_convolutions(
    tensors: Mapping[str, NDArray[np.float32]], arguments: MeshNetArguments
) -> list[Convolution]:
    """Return the layers of a MeshNet from its named weights, kernels as (out, in, I, J, K)."""
    step = _step(arguments.norm)
    hidden = [
        Convolution(
            name=f"features.{n}",
            kernel=tensors[f"features.{n}.weight"].transpose(2, 3, 4, 1, 0),
            bias=tensors[f"features.{n}.bias"] if arguments.bias else None,
            dilation=dilation,
            activation=arguments.activation,
            norm=_batch_norm(tensors, n + 1) if arguments.norm == "batch" else arguments.norm,
        )
        for n, dilation in zip(count(int(arguments.cell > 1), step), arguments.dilations, strict=False)
    ]
    if arguments.cell > 1:
        hidden.append(_pointwise(f"features.{step * len(hidden) + 1}", tensors))
    return [*hidden, _pointwise("head", tensors)]


def _pointwise(name: str, tensors: Mapping[str, NDArray[np.float32]]) -> Convolution:
    kernel = tensors[f"{name}.weight"].transpose(2, 3, 4, 1, 0)
    return Convolution(name, kernel, tensors[f"{name}.bias"], dilation=1, activation="linear")


def as_tensors(convolutions: Sequence[Convolution]) -> dict[str, NDArray[np.float32]]:
    """Return the weights under the names that `MeshNet` gives them, kernels as (out, in, I, J, K).

    Batch normalisation has to be folded in.
    """
    *hidden, _ = convolutions
    step = _step(hidden[0].norm)
    names = [*(f"features.{step * n}" for n in range(len(hidden))), "head"]
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, layer in zip(names, convolutions, strict=True):
        tensors[f"{name}.weight"] = np.ascontiguousarray(layer.kernel.transpose(4, 3, 0, 1, 2))
        if layer.bias is not None:
            tensors[f"{name}.bias"] = layer.bias
    return tensors


def _step(norm: object) -> int:
    """How many layers `MeshNet` numbers for each convolution: itself, its norm if any, its activation."""
    return 2 if norm == "none" else 3


def _batch_norm(tensors: Mapping[str, NDArray[np.float32]], n: int) -> BatchNorm:
    return BatchNorm(
        mean=tensors[f"features.{n}.running_mean"],
        variance=tensors[f"features.{n}.running_var"],
        scale=tensors[f"features.{n}.weight"],
        shift=tensors[f"features.{n}.bias"],
    )


def _as_cells(values: NDArray[np.float64], cell: int) -> NDArray[np.float64]:
    """Turn (I, J, K, C) into cells (i, j, k, C cell^3), with zeros beyond the far ends."""
    padded = np.pad(values, [(0, -n % cell) for n in values.shape[:3]] + [(0, 0)])
    parts = [
        padded[di::cell, dj::cell, dk::cell] for di, dj, dk in np.ndindex(cell, cell, cell)
    ]  # each (i, j, k, C)
    return np.stack(parts, axis=-1).reshape(*parts[0].shape[:3], -1)


def _as_voxels(values: NDArray[np.float64], cell: int) -> NDArray[np.float64]:
    """Turn cells (i, j, k, C cell^3) into voxels (I, J, K, C)."""
    parts = values.reshape(*values.shape[:3], -1, cell**3)
    voxels = np.empty((*(n * cell for n in values.shape[:3]), parts.shape[3]))
    for n, (di, dj, dk) in enumerate(np.ndindex(cell, cell, cell)):
        voxels[di::cell, dj::cell, dk::cell] = parts[..., n]
    return voxels


def _convolved(values: NDArray[np.float64], layer: Convolution) -> NDArray[np.float64]:
    shape = values.shape[:3]
    reach = layer.dilation * (layer.kernel.shape[0] // 2)
    padded = np.pad(values, [(reach, reach)] * 3 + [(0, 0)])
    summed = np.zeros((*shape, layer.kernel.shape[-1]))
    if layer.bias is not None:
        summed += layer.bias
    for tap in np.ndindex(*layer.kernel.shape[:3]):
        window = tuple(
            slice(n * layer.dilation, n * layer.dilation + size) for n, size in zip(tap, shape, strict=True)
        )
        summed += padded[window] @ layer.kernel[tap].astype(np.float64)
    return summed


def _normalized(
    values: NDArray[np.float64], norm: BatchNorm | Literal["instance", "none"]
) -> NDArray[np.float64]:
    if norm == "none":
        return values
    if norm == "instance":
        mean: NDArray[np.float64] = values.mean(axis=(0, 1, 2))
        variance: NDArray[np.float64] = values.var(axis=(0, 1, 2))
        return (values - mean) / np.sqrt(variance + EPSILON)
    spread = np.sqrt(norm.variance.astype(np.float64) + EPSILON)
    return (values - norm.mean) / spread * norm.scale + norm.shift


def _activated(values: NDArray[np.float64], activation: str) -> NDArray[np.float64]:
    if activation == "relu":
        return np.maximum(values, 0)
    if activation == "elu":
        return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
    if activation == "gelu":
        probability: NDArray[np.float64] = (1 + erf(values / np.sqrt(2))) / 2
        return values * probability
    return values
