"""The training sheet of a network that restores phases: images with streaks, and what they should be.

Columns: sample, image (phases), prior (of all phases) and truth (phases) as stores, patient, and split.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from medscience.config.pairs import Split
from medscience.config.sheet import checked_rows, name_faults
from medscience.errors import ConfigError

STORES = ("image", "prior", "truth")
NEEDED = ("sample", *STORES, "patient", "split")


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the sheet."""

    sample: str
    image: Path
    prior: Path
    truth: Path
    patient: str
    split: Split


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the rows of a sheet, in its order.

    Raises
    ------
    ConfigError
        If the sheet has faults, all of which are named, or a patient is in two splits.
    """
    cases = tuple(_case(cells) for _, cells in checked_rows(path, NEEDED, (), _faults))
    splits: dict[str, set[str]] = {}
    for case in cases:
        splits.setdefault(case.patient, set()).add(case.split)
    shared = [patient for patient, sides in splits.items() if len(sides) > 1]
    if shared:
        samples = [case.sample for case in cases if case.patient in shared]
        raise ConfigError(
            "TRAIN-LEAK",
            file=path,
            field="patient",
            found=f"the same patient in two splits: {', '.join(samples)}",
            expected="each patient in one split",
            fix="bring these samples into one split, or leave some out",
        )
    return cases


def _faults(cells: dict[str, str]) -> Iterator[str]:
    yield from name_faults(cells)
    for name in STORES:
        if not cells[name].removesuffix(".commit.json").endswith(".ome.zarr"):
            yield f"{name}: {cells[name]!r} is not the name of a store, NAME.ome.zarr"
    if cells["truth"] and cells["truth"] in (cells["image"], cells["prior"]):
        yield "truth: is the image or the prior itself"
    if not cells["patient"].strip():
        yield "patient: is empty; where each sample is another person, write the sample's name"
    if cells["split"] not in get_args(Split):
        yield f"split: {cells['split']!r} is none of {', '.join(get_args(Split))}"


def _case(cells: dict[str, str]) -> Case:
    image, prior, truth = (Path(cells[name]) for name in STORES)
    return Case(cells["sample"], image, prior, truth, cells["patient"], cast(Split, cells["split"]))
