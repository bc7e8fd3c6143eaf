"""Pictures that are frames of a series: what their headers say, and what is to be made of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.ingest.orientation import turn_of_exif, turned_sizes
from medscience.ingest.recording import FrameCheck
from medscience.ingest.source import Repair


@dataclass(frozen=True, slots=True)
class Picture:
    """What the header of a picture says."""

    height: int
    width: int
    bits: int
    """Of one number of a pixel."""
    form: str
    """What the numbers of a pixel are, such as ``grey`` or ``RGB``."""
    orientation: int = 1
    """How it is to be turned, by EXIF's number."""
    kind: str = "u"
    """NumPy's letter for the numbers: unsigned, signed or float."""
    dark_high: bool = False
    """Whether the largest number is black."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers that it becomes."""
        return np.dtype(f"{self.kind}{max(1 << (self.bits - 1).bit_length(), 8) // 8}")

    @property
    def full(self) -> float:
        """The largest number that a pixel can have."""
        if self.kind == "f":
            return np.inf
        bits = max(self.bits, 8) - (self.kind == "i")
        return float((1 << bits) - 1)

    def __str__(self) -> str:
        turned = f", orientation {self.orientation}" if self.orientation > 1 else ""
        dark = ", black is high" if self.dark_high else ""
        numbers = {"u": "", "i": " signed", "f": " float"}[self.kind]
        return f"{self.width} x {self.height}, {self.bits} bits{numbers}, {self.form}{turned}{dark}"


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures of one form become frames of one number a pixel, upright and with black low."""

    picture: Picture
    luminance: bool
    """Whether colours become their luminance."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return turned_sizes(turn_of_exif(self.picture.orientation), (self.picture.height, self.picture.width))

    def check(self) -> FrameCheck:
        """Return a counter of frames that a person should know of."""
        return FrameCheck(self.picture.full)

    def checked(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return what was decoded, if it is what the header promised.

        Raises
        ------
        InputError
            If it is not, or not finite.
        """
        meant = (self.picture.height, self.picture.width), self.picture.dtype
        if (frame.shape, frame.dtype.newbyteorder("=")) != meant:
            raise _wrong(f"{frame.dtype} {frame.shape}", f"{meant[1]} {meant[0]}, as its header says")
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            raise _wrong("NaN or infinity", "finite numbers")
        return frame

    def finished(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Return decoded frames (n, Y, X) as they are to be looked at."""
        if self.picture.dark_high:
            frames = np.asarray(self.picture.full - frames, self.picture.dtype)
        turn = turn_of_exif(self.picture.orientation)
        return turn.apply(frames) if turn else frames

    def repairs(self) -> list[Repair]:
        """Return what a reader of the frames should know of how they were stored."""
        picture, found = self.picture, []
        if turn_of_exif(picture.orientation):
            found.append(Repair("FRAME-ROTATION", "orientation", f"{picture.orientation}", "turned upright"))
        if picture.form != "grey":
            rule = "luminance" if self.luminance else "checked to be grey"
            found.append(Repair("FRAME-GREY", "pixels", picture.form, f"one number a pixel, {rule}"))
        if picture.bits < 8 and picture.form == "grey":
            after = f"8: {(1 << picture.bits) - 1} becomes 255"
            found.append(Repair("FRAME-DEPTH", "bits", f"{picture.bits}", after))
        if picture.dark_high:
            found.append(Repair("FRAME-INVERTED", "photometric interpretation", "0 is white", "0 is black"))
        return found


def _wrong(found: str, expected: str) -> InputError:
    return InputError(
        "FRAME-DECODED",
        field="pixels",
        found=found,
        expected=expected,
        fix="save the frame anew",
    )
