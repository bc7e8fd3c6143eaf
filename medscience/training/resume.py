"""Where a training begins: at the start, or where it was interrupted."""

import logging
from pathlib import Path

from medscience.errors import ConfigError, ModelError, StoreError
from medscience.training.checkpoint import Checkpoint, read_checkpoint
from medscience.training.made import fingerprint_of

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"


def is_done(folder: Path, name: str, start: Checkpoint) -> bool:
    """Whether this very training's model is there already.

    Raises
    ------
    ModelError
        If another model is there: every table says by name which model made it.
    """
    path = folder / f"{name}.yaml"
    if not path.exists():
        return False
    if fingerprint_of(folder) != start.fingerprint:
        raise ModelError(
            "MODEL-EXISTS",
            file=path,
            field="name",
            found="a model of other data, recipe or start",
            expected="a new name: every table says which model made it",
            fix="choose another name, or delete the model",
        )
    log.info("%s is there already, of the same data, recipe and start", path)
    return True


def refuse_unfinished(folder: Path, name: str, *, resume: bool) -> None:
    """Refuse, before any data is opened, to begin beside a checkpoint that nobody said what to do with.

    Raises
    ------
    StoreError
        If the checkpoint of an interrupted training is there, its model is not, and it is not to be gone on
        from.
    """
    path = folder / CHECKPOINT
    if path.exists() and not resume and not (folder / f"{name}.yaml").exists():
        raise StoreError(
            "TRAIN-UNFINISHED",
            file=path,
            field="checkpoint",
            found="a training that was interrupted",
            expected="nothing, or --resume",
            fix="add --resume to go on, or delete the checkpoint",
        )


def state_to_begin_with(folder: Path, start: Checkpoint) -> Checkpoint:
    """Return the checkpoint if there is one, else the start.

    Raises
    ------
    StoreError
        If the checkpoint is damaged.
    ConfigError
        If it is of other data, another recipe or another start.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return start
    state = read_checkpoint(path)
    if state.fingerprint != start.fingerprint:
        raise ConfigError(
            "TRAIN-OTHER",
            file=path,
            field="fingerprint",
            found="a checkpoint of other data, another recipe or another start",
            expected="the training that was interrupted",
            fix="undo the change, or delete the checkpoint to begin afresh",
        )
    log.info("going on after step %d", state.step)
    return state
