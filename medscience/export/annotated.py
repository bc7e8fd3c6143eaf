"""A recording as a film for people: MP4, with the outline, number and displacement of each antinode."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import cos, pi, radians, sin
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from medscience.antinode import Ellipse
from medscience.export.film import PLAYED_PER_SECOND
from medscience.measure.notes import color_of
from medscience.store.files import replaced

CORNERS = 64
"""Of the polygon that stands for an ellipse."""


def write_annotated(
    frames: Iterable[tuple[float, NDArray[Any]]],
    ellipses: Mapping[int, Ellipse],
    places: Iterable[Mapping[int, float]],
    destination: Path,
) -> int:
    """Write frames with what was found in them, and return how many; the file is there whole or not at all.

    Parameters
    ----------
    frames : iterable
        Time in seconds and picture (Y, X) of each frame, 0 to 255.
    ellipses : dict
        Outline of each antinode, by its number.
    places : iterable of dict
        For each frame the displacement in rings of the antinodes that were found in it.
    destination : Path
        Ends in ``.mp4``; H.264, 25 frames a second.
    """
    count = 0
    with (
        replaced(destination) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=PLAYED_PER_SECOND)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "28"}
        stream.thread_count = 1
        for (time_s, pixels), found in zip(frames, places, strict=True):
            drawn = _drawn(pixels, time_s, ellipses, found)
            if not count:
                stream.height, stream.width = drawn.shape[:2]
            picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            picture.pts, picture.time_base = count, Fraction(1, PLAYED_PER_SECOND)
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode())
    return count


def _drawn(
    pixels: NDArray[Any], time_s: float, ellipses: Mapping[int, Ellipse], found: Mapping[int, float]
) -> NDArray[np.uint8]:
    """Return the frame in colour; its sides are even, as the codec needs them."""
    height, width = pixels.shape
    even = np.pad(pixels, ((0, height % 2), (0, width % 2)), mode="edge").astype(np.uint8)
    picture = Image.fromarray(even).convert("RGB")
    pen = ImageDraw.Draw(picture)
    size = max(height // 30, 10)
    font = ImageFont.load_default(size)
    for number, ellipse in ellipses.items():
        color = color_of(number)
        pen.line(_outline(ellipse), fill=color, width=2 if number in found else 1)
        label = f"{number}: {found[number]:+.1f}" if number in found else f"{number}"
        above = ellipse.y - ellipse.reach[0] - size
        at = (min(max(ellipse.x, 30), width - 30), min(max(above, 12), height - 12))
        pen.text(at, label, fill=color, font=font, anchor="mm", stroke_width=2, stroke_fill="black")
    pen.text((6, 4), f"{1e3 * time_s:.2f} ms", fill="white", font=font, stroke_width=2, stroke_fill="black")
    return np.asarray(picture)


def _outline(ellipse: Ellipse) -> list[tuple[float, float]]:
    """Return the corners of an ellipse; y runs down, the angle anticlockwise as seen."""
    turn = radians(ellipse.angle)
    points = []
    for corner in range(CORNERS + 1):
        along, across = (
            ellipse.a * cos(2 * pi * corner / CORNERS),
            ellipse.b * sin(2 * pi * corner / CORNERS),
        )
        points.append(
            (
                ellipse.x + along * cos(turn) - across * sin(turn),
                ellipse.y - along * sin(turn) - across * cos(turn),
            )
        )
    return points
