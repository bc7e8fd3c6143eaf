"""LiTS 2017: ``volume-N.nii`` and ``segmentation-N.nii`` in whatever folders its batches were unpacked to."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from medscience.ingest.layouts.rows import Row, checked, is_file

NAME = re.compile(r"(test-volume|volume|segmentation)-([0-9]{1,6})\.nii(?:\.gz)?")
EXPECTED = "volume-N.nii with segmentation-N.nii, and test-volume-N.nii, each number once"


def lits(folder: Path) -> tuple[Row, ...]:
    """Return the samples of LiTS below a folder, in the order of their numbers; test volumes at the end.

    Raises
    ------
    ConfigError
        If a volume or its segmentation is missing, empty or there twice; all of that at once.
    """
    found: dict[tuple[str, int], list[Path]] = defaultdict(list)
    for path in _files(folder):
        if match := NAME.fullmatch(path.name):
            found[match[1], int(match[2])].append(path)
    rows = [
        Row(f"lits-{number:03}", paths[0], found.get(("segmentation", number), [None])[0])
        for (kind, number), paths in sorted(found.items())
        if kind == "volume"
    ]
    rows += [
        Row(f"lits-test-{number:03}", paths[0], split="test")
        for (kind, number), paths in sorted(found.items())
        if kind == "test-volume"
    ]
    return checked(folder, rows, _faults(found), EXPECTED)


def _files(folder: Path) -> Iterator[Path]:
    for below, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(below, name) for name in sorted(names))


def _faults(found: dict[tuple[str, int], list[Path]]) -> Iterator[str]:
    pairs = {"volume": "segmentation", "segmentation": "volume"}
    for (kind, number), paths in sorted(found.items()):
        if len(paths) > 1:
            yield f"{kind}-{number} is there {len(paths)} times: {', '.join(map(str, paths))}"
        yield from (f"{path.name} is empty, or no file" for path in paths if not is_file(path))
        other = pairs.get(kind)
        if other and (other, number) not in found:
            yield f"{kind}-{number} without {other}-{number}"
