"""What a user says where a source leaves a question open: nothing of it is guessed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from medscience.errors import ConfigError

Tilt = Literal["refuse", "keep", "resample"]
Gap = Literal["refuse", "resample"]


class Accepted(StrEnum):
    """What may be taken as it is."""

    SINGLE_SLICE = "single-slice"
    NO_RESCALE = "no-rescale"
    MISSING_SLICES = "missing-slices"


@dataclass(frozen=True, slots=True)
class Choices:
    """Answers to what readers ask; the defaults refuse."""

    series: str | None = None
    """Which series of a folder: its number, or the end of its UID."""
    volume: int | None = None
    """Which volume of a series that holds several on the same positions, from 1."""
    on_tilt: Tilt = "refuse"
    """Slices that lean: keep the leaning grid, or resample to right angles."""
    on_gap: Gap = "refuse"
    """Slices at uneven distances: resample to an even one."""
    accept: tuple[str, ...] = ()
    """What to take as it is: a single slice, a CT without rescale, fewer slices than were acquired."""

    @property
    def made(self) -> dict[str, Any]:
        """What was answered, by name: a series only by what it leads to, since its UID may name a person."""
        answers: dict[str, Any] = {"volume": self.volume, "on_tilt": self.on_tilt, "on_gap": self.on_gap}
        if self.accept:
            answers["accept"] = [str(name) for name in self.accept]
        return {name: answer for name, answer in answers.items() if answer not in (None, "refuse")}

    def check_for_labels(self) -> None:
        """Refuse to interpolate labels.

        Raises
        ------
        ConfigError
            If something is to be resampled.
        """
        if "resample" in (self.on_tilt, self.on_gap):
            raise ConfigError(
                "INGEST-LABELS",
                field="--on-tilt, --on-gap",
                found="resample",
                expected="labels as they are: between two labels lies no third",
                fix="leave out the option",
            )
