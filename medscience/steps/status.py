"""Say how far a run has come."""

from pathlib import Path
from typing import Annotated

import typer

from medscience.steps.report import RESULTS


def status(
    config: Annotated[Path, typer.Argument(help="the settings of the run")] = Path("config/config.yaml"),
) -> None:
    """Say of each sample whether it is done, running, waiting or failed, and why: during a run and after."""
    from collections import Counter

    from medscience.config.settings import read_cohort
    from medscience.report.advance import State, advances

    counts: Counter[State] = Counter()
    lines = []
    for advance in advances(read_cohort(config, warn=False), RESULTS):
        counts[advance.state] += 1
        lines.append(f"{advance.state.value:<8} {advance.sample:<16} {advance.words}".rstrip())
    lines.append(", ".join(f"{counts[state]} {state.value}" for state in State))
    typer.echo("\n".join(lines))
