"""How weights were made: what every training says of itself, for programs and for readers."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from medscience.description import About
from medscience.inference.gpu import Gpu
from medscience.recipe import Card
from medscience.store.files import write_whole
from medscience.store.record import versions
from medscience.training.checkpoint import Checkpoint
from medscience.training.place import hardware

RECORD = "training.json"
"""What was trained on what, with what; its fingerprint says whether another training is the same."""


def write_record(
    folder: Path, state: Checkpoint, samples: Mapping[str, Mapping[str, object]] | None = None
) -> None:
    """Write a training's record; `samples` is what it learned from, where that was stored."""
    record: dict[str, object] = {
        "fingerprint": state.fingerprint,
        "steps": state.step,
        "seconds": round(state.seconds, 1),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    if samples is not None:
        record["samples"] = samples
    write_whole(folder / RECORD, json.dumps(record, indent=1) + "\n")


def fingerprint_of(folder: Path) -> str | None:
    """Return the fingerprint of the training that a folder holds the product of, or None."""
    try:
        found = json.loads((folder / RECORD).read_text("utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found)


def opening(name: str, design: About, card: Card) -> Iterator[str]:
    """Yield the first lines of a model's card (Mitchell et al. 2019, arXiv:1810.03993)."""
    yield f"# {name}\n\n{design.description}\n"
    if design.caution:
        yield f"**{design.caution}**\n"
    yield f"- By: {', '.join(author.name for author in design.authors)}; licence: {design.license}"
    yield f"- Made for: {card.made_for}"
    yield f"- Not for: {card.not_for}"


def ending(seed: int, state: Checkpoint, gpu: Gpu | None) -> Iterator[str]:
    """Yield its last lines; None is for processors."""
    yield "\n## How it was made\n"
    yield f"- Recipe: `training` of the model file, seed {seed}, {state.step} steps"
    yield f"- Time: {state.seconds / 3600:.2f} hours, {torch.get_num_threads()} threads"
    yield f"- Hardware: {hardware(gpu)}"
    yield f"- Software: {', '.join(f'{package} {version}' for package, version in versions().items())}"
