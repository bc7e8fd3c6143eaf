"""Look at the machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from medscience.doctor.finding import Finding

CONFIG = Path("config/config.yaml")


def doctor(context: typer.Context) -> None:
    """Say what this machine has, what is missing and what to do about it: a line for each thing."""
    from medscience.description import MODELS
    from medscience.doctor.examine import examine

    environment: Mapping[str, str] = context.obj
    say(examine(environment, CONFIG, MODELS), "this machine")


def say(findings: "Iterable[Finding]", of: str) -> None:
    """Show findings, line by line.

    Raises
    ------
    SystemFaultError
        If something is missing; all of it is shown before.
    """
    from medscience.doctor.finding import State
    from medscience.errors import SystemFaultError

    missing = []
    for finding in findings:
        _show(finding)
        if finding.state is State.MISSING:
            missing.append(finding.name)
    if missing:
        raise SystemFaultError(
            "DOCTOR-MISSING",
            field=of,
            found=f"something wrong with {', '.join(missing)}",
            expected="all that is needed",
            fix="do as the lines above say",
        )


def _show(finding: "Finding") -> None:
    """One line; on a terminal coloured, and wrapped below itself where it is long."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from medscience.doctor.finding import State
    from medscience.errors import one_line

    words = one_line(finding.found + (f" -> {finding.fix}" if finding.fix else ""))
    if not sys.stdout.isatty():
        typer.echo(f"{finding.state.value:<8} {finding.name:<16} {words}")
        return
    colours = {State.OK: "green", State.ABSENT: "dim", State.WARNING: "yellow", State.MISSING: "bold red"}
    row = Table.grid(padding=(0, 1))
    for width in (8, 16, None):
        row.add_column(width=width)
    row.add_row(f"[{colours[finding.state]}]{finding.state.value}[/]", finding.name, Text(words))
    Console(highlight=False).print(row)
