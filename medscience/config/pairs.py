"""The training sheet: images and their labels, one sample a row.

Columns: sample, image and labels (stores, or their commits), patient, split (train, validation or test), and
perhaps weight. What `medscience review export` writes, and what anyone can write by hand.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from medscience.config.sheet import checked_rows, name_faults
from medscience.errors import ConfigError

Split = Literal["train", "validation", "test"]

NEEDED = ("sample", "image", "labels", "patient", "split")
OPTIONAL = ("weight",)


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of the training sheet."""

    sample: str
    image: Path
    labels: Path
    patient: str
    split: Split
    weight: float = 1.0
    """How often patches are drawn from it, against a sample of weight 1."""


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """Return the rows of a training sheet, in its order.

    Raises
    ------
    ConfigError
        If the sheet has faults; all are named, with their lines.
    """
    return tuple(_pair(cells) for _, cells in checked_rows(path, NEEDED, OPTIONAL, _faults))


def refuse_leaks(path: Path, pairs: Sequence[Pair], digests: Sequence[str] = ()) -> None:
    """Refuse a patient, or the same pixels under whatever names, in two splits.

    Every number of the validation would be too good.

    Parameters
    ----------
    path : Path
        The sheet.
    pairs : sequence of Pair
        Its rows, in the splits that will be used.
    digests : sequence of str
        Digest of each row's pixels, where they have been read.

    Raises
    ------
    ConfigError
        If there is a leak; all are named, by samples.
    """
    for field, keys in (("patient", [pair.patient for pair in pairs]), ("image", digests)):
        splits: dict[str, set[str]] = {}
        for key, pair in zip(keys, pairs, strict=False):
            splits.setdefault(key, set()).add(pair.split)
        shared = [
            " and ".join(f"{p.sample} ({p.split})" for p, k in zip(pairs, keys, strict=True) if k == key)
            for key, sides in splits.items()
            if len(sides) > 1
        ]
        if shared:
            raise ConfigError(
                "TRAIN-LEAK",
                file=path,
                field=field,
                found=f"the same {'patient' if field == 'patient' else 'pixels'}: {'; '.join(shared)}",
                expected="nothing that two splits have in common",
                fix="bring them into one split, or leave some out",
            )


def _faults(cells: dict[str, str]) -> Iterator[str]:
    yield from name_faults(cells)
    for name in ("image", "labels"):
        if not cells[name].removesuffix(".commit.json").endswith(".ome.zarr"):
            yield f"{name}: {cells[name]!r} is not the name of a store, NAME.ome.zarr"
    if cells["image"] and cells["image"] == cells["labels"]:
        yield "labels: is the image itself"
    if not cells["patient"].strip():
        yield "patient: is empty; where each sample is another person, write the sample's name"
    if cells["split"] not in get_args(Split):
        yield f"split: {cells['split']!r} is none of {', '.join(get_args(Split))}"
    weight = cells.get("weight") or "1"
    if not _is_positive(weight):
        yield f"weight: {weight!r} is not a positive number"


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf and text.strip() == text and "_" not in text
    except ValueError:
        return False


def _pair(cells: dict[str, str]) -> Pair:
    image, labels = Path(cells["image"]), Path(cells["labels"])
    split = cast(Split, cells["split"])
    return Pair(cells["sample"], image, labels, cells["patient"], split, float(cells.get("weight") or "1"))
