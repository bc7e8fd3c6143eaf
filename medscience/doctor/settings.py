"""The settings of a run, held against the machine."""

from pathlib import Path

from medscience.config.settings import read_cohort
from medscience.doctor.finding import Finding, State
from medscience.doctor.memory import gibibytes
from medscience.errors import MedscienceError
from medscience.inference.plan import parse_memory
from medscience.machine.cores import usable_cores
from medscience.machine.memory import usable_memory


def settings(file: Path, cores: int | None = None, memory: int | None = None) -> Finding:
    """Whether the settings and the sheet can be read, and ask for no more than there is."""
    try:
        cohort = read_cohort(file)
    except MedscienceError as fault:
        return Finding("settings", State.WARNING, f"{fault.code}: {fault.found}", fault.fix)
    asked = cohort.settings
    memory = usable_memory().total if memory is None else memory
    if parse_memory(asked.memory) > memory:
        found = f"{file} promises {asked.memory} to a step, of {gibibytes(memory)}"
        return Finding("settings", State.WARNING, found, f"set `memory: {memory * 3 // 4 >> 20}M`")
    if asked.threads > (cores := cores or usable_cores()):
        found = f"{file} gives {asked.threads} threads to a prediction, of {cores} cores"
        return Finding("settings", State.WARNING, found, f"set `threads: {cores}`")
    found = (
        f"{file}: {len(cohort.samples)} samples, {asked.memory} and {asked.threads} threads for a prediction"
    )
    return Finding("settings", State.OK, found)
