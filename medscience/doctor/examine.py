"""All checks, side by side; one that breaks becomes a line like the others."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from medscience.doctor.codecs import codecs
from medscience.doctor.command import Answer
from medscience.doctor.cores import cores, threads
from medscience.doctor.disk import temporary_folder, working_folder
from medscience.doctor.display import display, napari
from medscience.doctor.finding import Finding, State
from medscience.doctor.gpu import gpu
from medscience.doctor.memory import memory
from medscience.doctor.models import models
from medscience.doctor.packages import packages
from medscience.doctor.processor import processor
from medscience.doctor.settings import settings
from medscience.doctor.slurm import slurm
from medscience.doctor.text import text
from medscience.doctor.torch import Torch, ask_torch, torch
from medscience.doctor.workflow import snakemake

Check = Callable[[], Finding]


def examine(environment: Mapping[str, str], config: Path, model_folder: Path) -> Iterator[Finding]:
    """Yield what is found of the machine, thing by thing.

    Parameters
    ----------
    environment : mapping
        The variables of the process: PATH, DISPLAY and so on.
    config : Path
        The settings of a run.
    model_folder : Path
        The folder of model files.
    """
    with ThreadPoolExecutor() as pool:
        said = pool.submit(ask_torch, environment)
        checks = _checks(environment, config, model_folder, said)
        yield from pool.map(survive, checks.keys(), checks.values())


def _checks(
    environment: Mapping[str, str], config: Path, model_folder: Path, said: Future[Torch | Answer | None]
) -> dict[str, Check]:
    """Return every check by its name, in the order of the answer."""
    return {
        "Python": packages,
        "torch": lambda: torch(said.result()),
        "GPU": lambda: gpu(said.result(), environment),
        "processor": processor,
        "cores": cores,
        "threads": partial(threads, environment),
        "memory": memory,
        "working folder": partial(working_folder, Path.cwd()),
        "temporary files": partial(temporary_folder, Path(environment.get("TMPDIR") or "/tmp")),  # noqa: S108
        "codecs": codecs,
        "models": partial(models, model_folder),
        "settings": partial(settings, config),
        "Snakemake": partial(snakemake, environment),
        "Slurm": partial(slurm, environment),
        "display": partial(display, environment),
        "napari": napari,
        "text": text,
    }


def survive(name: str, check: Check) -> Finding:
    """Return what a check finds, or that it broke."""
    try:
        return check()
    except Exception as fault:  # noqa: BLE001 - a machine can be odd in ways that nobody thought of
        found = f"could not be looked at: {type(fault).__name__}: {fault}"
        return Finding(name, State.WARNING, found, "report it, with this line")
