"""Model files and their weights."""

from pathlib import Path

from medscience.description import checked_beside
from medscience.doctor.finding import Finding, State
from medscience.errors import MedscienceError
from medscience.kinds import read_any_model


def models(folder: Path) -> Finding:
    """Whether every model file can be read and its weights are the ones that it names; nothing is run."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        fix = "go to the project's folder, or bring a model with `medscience models import`"
        return Finding("models", State.MISSING, f"none in {folder}", fix)
    faults = {file.stem: fault for file in files if (fault := _fault(file))}
    if faults:
        name, fault = next(iter(faults.items()))
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        return Finding("models", State.MISSING, f"{name}{more}: {fault.code}, found {fault.found}", fault.fix)
    return Finding("models", State.OK, ", ".join(file.stem for file in files))


def _fault(file: Path) -> MedscienceError | None:
    try:
        model = read_any_model(file)
        for part in (model.weights, model.known_answer):
            checked_beside(file, part.file, part.sha256)
    except MedscienceError as fault:
        return fault
    return None
