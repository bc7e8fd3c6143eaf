"""What programs write into a TIFF about its pages: ImageJ's lines, and OME's XML."""

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from medscience.geometry import Triple
from medscience.ingest.tiff_pages import DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, refused

PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^>]*)>")
ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
MILLIMETRES = {
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1.0),
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", r"\u00B5m", "micron", "microns", "micrometer"), 1e-3),
    **dict.fromkeys(("nm", "nanometer"), 1e-6),
    **dict.fromkeys(("cm", "centimeter"), 10.0),
}
"""Millimetres in a unit, by the names that programs give it."""


@dataclass(frozen=True, slots=True)
class Axes:
    """How many pages a program says there are along each axis; one where it says nothing."""

    slices: int = 1
    times: int = 1
    channels: int = 1
    spacing: Triple | None = None
    """Millimetres along (z, y, x), where all three are said in a unit."""

    @property
    def pages(self) -> int:
        """How many there should be."""
        return self.slices * self.times * self.channels

    def __str__(self) -> str:
        return f"{self.slices} slices, {self.times} times, {self.channels} channels"


def axes_of(path: Path, tags: dict[int, Any]) -> Axes | None:
    """Return what a TIFF's first page says of all of them; None if it says nothing.

    Parameters
    ----------
    path : Path
        The file, for errors.
    tags : dict
        Of the first page.

    Raises
    ------
    InputError
        If what it says cannot be.
    """
    text = tags.get(DESCRIPTION, "")
    try:
        if text.startswith("ImageJ="):
            said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            return _imagej(said, tags)
        found = PIXELS.findall(text)
        return _ome(dict(ATTRIBUTE.findall(found[0]))) if len(found) == 1 else None
    except (ValueError, ZeroDivisionError) as fault:
        raise refused(path, "description", f"{fault}", "numbers", "save it anew") from fault


def _imagej(said: dict[str, str], tags: dict[int, Any]) -> Axes:
    """ImageJ's: any stack is one of slices unless somebody said otherwise, but only real ones are spaced."""
    slices, times, channels = (int(said.get(key, 1)) for key in ("slices", "frames", "channels"))
    images = int(said.get("images", 1))
    if slices * times * channels == 1:
        slices = images
    unit = MILLIMETRES.get(said.get("unit", ""))
    known = "spacing" in said and unit and X_RESOLUTION in tags and Y_RESOLUTION in tags
    if not known or not unit:
        return Axes(slices, times, channels)
    (across, a), (down, b) = tags[X_RESOLUTION], tags[Y_RESOLUTION]
    return Axes(
        slices,
        times,
        channels,
        _spacing(abs(float(said["spacing"])) * unit, b / down * unit, a / across * unit),
    )


def _ome(said: dict[str, str]) -> Axes:
    slices, times, channels = (int(said.get(f"Size{axis}", 1)) for axis in "ZTC")
    steps = []
    for axis in "ZYX":
        unit = MILLIMETRES.get(said.get(f"PhysicalSize{axis}Unit", "um"))
        if f"PhysicalSize{axis}" not in said or unit is None:
            return Axes(slices, times, channels)
        steps.append(float(said[f"PhysicalSize{axis}"]) * unit)
    z, y, x = steps
    return Axes(slices, times, channels, _spacing(z, y, x))


def _spacing(z: float, y: float, x: float) -> Triple:
    if not all(isfinite(step) and step > 0 for step in (z, y, x)):
        raise ValueError(f"voxels of {z} x {y} x {x} mm")
    return z, y, x
