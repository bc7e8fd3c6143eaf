"""Ellipses with ring counts in the forms that SPNet and the Zooniverse project published."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from medscience.antinode import Antinode
from medscience.store.files import write_whole


def write_labels(antinodes: Iterable[Antinode], destination: Path) -> None:
    """Write the ellipses of one frame: ``cx,cy,a,b,angle,rings`` in each line, no header; none: zeros."""
    lines = [
        ",".join(map(_plain, (a.ellipse.x, a.ellipse.y, a.ellipse.a, a.ellipse.b, a.ellipse.angle, a.rings)))
        for a in antinodes
    ]
    _write(lines or ["0,0,0,0,0,0"], destination, "\n")


def write_table(
    frames: Mapping[str, Iterable[Antinode]], destination: Path, line_end: Literal["\n", "\r"] = "\n"
) -> None:
    """Write the ellipses of many frames: ``cx,cy,filename,rings,a,b,angle``, no header.

    A frame without any has one line of zeros, as in SPNet's predictions.

    Parameters
    ----------
    line_end : str
        SPNet's published predictions end their lines in a lone carriage return.
    """
    lines = []
    for name, antinodes in frames.items():
        rows = [
            f"{_plain(a.ellipse.x)},{_plain(a.ellipse.y)},{name},{_plain(a.rings)},"
            f"{_plain(a.ellipse.a)},{_plain(a.ellipse.b)},{_plain(a.ellipse.angle)}"
            for a in antinodes
        ]
        lines += rows or [f"0,0,{name},0,0,0,0"]
    _write(lines, destination, line_end)


def _plain(value: float) -> str:
    """Return the shortest text that reads as the same number again."""
    return repr(float(value)).removesuffix(".0")


def _write(lines: list[str], destination: Path, line_end: str) -> None:
    write_whole(destination, "".join(line + line_end for line in lines))
