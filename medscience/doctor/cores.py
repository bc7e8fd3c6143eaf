"""Processors, and settings that ask for more of them than there are."""

import os
from collections.abc import Mapping

from medscience.doctor.finding import Finding, State
from medscience.machine.cores import usable_cores

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables by which people set how many threads libraries start."""


def cores(usable: int | None = None) -> Finding:
    """How many processors may be used; all of them are by default."""
    usable, there = usable or usable_cores(), os.cpu_count() or 1
    why = "" if usable >= there else " (a scheduler, container or taskset holds the rest back)"
    return Finding("cores", State.OK, f"{usable} of {there}{why}")


def threads(environment: Mapping[str, str], usable: int | None = None) -> Finding:
    """Whether a variable asks for more threads than there are processors."""
    usable = usable or usable_cores()
    given = {name: environment[name] for name in THREADS if environment.get(name)}
    odd = {name: value for name, value in given.items() if not value.isdecimal() or int(value) > usable}
    if odd:
        found = ", ".join(f"{name}={value}" for name, value in odd.items())
        return Finding(
            "threads", State.WARNING, f"{found} with {usable} cores", f"run: unset {' '.join(odd)}"
        )
    found = ", ".join(f"{name}={value}" for name, value in given.items())
    return Finding(
        "threads", State.OK, found or "as many as there are cores, unless --threads says otherwise"
    )
