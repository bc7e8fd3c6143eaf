"""Snakemake, which runs the steps of a cohort."""

import sys
from collections.abc import Mapping
from pathlib import Path

from medscience.doctor.command import on_path
from medscience.doctor.finding import Finding, State
from medscience.doctor.packages import Installed, installed


def snakemake(
    environment: Mapping[str, str], installed: Installed = installed, python: Path = Path(sys.executable)
) -> Finding:
    """Whether there is a Snakemake, in this environment and within reach."""
    version = installed("snakemake")
    if version is None:
        return Finding("Snakemake", State.MISSING, "not installed", "run: make setup")
    here = python.with_name("snakemake")
    reached = on_path("snakemake", environment)
    if reached == str(here):
        return Finding("Snakemake", State.OK, version)
    there = f"{reached} comes first" if reached else "not on PATH"
    return Finding(
        "Snakemake", State.OK, f"{version}; {there}", f"call {here}, or run: . {here.with_name('activate')}"
    )
