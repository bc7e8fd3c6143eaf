"""Asking another program, for no longer than a person waits."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    code: int
    said: str
    complaint: tuple[str, ...]
    """The lines of its stderr, or of what it said if there is none; at least one."""


def ask(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> Answer | None:
    """Run a program and return its answer; None if it does not answer in time."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed names of programs; no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
    lines = (found.stderr.strip() or found.stdout.strip() or "no word").splitlines()
    return Answer(found.returncode, found.stdout.strip(), tuple(lines))


def on_path(program: str, environment: Mapping[str, str]) -> str | None:
    """Return where a program lies, or None."""
    return shutil.which(program, path=environment.get("PATH", ""))
