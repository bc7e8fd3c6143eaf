"""Bringing a trained model to where models are looked up by name."""

from pathlib import Path

from medscience.errors import ModelError
from medscience.kinds import read_any_model
from medscience.models.known_answer import check_model
from medscience.store.files import replaced


def add_model(folder: Path, into: Path) -> Path:
    """Copy a model's files, the model file last, and return its new path.

    Parameters
    ----------
    folder : Path
        Holds ``NAME.yaml`` under the folder's own name, as ``results/models/NAME`` does.
    into : Path
        Such as ``config/models``.

    Raises
    ------
    ModelError
        If there is no model, a file of it is not the one that it names, its known answer does not hold, or a
        model of that name is there already.
    """
    path = folder / f"{folder.resolve().name}.yaml"
    if not path.is_file():
        raise ModelError(
            "MODEL-MISSING",
            file=path,
            field="model file",
            found="no such file",
            expected="a folder that `medscience train` has finished",
            fix="name results/models/NAME, or finish its training with --resume",
        )
    check_model(path)
    model, target = read_any_model(path), into / path.name
    if target.exists() and target.read_bytes() != path.read_bytes():
        raise ModelError(
            "MODEL-EXISTS",
            file=target,
            field="name",
            found="another model of that name",
            expected="a new name: every table says which model made it",
            fix="train it under another name, or delete the other",
        )
    for name in (model.known_answer.file, model.weights.file, path.name):
        with replaced(into / name) as temporary:
            temporary.write_bytes((folder / name).read_bytes())
    return target
