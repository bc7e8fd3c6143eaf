"""SPNet's grid: each antinode of a frame has a slot of a cell to itself (Hawley and Morrison 2021)."""

from collections.abc import Sequence

from medscience.antinode import Antinode
from medscience.errors import InputError

SIDE, DEEP = 6, 2
"""Cells along each side of the grid, and slots in each."""

FRAME = (384, 512)
FIRST, BIN = 40, (71, 51)
"""Where the grid begins, and the width and height of its cells, in pixels."""

Slot = tuple[int, int, int]


def slots(antinodes: Sequence[Antinode], *, keep: int | None = None) -> dict[Slot, Antinode]:
    """Return which slot of the published target each antinode fills: column, row, depth.

    Parameters
    ----------
    keep : int, optional
        Take so many of the surest in each cell, instead of refusing more than its slots.

    Raises
    ------
    InputError
        If a cell has more antinodes than slots.
    """
    cells: dict[tuple[int, int], list[Antinode]] = {}
    for antinode in sorted(antinodes, key=lambda one: -one.score):
        place = (antinode.ellipse.x, antinode.ellipse.y)
        column, row = (
            min(max(int((value - FIRST) // size), 0), SIDE - 1)
            for value, size in zip(place, BIN, strict=True)
        )
        cells.setdefault((column, row), []).append(antinode)
    filled: dict[Slot, Antinode] = {}
    for (column, row), members in cells.items():
        chosen = members[:keep]
        if len(chosen) > DEEP:
            raise InputError(
                "SPNET-CELL",
                field=f"cell {column}, {row} of the grid",
                found=f"{len(chosen)} antinodes",
                expected=f"at most {DEEP}",
                fix="leave the frame out: SPNet's target has no place for it",
            )
        chosen.sort(key=lambda one: (one.ellipse.x, one.ellipse.y))
        filled |= {(column, row, depth): antinode for depth, antinode in enumerate(chosen)}
    return filled
