"""Everything that is settled before a training begins."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from medscience import __version__
from medscience.config.pairs import Pair, read_pairs, refuse_leaks
from medscience.description import Design, checked_beside, find_model, read_model
from medscience.errors import ConfigError, MemoryPromiseError
from medscience.inference.footprint import CUDA
from medscience.inference.gpu import Gpu
from medscience.models.meshnet import MeshNet
from medscience.models.zoo import build, fit_weights, load_tensors
from medscience.progress import Tell, nobody
from medscience.recipe import Recipe
from medscience.store.commit import canonical
from medscience.training.checkpoint import Checkpoint
from medscience.training.chunks import Chunks
from medscience.training.examples import Example, needs, open_examples
from medscience.training.folds import dealt
from medscience.training.footprint import patch_bytes
from medscience.training.schedule import Schedule
from medscience.training.start import STARTS

log = logging.getLogger(__name__)

CACHE = 4
"""The part of the promised memory that decoded chunks may take is one in so many."""


@dataclass(frozen=True, slots=True)
class Job:
    """A training that is about to run."""

    design: Design
    recipe: Recipe
    network: nn.Module
    start: Checkpoint
    """Step 0, with the weights to start from."""
    examples: tuple[Example, ...]
    schedule: Schedule
    gpu: Gpu | None = None
    """On which it learns; None: on processors."""

    def of(self, split: str) -> list[Example]:
        """Return the examples of a split."""
        return [example for example in self.examples if example.pair.split == split]


def prepare(
    design: Design,
    recipe: Recipe,
    sheet: Path,
    start: str | None,
    fold: int | None,
    memory: int,
    tell: Tell = nobody,
    gpu: Gpu | None = None,
) -> Job:
    """Open and check everything that a training needs.

    Parameters
    ----------
    design, recipe : Design, Recipe
        What to train, and how.
    sheet : Path
        The training sheet.
    start : str, optional
        Weights to start from: a model's name, its file, or a safetensors file; else drawn from the seed.
    fold : int, optional
        Which of the recipe's folds validates, counted from 1; the sheet's own split if not given.
    memory : int
        Bytes promised.
    gpu : Gpu, optional
        The GPU on which it learns; on processors if not given.

    Raises
    ------
    ConfigError
        If sheet, data, recipe and network do not fit together.
    ModelError
        If the weights do not fit the network; every mismatch is named.
    MemoryPromiseError
        If a step does not fit the memory.
    """
    pairs = _checked_fold(read_pairs(sheet), recipe, fold, sheet)
    if fold is None:
        refuse_leaks(sheet, pairs)
    examples = open_examples(sheet, pairs, design, Chunks(memory // CACHE), recipe.seed, tell)
    if fold is not None and recipe.folds is not None:
        volumes = [int(example.survey.counts[1:].sum()) for example in examples]
        pairs = dealt(pairs, volumes, recipe.folds, fold, recipe.seed)
        examples = [replace(e, pair=pair) for e, pair in zip(examples, pairs, strict=True)]
    refuse_leaks(sheet, pairs, [example.digests[2] for example in examples])
    _refuse_what_is_not_enough(sheet, design, recipe, examples)
    network = build(design.network)
    weights = _start(network, recipe, start)
    used = sum(pair.split == "train" for pair in pairs)
    _refuse_what_does_not_fit(network, recipe, examples, memory, gpu)
    state = Checkpoint(0, _fingerprint(design, examples, weights), weights, {})
    return Job(design, recipe, network, state, tuple(examples), Schedule(recipe, used), gpu)


def _checked_fold(
    pairs: tuple[Pair, ...], recipe: Recipe, fold: int | None, sheet: Path
) -> tuple[Pair, ...] | list[Pair]:
    patients = len({pair.patient for pair in pairs if pair.split != "test"})
    if fold is not None and not 1 <= fold <= min(recipe.folds or 0, patients):
        raise ConfigError(
            "TRAIN-FOLD",
            file=sheet,
            field="--fold",
            found=fold,
            expected=f"1 to {recipe.folds}, with as many patients" if recipe.folds else "no fold",
            fix=f"there are {patients} patients; the number of folds is the recipe's `folds`",
        )
    return pairs


def _refuse_what_is_not_enough(
    sheet: Path, design: Design, recipe: Recipe, examples: Sequence[Example]
) -> None:
    train = [example for example in examples if example.pair.split == "train"]
    validation = [example for example in examples if example.pair.split == "validation"]
    patches = [stage.patch for stage in recipe.stages if stage.patch]
    faults = list(needs(train, design, patches))
    if not any(example.survey.counts[1:].any() for example in validation):
        faults.append("no validation sample has a label")
    if faults:
        raise ConfigError(
            "TRAIN-SHORT",
            file=sheet,
            field="samples",
            found="; ".join(faults),
            expected="every label, patches that fit, and samples to validate with",
            fix="add samples, or change the recipe",
        )


def _start(network: nn.Module, recipe: Recipe, start: str | None) -> dict[str, Tensor]:
    """The weights before the first step."""
    if start is None:
        torch.manual_seed(recipe.seed)
        network.apply(STARTS[recipe.start])
    else:
        path = _weights(start)
        fit_weights(network, load_tensors(path), path)
    return {name: value.clone() for name, value in network.state_dict().items()}


def _weights(start: str) -> Path:
    if start.endswith(".safetensors"):
        return Path(start)
    path = find_model(start)
    weights = read_model(path).weights
    return checked_beside(path, weights.file, weights.sha256)


def _refuse_what_does_not_fit(
    network: nn.Module, recipe: Recipe, examples: Sequence[Example], memory: int, gpu: Gpu | None
) -> None:
    """Predict the largest step's memory, and refuse one that is more than was promised."""
    if not isinstance(network, MeshNet):
        return
    most = max(
        (stage.at_once or stage.batch)
        * patch_bytes(network, patch, stage.precision or recipe.precision, checkpointing=recipe.checkpointing)
        for stage in recipe.stages
        for patch in ([stage.patch] if stage.patch else [example.shape for example in examples])
    )
    if gpu and most > gpu.memory:
        raise MemoryPromiseError(
            "GPU-MEMORY-TOO-SMALL",
            field="GPU",
            found=f"{gpu.memory / 2**30:.2f}G",
            expected=f"{most >> 20}M or more for a step",
            fix=f"{LESS}, or train on processors: --device cpu",
        )
    log.info("a step takes about %.2f GiB%s", most / 2**30, " of the GPU" if gpu else "")
    here = FIXED + (CUDA if gpu else most)
    if here + memory // CACHE > memory:
        raise MemoryPromiseError(
            "MEMORY-TOO-SMALL",
            field="--memory",
            found=f"{memory / 2**30:.2f}G",
            expected=f"{-(-here * CACHE // (CACHE - 1)) >> 20}M or more for a step",
            fix=f"give more memory, or {LESS}",
        )


LESS = "set checkpointing, at_once or a smaller patch in the recipe"
FIXED = 400 << 20
"""Bytes of the process with its libraries; measured, rounded up."""


def _fingerprint(design: Design, examples: Sequence[Example], weights: dict[str, Tensor]) -> str:
    """Digest of all that decides the weights, but for threads and the processor.

    What a recipe leaves out is left out here: a later version's new keys do not make it another.
    """
    start = hashlib.sha256()
    for name, value in weights.items():
        start.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
    rows = [[e.pair.sample, e.pair.split, e.pair.weight, *e.digests] for e in examples]
    parts = [design.model_dump(mode="json", exclude_defaults=True), rows, start.hexdigest(), __version__]
    return hashlib.sha256(canonical(parts)).hexdigest()
