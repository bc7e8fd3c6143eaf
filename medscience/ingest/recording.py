"""What all series of frames have in common, be they a video, a folder of pictures or the pages of a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Recording
from medscience.config.yaml import read_yaml
from medscience.errors import InputError
from medscience.geometry import Geometry, Triple
from medscience.image import Meaning
from medscience.ingest.source import Repair

LARGEST_FRAME = 1 << 26
"""Pixels; a file whose header promises a larger one is refused before anything is decoded."""


def read_recording(path: Path, acquisition: Path | None, playback: str) -> Recording:
    """Return how a source was recorded.

    Parameters
    ----------
    path : Path
        The source, for errors.
    acquisition : Path, optional
        The acquisition file.
    playback : str
        What the source itself says of its frame rate.

    Raises
    ------
    InputError
        If there is no acquisition file: nothing else knows the frame rate.
    """
    if acquisition is None:
        raise InputError(
            "ACQUISITION-NEEDED",
            file=path,
            field="frame rate",
            found=playback,
            expected="an acquisition file with frame_rate_hz, the rate at which it was recorded",
            fix="give one: --acquisition FILE, or the column acquisition of the sample sheet",
        )
    return read_yaml(acquisition, Recording)


def check_frame_size(path: Path, height: int, width: int) -> None:
    """Refuse a frame without pixels, or with more than fit the budget."""
    if height < 1 or width < 1 or height * width > LARGEST_FRAME:
        raise InputError(
            "FRAME-SIZE",
            file=path,
            field="width and height",
            found=f"{width} x {height} pixels",
            expected=f"1 to {LARGEST_FRAME} pixels in a frame",
            fix="cut or shrink the frames; check the file",
        )


def check_count(path: Path, found: int, recording: Recording) -> None:
    """Refuse another number of frames than was recorded."""
    if recording.frames not in (None, found):
        raise InputError(
            "FRAME-COUNT",
            file=path,
            field="frames",
            found=f"{found}",
            expected=f"{recording.frames}, as the acquisition file says",
            fix="copy the source again, or correct the acquisition file",
        )


def meaning_of_frames(
    recording: Recording,
    shape: tuple[int, int],
    pixel: tuple[float, float] = (1.0, 1.0),
    skipped: tuple[tuple[int, int], ...] = (),
) -> Meaning:
    """Return what frames mean: a grid of their own, in millimetres if the size of a pixel is known.

    Parameters
    ----------
    recording : Recording
        The acquisition file's content.
    shape : tuple of int
        Height and width.
    pixel : tuple of float
        Relative size of a pixel along (y, x), as the source says it.
    skipped : tuple
        Where frames were lost.
    """
    size = recording.pixel_size_mm
    if size is not None:
        pixel = size if isinstance(size, tuple) else (size * pixel[0], size * pixel[1])
    spacing: Triple = (1.0, *pixel)
    return Meaning(
        Geometry.own((1, *shape), spacing),
        "tzyx",
        time_step=1 / recording.frame_rate_hz,
        space="pixels" if size is None else "own",
        skipped=skipped,
    )


def facts_of(recording: Recording, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what a store keeps of a recording: the acquisition file's schema holds no names or dates."""
    return facts | {"recording": recording.model_dump(mode="json", exclude_none=True)}


class FrameCheck:
    """Counts frames that a person should know of: without content, saturated, or the same as the one before.

    Parameters
    ----------
    full : float
        The largest number that a pixel can have.
    """

    def __init__(self, full: float) -> None:
        self.full = full
        self.found: dict[str, list[int]] = {"BLANK": [], "SATURATED": [], "FROZEN": []}
        self._last: NDArray[Any] | None = None
        self._seen = 0

    def look(self, frames: NDArray[Any]) -> None:
        """Look at the next frames (n, Y, X)."""
        flat = frames.reshape(len(frames), -1)
        blank = flat.min(axis=1) == flat.max(axis=1)
        saturated = (flat == self.full).mean(axis=1) >= 0.5
        before = flat if self._last is None else np.concatenate([self._last, flat])
        same = (before[1:] == before[:-1]).all(axis=1)
        frozen = np.concatenate([[False], same]) if self._last is None else same
        marks = {"BLANK": blank, "SATURATED": saturated & ~blank, "FROZEN": frozen & ~blank}
        for name, mark in marks.items():
            self.found[name] += (np.flatnonzero(mark) + self._seen).tolist()
        self._last, self._seen = flat[-1:].copy(), self._seen + len(frames)

    def repairs(self) -> list[Repair]:
        """Return what was found, one entry for each kind, with the number of the first frame."""
        words = {
            "BLANK": "in which every pixel is the same",
            "SATURATED": "in which half of the pixels or more are saturated",
            "FROZEN": "that are the same as the one before",
        }
        return [
            Repair(f"FRAME-{name}", "frames", f"{len(at)} {words[name]}, the first is {at[0]}", "kept")
            for name, at in self.found.items()
            if at
        ]
