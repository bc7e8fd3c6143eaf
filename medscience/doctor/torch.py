"""torch, which is what networks run on."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from medscience.doctor.command import Answer, ask
from medscience.doctor.finding import Finding, State

PATIENCE = 4.0
"""Seconds that importing torch may take."""


@dataclass(frozen=True, slots=True)
class Torch:
    """What torch says of itself and of the GPUs that it can use."""

    version: str
    cuda: str | None
    """The CUDA that it was built for."""
    gpus: tuple[tuple[str, int], ...]
    """Name and bytes of memory of each."""


def ask_torch(environment: Mapping[str, str]) -> Torch | Answer | None:
    """Return what torch says; its complaint if it cannot be imported, None if it takes too long."""
    answer = ask([sys.executable, "-P", "-m", "medscience.doctor.probe"], environment, PATIENCE)
    if answer is None or answer.code:
        return answer
    said = json.loads(answer.said.splitlines()[-1])
    return Torch(said["version"], said["cuda"], tuple((name, size) for name, size in said["gpus"]))


def torch(said: Torch | Answer | None) -> Finding:
    """Whether torch can be imported."""
    match said:
        case None:
            found = f"not imported within {PATIENCE:.0f} s"
            return Finding(
                "torch", State.WARNING, found, "run again; if it stays slow, put .venv on a local disk"
            )
        case Answer():
            found = f"cannot be imported: {said.complaint[-1]}"
            return Finding("torch", State.MISSING, found, "run: rm -r .venv && make setup")
    return Finding(
        "torch", State.OK, f"{said.version}, built for {f'CUDA {said.cuda}' if said.cuda else 'processors'}"
    )
