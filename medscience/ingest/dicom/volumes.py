"""Which of the volumes on the same positions are wanted: one, or those that follow each other in time."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.header import IN_TIME, SEPARATORS, Frame
from medscience.ingest.dicom.series import SAME_PLACE


def choose_volumes(
    path: Path, frames: list[Frame], along: Sequence[float], choices: Choices
) -> list[list[Frame]]:
    """Return the frames of one volume; of several in time where their places in time tell them apart.

    Parameters
    ----------
    frames : list of Frame
        Of one orientation.
    along : sequence of float
        Position of each along the normal, in millimetres.
    choices : Choices
        Its `volume` names one.

    Raises
    ------
    InputError
        If several volumes that do not follow each other in time are there and none is named, or slices
        share a place and nothing tells them apart.
    """
    groups: dict[int, list[Frame]] = defaultdict(list)
    order = sorted(range(len(frames)), key=lambda n: along[n])
    place, last = 0, None
    for n in order:
        place += last is not None and along[n] - last > SAME_PLACE
        last = along[n]
        groups[place].append(frames[n])
    found = _apart(groups)
    if found is None:
        raise _mixed(groups)
    names, volumes = found
    ordered = [volumes[key] for key in _in_order(volumes)]
    if choices.volume is None:
        if len(ordered) == 1 or set(names) <= IN_TIME:
            return ordered
        raise _ask_volume(path, names, volumes)
    if choices.volume > len(ordered):
        raise _no_such_volume(path, len(ordered))
    return [ordered[choices.volume - 1]]


Key = tuple[object, ...]


def _apart(groups: dict[int, list[Frame]]) -> tuple[list[str], dict[Key, list[Frame]]] | None:
    """The attributes that tell the volumes apart: each then has every position once. One needs none."""
    names = list(SEPARATORS)
    most = max(map(len, groups.values()))
    if any(len(group) != most for group in groups.values()):
        return None
    for count in range(4):
        for chosen in combinations(range(len(names)), count):
            volumes: dict[Key, list[Frame]] = defaultdict(list)
            for group in groups.values():
                for frame in group:
                    volumes[tuple(frame.separators[n] for n in chosen)].append(frame)
            once = len(volumes) == most and all(_differ(group, chosen) for group in groups.values())
            if once:
                return [names[n] for n in chosen], volumes
    return None


def _differ(group: list[Frame], chosen: tuple[int, ...]) -> bool:
    return len({tuple(frame.separators[n] for n in chosen) for frame in group}) == len(group)


def _in_order(volumes: dict[Key, list[Frame]]) -> list[Key]:
    """By the number that tells them apart, if it is a single one."""
    return sorted(volumes, key=lambda key: _ordered(key[0]) if len(key) == 1 else (0.0, str(key)))


def _ordered(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def _ask_volume(path: Path, names: list[str], volumes: dict[Key, list[Frame]]) -> InputError:
    shown = [name for name in names if SEPARATORS[name] is not None]
    values = "; ".join(_said(names, key) for key in _in_order(volumes)[:12]) if shown else ""
    return InputError(
        "DICOM-VOLUMES",
        file=path,
        field=", ".join(names),
        found=f"{len(volumes)} volumes on the same positions{': ' if values else ''}{values}",
        expected="one volume",
        fix=f"name one with --volume, 1 to {len(volumes)} in this order",
    )


def _said(names: list[str], key: Key) -> str:
    parts = zip(names, key, strict=True)
    return " ".join(
        f"{value:g} {SEPARATORS[n]}".strip() for n, value in parts if isinstance(value, int | float)
    )


def _no_such_volume(path: Path, count: int) -> InputError:
    return InputError(
        "DICOM-VOLUMES",
        file=path,
        field="--volume",
        found="a number that is not there",
        expected=f"1 to {count}",
        fix="name another one",
    )


def _mixed(groups: dict[int, list[Frame]]) -> InputError:
    frame = next(group for group in groups.values() if len(group) > 1)[1]
    fix = "take the pictures that do not belong out of the folder"
    found = "several pictures on one position, and nothing that tells volumes apart"
    wanted = "one picture for each position"
    return frame.instance.refused("SAME-PLACE", "ImagePositionPatient", found, wanted, fix)
