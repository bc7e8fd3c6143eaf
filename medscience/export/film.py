"""Grey frames as a lossless film: Matroska with FFV1, each slice with its checksum."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from medscience.store.files import replaced

PLAYED_PER_SECOND = 25
"""What players show; the rate of the recording is in the acquisition file, as with high-speed cameras."""


def write_film(frames: Iterable[tuple[int, NDArray[np.uint8]]], destination: Path) -> int:
    """Write numbered frames (Y, X), and return how many; the file is there whole or not at all.

    Parameters
    ----------
    frames : iterable
        Numbers that rise, and pictures; numbers that are left out become gaps in the timestamps.
    destination : Path
        Ends in ``.mkv``.
    """
    count = 0
    with (
        replaced(destination) as temporary,
        av.open(str(temporary), "w", format="matroska", options={"fflags": "bitexact"}) as container,
    ):
        stream = container.add_stream("ffv1", rate=PLAYED_PER_SECOND)
        stream.pix_fmt = "gray"
        stream.options = {"level": "3", "slicecrc": "1", "flags": "bitexact"}
        stream.thread_count = 1
        for number, pixels in frames:
            if not count:
                stream.height, stream.width = pixels.shape
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="gray")
            picture.pts, picture.time_base = number, Fraction(1, PLAYED_PER_SECOND)
            container.mux(stream.encode(picture))
            count += 1
        container.mux(stream.encode())
    return count
