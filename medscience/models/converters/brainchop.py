"""Weights that brainchop publishes as TensorFlow.js layers models.

A folder holds ``model.json`` (a Keras graph and a manifest), one or more binary files of float32
little-endian weights in the manifest's order, and ``colormap.json`` (names and colours). Per convolution
the kernel has the shape (3, 3, 3, in, out), then comes a bias (out) if it has one; batch normalisation is
folded in. A convolution whose name ends in ``_gn`` is followed by group normalisation with as many groups as
channels, which is instance normalisation: no layer of the graph says so, brainchop goes by the name.
Source: github.com/neuroneural/brainchop, public/models and inference-logic.js.
"""

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from medscience.description import Label, Normalize
from medscience.errors import ModelError
from medscience.models.plain import Convolution, as_tensors
from medscience.networks import MeshNetArguments

LARGEST_JSON = 16 << 20
PERCENT = r"(\d+)\s*%\s*quantile"
ACTIVATIONS = ("relu", "elu", "gelu")


@dataclass(frozen=True, slots=True)
class Brainchop:
    """A published model, read but not yet judged."""

    convolutions: tuple[Convolution, ...]
    labels: tuple[Label, ...]
    normalize: Normalize
    """What the model's own comment says, else min-max."""
    comment: str

    @property
    def arguments(self) -> MeshNetArguments:
        """Arguments of the MeshNet that computes the same."""
        *hidden, head = self.convolutions
        return MeshNetArguments.model_validate(
            {
                "channels": hidden[0].kernel.shape[-1],
                "classes": head.kernel.shape[-1],
                "dilations": [layer.dilation for layer in hidden],
                "activation": hidden[0].activation,
                "norm": hidden[0].norm,
                "bias": hidden[0].bias is not None,
            }
        )

    def description(self, name: str, normalize: str | None) -> dict[str, Any]:
        """Return the content of a model file, but for what follows from the weights."""
        arguments = self.arguments
        comment = f'; its comment: "{self.comment}"' if self.comment else ""
        return {
            "name": name,
            "description": f"brainchop MeshNet, {arguments.channels} channels, {arguments.classes} labels",
            "authors": [{"name": "brainchop (neuroneural)"}],
            "license": "MIT",
            "cite": ["doi:10.21105/joss.05098", "arXiv:1612.00940"],
            "track": "brain_mri",
            "network": {"name": "meshnet", "arguments": arguments.model_dump()},
            "weights": {
                "source": f"github.com/neuroneural/brainchop, public/models{comment}",
                "trained_on": "not stated in the published file",
            },
            "input": {
                "modality": "T1",
                "axes": "LIA",
                "grid": "conformed",
                "spacing": (1.0, 1.0, 1.0),
                "normalize": normalize or self.normalize,
                "skip_background": True,
            },
            "output": {"labels": [label.model_dump() for label in self.labels]},
            "postprocess": {"keep": "largest-component"},
        }

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights under the names that `MeshNet` gives them, kernels as (out, in, I, J, K)."""
        return as_tensors(self.convolutions)


def read_brainchop(folder: Path) -> Brainchop:
    """Read a published MeshNet, with folded batch normalisation or with instance normalisation.

    Parameters
    ----------
    folder : Path
        Holds ``model.json``, the binary weights that it names, and ``colormap.json``.

    Raises
    ------
    ModelError
        If the graph holds anything that is not understood, naming the layer; or if sizes do not agree.
    """
    if folder.is_file():
        raise _refused(folder, "folder", "a file, perhaps an archive: unpack it first", "a folder")
    content = _json(folder / "model.json")
    try:
        layers = content["modelTopology"]["model_config"]["config"]["layers"]
        convolutions = _convolutions(folder, layers, _weights(folder, content["weightsManifest"]))
        comment = str(content.get("_comment", ""))
        labels = _labels(folder, convolutions[-1].kernel.shape[-1])
        return Brainchop(tuple(convolutions), labels, _normalize(folder, comment), comment)
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as fault:  # JSON of another form
        raise _refused(
            folder,
            "model.json",
            f"{type(fault).__name__} {fault}",
            "a Keras layers model of TensorFlow.js",
        ) from fault


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError(f"more than {LARGEST_JSON} bytes")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as fault:
        raise _refused(path, "file", fault, "a JSON file") from fault
    if not isinstance(content, dict):
        raise _refused(path, "file", type(content).__name__, "a JSON object")
    return content


def _weights(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """Arrays by name: the binary files of each group, joined, cut up in the manifest's order."""
    arrays: dict[str, NDArray[np.float32]] = {}
    for group in manifest:
        files = [str(name) for name in group["paths"]]
        if any(Path(name).name != name for name in files):
            raise _refused(folder, "weightsManifest.paths", files, "names of files in the same folder")
        expected = sum(4 * math.prod(entry["shape"]) for entry in group["weights"])
        content = b"".join(_bytes(folder / name, expected) for name in files)
        start = 0
        for entry in group["weights"]:
            if entry["dtype"] != "float32" or "quantization" in entry:
                raise _refused(folder, entry["name"], "other than plain float32", "float32 weights")
            count = int(np.prod(entry["shape"], dtype=np.int64))
            values = np.frombuffer(content[start : start + 4 * count], "<f4")
            if values.size != count or not np.isfinite(values).all():
                raise _refused(folder, entry["name"], f"{values.size} values", f"{count} finite values")
            arrays[str(entry["name"])] = values.reshape(entry["shape"]).astype(np.float32)
            start += 4 * count
        if start != len(content):
            raise _refused(folder, ", ".join(files), f"{len(content)} bytes", f"{start} bytes")
    return arrays


def _bytes(path: Path, most: int) -> bytes:
    """Read a file of weights, which is none if it leads elsewhere or is larger than all that it may hold."""
    try:
        size = path.lstat().st_size
        if path.is_symlink() or not path.is_file() or size > most:
            found = "a link" if path.is_symlink() else f"{size} bytes"
            raise _refused(path, "file", found, f"a plain file of at most {most} bytes")
        return path.read_bytes()
    except OSError as fault:
        raise _refused(path, "file", type(fault).__name__, "the weights named in model.json") from fault


def _convolutions(
    folder: Path, layers: list[dict[str, Any]], weights: dict[str, NDArray[np.float32]]
) -> list[Convolution]:
    """Follow the chain of layers; anything but input, convolution and activation is refused by name."""
    chain: list[Convolution] = []
    previous = None
    for layer in layers:
        kind, name, config = layer["class_name"], layer["name"], layer["config"]
        sources = [node[0] for nodes in layer.get("inbound_nodes", []) for node in nodes]
        if sources != ([previous] if previous else []):
            raise _refused(folder, f"layer {name}", f"inputs {sources}", f"a chain after {previous}")
        if kind == "Conv3D":
            chain.append(_convolution(folder, name, config, weights))
        elif kind == "Activation" and chain and chain[-1].activation == "linear":
            if config["activation"] not in ACTIVATIONS:
                raise _refused(
                    folder, f"layer {name}", config["activation"], f"one of {', '.join(ACTIVATIONS)}"
                )
            chain[-1] = replace(chain[-1], activation=config["activation"])
        elif kind != "InputLayer" or previous:
            raise _refused(folder, f"layer {name}", kind, "Conv3D or Activation")
        previous = name
    if len(chain) < 2:
        raise _refused(folder, "layers", f"{len(chain)} convolutions", "two or more")
    _check_hidden(folder, chain[:-1])
    _check_head(folder, chain[-1], chain[0].kernel.shape[-1])
    _check_all_used(folder, chain, weights)
    return chain


def _convolution(
    folder: Path, name: str, config: dict[str, Any], weights: dict[str, NDArray[np.float32]]
) -> Convolution:
    plain = {
        "strides": [1, 1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "activation": "linear",
        "groups": 1,
    }
    for key, expected in plain.items():
        if config.get(key, expected) != expected:
            raise _refused(folder, f"layer {name}, {key}", config[key], str(expected))
    dilation = {int(n) for n in config.get("dilation_rate", [1])}
    kernel, bias = weights.get(f"{name}/kernel"), weights.get(f"{name}/bias")
    if kernel is None or (bias is not None) != config.get("use_bias", True):
        raise _refused(
            folder,
            f"layer {name}",
            [key for key in weights if key.startswith(f"{name}/")],
            f"{name}/kernel, and {name}/bias if use_bias is true",
        )
    if kernel.shape[:3] != tuple(config["kernel_size"]) or len(dilation) != 1:
        raise _refused(
            folder, f"layer {name}", f"kernel {kernel.shape}, dilation {dilation}", "a cubic kernel"
        )
    norm: Literal["instance", "none"] = "instance" if name.endswith("_gn") else "none"
    return Convolution(name, kernel, bias, dilation.pop(), "linear", norm)


def _check_hidden(folder: Path, hidden: list[Convolution]) -> None:
    """Check that every layer is the 3x3x3 convolution that the first one is."""
    first = hidden[0]
    channels = first.kernel.shape[-1]
    for n, layer in enumerate(hidden):
        field = f"layer {layer.name}"
        expected = (3, 3, 3, channels if n else 1, channels)
        if layer.kernel.shape != expected or (layer.bias is not None and layer.bias.shape != (channels,)):
            raise _refused(folder, field, layer.kernel.shape, str(expected))
        if layer.activation == "linear":
            raise _refused(folder, field, "no activation", f"one of {', '.join(ACTIVATIONS)} after it")
        if _manner(layer) != _manner(first):
            raise _refused(folder, field, _manner(layer), f"as layer {first.name}: {_manner(first)}")


def _manner(layer: Convolution) -> str:
    """What all hidden layers must have in common, in words."""
    return f"activation {layer.activation}, norm {layer.norm}, bias {layer.bias is not None}"


def _check_head(folder: Path, head: Convolution, channels: int) -> None:
    classes = head.kernel.shape[-1]
    if head.kernel.shape[:4] != (1, 1, 1, channels) or classes < 2:
        raise _refused(
            folder, f"layer {head.name}", head.kernel.shape, f"(1, 1, 1, {channels}, 2 or more classes)"
        )
    plain = head.activation == "linear" and head.norm == "none"
    if not plain or head.bias is None or head.bias.shape != (classes,):
        raise _refused(folder, f"layer {head.name}", _manner(head), "a bias, and nothing after it")


def _check_all_used(folder: Path, chain: list[Convolution], weights: dict[str, NDArray[np.float32]]) -> None:
    used = {f"{layer.name}/{part}" for layer in chain for part in ("kernel", "bias")}
    if left := sorted(weights.keys() - used):
        raise _refused(folder, "weightsManifest", ", ".join(left), "weights of the convolutions only")


def _labels(folder: Path, classes: int) -> tuple[Label, ...]:
    """Names and colours from the colour map that has as many as the network has classes."""
    paths = sorted(folder.glob("colormap*.json"), key=lambda path: (path.stem != "colormap", path.name))
    maps = {path.name: _json(path) for path in paths}
    counts = {name: len(content.get("labels", ())) for name, content in maps.items()}
    fitting = [content for name, content in maps.items() if counts[name] == classes]
    if not fitting:
        raise _refused(folder, "colormap.json", counts or "none", f"a colour map of {classes} labels")
    content = fitting[0]
    if {len(content.get(channel, ())) for channel in "RGB"} != {classes}:
        raise _refused(folder, "colormap.json", "colours of another number", f"{classes} of R, G and B")
    colors = zip(content["R"], content["G"], content["B"], strict=True)
    return tuple(
        Label(value=n, name=str(name), color=color)
        for n, (name, color) in enumerate(zip(content["labels"], colors, strict=True))
    )


def _normalize(folder: Path, comment: str) -> Normalize:
    """The intensity rule that the comment states, such as "min = 5% quantile, max = 95% quantile"."""
    quantiles = re.findall(PERCENT, comment)
    if not quantiles:
        return "minmax"
    stated = f"quantile-{'-'.join(quantiles)}"
    if stated not in get_args(Normalize):
        raise _refused(folder, "model.json, _comment", stated, f"one of {', '.join(get_args(Normalize))}")
    return cast(Normalize, stated)


def _refused(path: Path, field: str, found: object, expected: str) -> ModelError:
    return ModelError(
        "BRAINCHOP-UNKNOWN",
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="only MeshNets are converted: 3x3x3 convolutions that are all alike but for their dilation, each "
        "with folded or with instance normalisation and relu, elu or gelu, then one 1x1x1 convolution",
    )
