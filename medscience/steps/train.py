"""Make weights from simulated heads, or from a sheet of images and labels."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medscience.description import ModelFile, SimulatedHeads, Training
    from medscience.training.loop import Patch

log = logging.getLogger(__name__)


def train(
    model: Annotated[str, typer.Argument(help="a model whose network and recipe to use")],
    name: Annotated[str, typer.Option(help="name of the new model")],
    data: Annotated[
        Path | None,
        typer.Option(help="tab-separated: image, labels: stores; without it, the recipe's simulated heads"),
    ] = None,
    into: Annotated[Path, typer.Option(help="where to write it")] = Path("results/models"),
) -> None:
    """Train a network from the start, as its model file's recipe says."""
    from medscience.description import find_model, read_model
    from medscience.models.plain import as_convolutions
    from medscience.models.save import save_model
    from medscience.models.zoo import build
    from medscience.terminal.progress import shown
    from medscience.training.loop import train as run

    path = find_model(model)
    file = read_model(path)
    if file.training is None:
        raise _no_recipe(path, "nothing")
    if data:
        patches = _from_sheet(file, file.training, data)
    elif file.training.heads:
        patches = _simulated(file, file.training, file.training.heads)
    else:
        raise _no_recipe(path, "no simulated heads, and no --data")
    network = build(file.network)
    with shown(f"train {name}") as tell:
        losses = run(network, patches, file.training, tell)
    log.info("last loss %.4f", losses[-1])
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    description = file.model_dump(exclude={"weights", "known_answer", "accuracy"}) | {
        "name": name,
        "weights": file.weights.model_dump(include={"source", "trained_on"}),
    }
    convolutions = as_convolutions(tensors, file.network.arguments)
    log.info("wrote %s", save_model(into / name, description, tensors, convolutions))


def _no_recipe(path: Path, found: str) -> Exception:
    from medscience.errors import ModelError

    return ModelError(
        "TRAIN-RECIPE",
        file=path,
        field="training",
        found=found,
        expected="a recipe, and data for it",
        fix="name a model that says how it was trained, and give a sheet with --data if it names no heads",
    )


def _simulated(file: "ModelFile", recipe: "Training", heads: "SimulatedHeads") -> "Iterator[Patch]":
    """Return patches of simulated heads whose brightness is drawn anew each time."""
    from medscience.simulate.drawn import drawn_patches, tissue_map
    from medscience.terminal.progress import shown

    maps: list[NDArray[np.uint8]] = []
    with shown("simulate heads") as tell:
        for seed in range(heads.first_seed, heads.first_seed + heads.count):
            tell(len(maps), heads.count)
            maps.append(tissue_map(seed, file.input.axes))
    return drawn_patches(maps, recipe.patch, recipe.seed)


def _from_sheet(file: "ModelFile", recipe: "Training", data: Path) -> "Iterator[Patch]":
    """Return patches of the images and labels that a sheet names."""
    import csv

    import numpy as np

    from medscience.preprocess.normalize import normalization
    from medscience.store.images import open_image
    from medscience.training.loop import Case, patches

    cases = []
    for row in csv.DictReader(data.read_text("utf-8").splitlines(), delimiter="\t"):
        image, labels = (open_image(Path(row[name])).volume("training") for name in ("image", "labels"))
        change = image.geometry.reorientation(file.input.axes)
        values = normalization(image, file.input.normalize)(image.read((slice(None),) * 3))
        truth = labels.read((slice(None),) * 3)
        cases.append(Case(*(np.ascontiguousarray(change.apply(a)) for a in (values, truth))))
    return patches(cases, recipe.patch, recipe.seed)
