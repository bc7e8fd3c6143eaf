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
    from medscience.report.standing import State, standings

    counts: Counter[State] = Counter()
    lines = []
    for standing in standings(read_cohort(config, warn=False), RESULTS):
        counts[standing.state] += 1
        lines.append(f"{standing.state.value:<8} {standing.sample:<16} {standing.words}".rstrip())
    lines.append(", ".join(f"{counts[state]} {state.value}" for state in State))
    typer.echo("\n".join(lines))
