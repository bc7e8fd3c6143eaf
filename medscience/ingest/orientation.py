"""How a picture is to be turned before it is looked at, as videos and photographs say it."""

from pathlib import Path
from typing import TypeVar

from medscience.errors import InputError
from medscience.geometry import Reorientation

EXIF = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""Whether rows become columns, and whether the new rows and columns then run backwards, by EXIF's number."""

Number = TypeVar("Number", int, float)


def turn_of_exif(orientation: int) -> Reorientation | None:
    """Return the turn that EXIF's tag 274 asks for, of frames (n, Y, X); None for none.

    >>> import numpy as np
    >>> turn_of_exif(6).apply(np.array([[[1, 2], [3, 4]]])).tolist()  # a quarter turn clockwise
    [[[3, 1], [4, 2]]]
    """
    return _turn(*EXIF[orientation]) if orientation in EXIF else None


def turn_of_matrix(path: Path, matrix: list[int] | None) -> Reorientation | None:
    """Return the turn that a display matrix asks for (ISO/IEC 14496-12, 6.2.2); None for none.

    A point (x, y) of the frame, y down, is shown at (a x + c y, b x + d y).

    Raises
    ------
    InputError
        If it does more than turn by quarters and mirror.
    """
    if matrix is None:
        return None
    a, b, _, c, d, *_ = matrix
    one = 1 << 16
    straight, across = (abs(a), abs(d)) == (one, one), (abs(b), abs(c)) == (one, one)
    if not (straight and b == c == 0) and not (across and a == d == 0):
        raise InputError(
            "VIDEO-ROTATION",
            file=path,
            field="display matrix",
            found=[n / one for n in (a, b, c, d)],
            expected="quarter turns and mirroring",
            fix="export the video upright",
        )
    turn = (False, d < 0, a < 0) if straight else (True, b < 0, c < 0)
    return _turn(*turn) if any(turn) else None


def turned_sizes(turn: Reorientation | None, sizes: tuple[Number, Number]) -> tuple[Number, Number]:
    """Return sizes along (y, x) after a turn."""
    return (sizes[1], sizes[0]) if turn and turn.order == (0, 2, 1) else sizes


def _turn(across: bool, rows: bool, columns: bool) -> Reorientation:  # noqa: FBT001 - as the tables say it
    return Reorientation((0, 2, 1) if across else (0, 1, 2), (False, rows, columns))
