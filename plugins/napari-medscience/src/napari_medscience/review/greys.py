"""Windows of grey for computed tomography, in Hounsfield units."""

from dataclasses import dataclass

from medscience.image import Meaning


@dataclass(frozen=True, slots=True)
class Window:
    """What is shown between black and white."""

    name: str
    centre: float
    width: float

    @property
    def limits(self) -> tuple[float, float]:
        """What is black, and what is white.

        >>> Window("bone", 400, 1800).limits
        (-500.0, 1300.0)
        """
        return self.centre - self.width / 2, self.centre + self.width / 2


CT = (
    Window("soft tissue", 40, 400),
    Window("liver", 60, 160),
    Window("lung", -600, 1500),
    Window("bone", 400, 1800),
    Window("brain", 40, 80),
)
"""As radiologists set them; the first is shown unless another is chosen."""


def is_ct(meaning: Meaning) -> bool:
    """Whether numbers are in Hounsfield units, or as near as cone-beam scanners come."""
    return meaning.value_unit == "HU"
