"""What was found of one thing."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Whether something is as the workbench needs it."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and only needed by those who want it."""
    WARNING = "warning"
    """Work goes on, but slower, or not for long."""
    MISSING = "missing"
    """Needed, and not there or broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's answer."""

    name: str
    state: State
    found: str
    fix: str = ""
    """What to do, where there is something to do."""
