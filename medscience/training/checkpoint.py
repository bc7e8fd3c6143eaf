"""What an interrupted training goes on from: one safetensors file, there whole or not at all.

Weights, the best weights so far, what the optimiser remembers, and the curves; no pickle. Random numbers and
the order of the data need no state: they follow from the seed and the step.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from medscience.errors import StoreError
from medscience.store.commit import canonical
from medscience.store.files import replaced

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Validation:
    """What the network reached on the validation samples."""

    step: int
    value: float
    """The recipe's metric, mean over samples."""
    low: float
    high: float
    """Bootstrap interval of the mean, 95 %."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training after a step."""

    step: int
    fingerprint: str
    """Of recipe, data and start: a checkpoint is of one training only."""
    weights: Tensors
    optimiser: Tensors
    losses: tuple[float, ...] = ()
    """Of every step so far."""
    validations: tuple[Validation, ...] = ()
    best: Tensors = field(default_factory=dict)
    """Weights of the best validation; empty before the first."""
    seconds: float = 0.0
    """That it took so far, in all runs together."""

    @property
    def best_validation(self) -> Validation | None:
        """The first of the best."""
        return max(self.validations, key=lambda validation: validation.value, default=None)


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint in place of the one before; on any error that one stays."""
    parts = {"weights": state.weights, "optimiser": state.optimiser, "best": state.best}
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part, values in parts.items()
        for name, value in values.items()
    }
    tensors["losses"] = torch.tensor(state.losses, dtype=torch.float64)
    known = {
        "step": state.step,
        "fingerprint": state.fingerprint,
        "seconds": state.seconds,
        "validations": [asdict(validation) for validation in state.validations],
        "content": _digest(tensors),
    }
    with replaced(path) as temporary:
        temporary.write_bytes(save(tensors, {"medscience": json.dumps(known, sort_keys=True)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Return a checkpoint.

    Raises
    ------
    StoreError
        If it is not as it was written.
    """
    try:
        with safe_open(path, "pt") as file:
            known = json.loads(file.metadata()["medscience"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as fault:
        raise _damaged(path, fault) from fault
    if _digest(tensors) != known["content"]:
        raise _damaged(path, "other values than were written")
    losses = tuple(tensors.pop("losses").tolist())
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimiser": {}, "best": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    validations = tuple(Validation(**entry) for entry in known["validations"])
    return Checkpoint(
        known["step"],
        known["fingerprint"],
        parts["weights"],
        parts["optimiser"],
        losses,
        validations,
        parts["best"],
        known["seconds"],
    )


def _digest(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(canonical([name, str(value.dtype), list(value.shape)]))
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _damaged(path: Path, found: object) -> StoreError:
    return StoreError(
        "TRAIN-CHECKPOINT",
        file=path,
        field="checkpoint",
        found=found,
        expected="the file as it was written",
        fix="delete it, and train from the start",
    )
