# One run at a time in a folder. Snakemake's own lock, off in our profiles, stays behind when a run is killed and
# asks for --unlock; a lease tells the dead from the living.

import atexit
from contextlib import ExitStack
from pathlib import Path

from snakemake.exceptions import WorkflowError

from medscience.errors import StoreError
from medscience.store.lease import leased

HELD = ExitStack()
atexit.register(HELD.close)


def refuse_a_second_run(kind):
    """Hold results/KIND.lease until the process ends."""
    Path("results").mkdir(exist_ok=True)
    try:
        HELD.enter_context(leased(Path("results", kind)))
    except StoreError as busy:
        raise WorkflowError(
            f"RUN-ACTIVE {Path.cwd()}: run: found {busy.found}, expected no other run in this "
            "folder; wait for it or stop it, or work in a folder of its own"
        ) from None
