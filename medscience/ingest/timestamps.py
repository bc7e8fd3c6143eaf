"""What the timestamps of a video say: not when its frames were taken, but whether some are missing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Recording
from medscience.errors import InputError
from medscience.ingest.film import UNSAID
from medscience.ingest.source import Repair

COARSE = 3.0
"""Ticks that a frame must last for its timestamps to show a missing one, unless it lasts whole ticks."""
ROUNDED = 1e-3
"""How far from a whole number of ticks is still one."""
AGREE = 0.05
"""Part by which a video's rate may differ from the usual distance of its frames."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How frames follow each other."""

    skipped: tuple[tuple[int, int], ...]
    """Pairs of a frame's number and how many are missing before it."""
    repairs: tuple[Repair, ...]

    @property
    def missing(self) -> int:
        """How many frames are missing in all."""
        return sum(count for _, count in self.skipped)


def steps_of(path: Path, times: NDArray[np.int64], told: dict[str, Any], *, keep: bool) -> Steps:
    """Return how frames follow each other.

    Parameters
    ----------
    path : Path
        The video, for errors.
    times : ndarray of int, shape (n,)
        When each frame is shown, in ticks, in order.
    told : dict
        What the video says of itself: `tick` in seconds, `rate` in frames a second or None.
    keep : bool
        Whether frames may be missing.

    Raises
    ------
    InputError
        If frames are missing that may not, have no time, or follow each other unevenly.
    """
    if (times == UNSAID).any():
        raise _refused(path, "frames without a time", "a time for each frame")
    apart = np.diff(times)
    if len(apart) == 0:
        return Steps((), ())
    usual = float(np.median(apart))
    said = 1 / (told["rate"] * told["tick"]) if told["rate"] else usual
    step = said if abs(said - usual) <= max(1.0, AGREE * usual) else usual
    if step < COARSE and abs(step - round(step)) > ROUNDED:
        note = Repair("VIDEO-COARSE-TIMES", "timestamps", f"{step:.3g} ticks a frame", "show no lost frames")
        return Steps((), (note,))
    if (apart < 0.5 * step).any():
        at = int(np.argmax(apart < 0.5 * step))
        raise _refused(
            path,
            f"frames {at} and {at + 1}, {apart[at] / step:.2f} of a frame's time apart",
            "frames at even distances",
        )
    gaps = np.flatnonzero(apart > 1.5 * step)
    missing = np.maximum(np.rint(apart[gaps] / step).astype(int) - 1, 1)
    skipped = tuple(zip((gaps + 1).tolist(), missing.tolist(), strict=True))
    if not skipped:
        return Steps((), ())
    found = f"{missing.sum()} frames missing in {len(gaps)} places, the first after frame {gaps[0]}"
    if not keep:
        raise _refused(path, found, "frames at even distances", "VIDEO-GAP")
    return Steps(skipped, (Repair("VIDEO-GAP", "timestamps", found, "the others keep their times"),))


def check_length(
    path: Path, times: NDArray[np.int64], told: dict[str, Any], steps: Steps, recording: Recording
) -> None:
    """Refuse a video that holds less than its header promises, or whose header promises nothing.

    Parameters
    ----------
    path : Path
        The video, for errors.
    times : ndarray of int, shape (n, 3)
        When each frame is shown, and for how long, in ticks.
    told : dict
        What the video says of itself: `frames`, and `seconds` if it knows; and how many were `cut out`.
    steps : Steps
        How the frames follow each other.
    recording : Recording
        What the acquisition file says; it may know the number.

    Raises
    ------
    InputError
        If frames are missing, or nothing tells how many there should be.
    """
    count = len(times) + told["cut out"]
    if recording.frames is not None:
        return  # it is compared with that number
    if told["frames"]:
        if told["frames"] not in (count, count + steps.missing):
            raise _cut(path, f"{count} frames", f"{told['frames']}, as its header says")
        return
    if told["seconds"] is None:
        raise InputError(
            "VIDEO-LENGTH",
            file=path,
            field="number of frames",
            found=f"{count}, and a header that says neither their number nor how long they last",
            expected="a video that is known to be whole",
            fix="say how many were recorded with frames: in the acquisition file",
        )
    usual = float(np.median(np.diff(times[:, 0]))) if count > 1 else 0.0
    last = usual if times[-1, 1] == UNSAID else float(times[-1, 1])
    seconds = (times[-1, 0] - times[0, 0] + last) * told["tick"]
    if seconds < told["seconds"] - 0.75 * max(usual, last) * told["tick"]:
        raise _cut(path, f"{count} frames in {seconds:.3f} s", f"{told['seconds']:.3f} s, as its header says")


def _cut(path: Path, found: str, expected: str) -> InputError:
    return InputError(
        "VIDEO-CUT", file=path, field="length", found=found, expected=expected, fix="copy the video again"
    )


def _refused(path: Path, found: str, expected: str, code: str = "VIDEO-TIMES") -> InputError:
    return InputError(
        code,
        file=path,
        field="timestamps",
        found=found,
        expected=expected,
        fix="export the video again with all its frames, or set dropped_frames: keep in the acquisition file",
    )
