"""A row of the bench's table: a number, and what is asked of it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

HEADER = "| what | reached | unit | asked | ok |\n| --- | --- | --- | --- | --- |"


@dataclass(frozen=True, slots=True)
class Row:
    """One number."""

    name: str
    reached: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def asked(self) -> str:
        """What is asked, in words; empty where the number is only good to know."""
        least = [] if self.at_least is None else [f">= {self.at_least:g}"]
        most = [] if self.at_most is None else [f"<= {self.at_most:g}"]
        return ", ".join(least + most)

    @property
    def ok(self) -> bool | None:
        """Whether it is reached; None where nothing is asked."""
        if not self.asked:
            return None
        least = self.at_least is None or self.reached >= self.at_least
        return least and (self.at_most is None or self.reached <= self.at_most)

    @property
    def line(self) -> str:
        """The row of the table.

        >>> Row("two workers", 1.9, "times faster", at_least=1.8).line
        '| two workers | 1.9 | times faster | >= 1.8 | yes |'
        """
        verdict = {True: "yes", False: "no", None: ""}[self.ok]
        reached = f"{self.reached:.6g}" if self.unit == "Dice" else f"{self.reached:.4g}"
        return f"| {self.name} | {reached} | {self.unit} | {self.asked} | {verdict} |"

    def record(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        return asdict(self) | {"asked": self.asked, "ok": self.ok}


def table(rows: Iterable[Row]) -> str:
    """Return the whole table, in Markdown."""
    return "\n".join([HEADER, *(row.line for row in rows)]) + "\n"
