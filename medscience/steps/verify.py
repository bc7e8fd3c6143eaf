"""Say what differs from what was committed."""

import logging
from pathlib import Path
from typing import Annotated

import typer

log = logging.getLogger(__name__)


def verify(
    paths: Annotated[list[Path], typer.Argument(help="stores, commits, tables, models or folders")],
) -> None:
    """Read every byte of stores, tables and models, and name each object that is not as it was written."""
    from medscience.errors import MedscienceError
    from medscience.store.verify import verify as faults_of
    from medscience.terminal.progress import shown

    faults: list[MedscienceError] = []
    for path in paths:
        with shown(f"verify {path}") as tell:
            faults += faults_of(path, tell)
    for fault in faults[:-1]:
        log.error("%s", fault)
    if faults:
        raise faults[-1]
    log.info("nothing differs")
