"""Make weights from a sheet of images and labels."""

import logging
from pathlib import Path
from typing import Annotated

import typer

log = logging.getLogger(__name__)


def train(
    model: Annotated[str, typer.Argument(help="a model whose network and recipe to use")],
    data: Annotated[Path, typer.Option(help="tab-separated: image and labels, one pair of stores a row")],
    name: Annotated[str, typer.Option(help="name of the new model")],
    into: Annotated[Path, typer.Option(help="where to write it")] = Path("results/models"),
) -> None:
    """Train a network from the start, as its model file's recipe says."""
    import csv

    import numpy as np

    from medscience.description import find_model, read_model
    from medscience.errors import ModelError
    from medscience.models.plain import as_convolutions
    from medscience.models.save import save_model
    from medscience.models.zoo import build
    from medscience.preprocess.normalize import normalization
    from medscience.store.images import open_image
    from medscience.training.loop import Case
    from medscience.training.loop import train as run

    path = find_model(model)
    recipe = read_model(path)
    if recipe.training is None:
        raise ModelError(
            "TRAIN-RECIPE",
            file=path,
            field="training",
            found="nothing",
            expected="a recipe",
            fix="name a model that says how it was trained",
        )
    cases = []
    for row in csv.DictReader(data.read_text("utf-8").splitlines(), delimiter="\t"):
        image, labels = open_image(Path(row["image"])).image, open_image(Path(row["labels"])).image
        change = image.geometry.reorientation(recipe.input.axes)
        values = normalization(image, recipe.input.normalize)(image.read((slice(None),) * 3))
        truth = labels.read((slice(None),) * 3)
        cases.append(Case(*(np.ascontiguousarray(change.apply(a)) for a in (values, truth))))
    network = build(recipe.network)
    losses = run(network, cases, recipe.training)
    log.info("last loss %.4f", losses[-1])
    tensors = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    description = recipe.model_dump(exclude={"weights", "known_answer", "accuracy"}) | {
        "name": name,
        "weights": recipe.weights.model_dump(include={"source", "trained_on"}),
    }
    convolutions = as_convolutions(tensors, recipe.network.arguments)
    log.info("wrote %s", save_model(into / name, description, tensors, convolutions))
