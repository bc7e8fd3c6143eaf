"""List, check and bring in models."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from medscience.description import MODELS, Normalize

log = logging.getLogger(__name__)


def list_models() -> None:
    """List the models in config/models."""
    from medscience.description import ModelFile
    from medscience.detector import DetectorFile
    from medscience.kinds import read_any_model

    for path in sorted(MODELS.glob("*.yaml")):
        model = read_any_model(path)
        gives = "antinodes" if isinstance(model, DetectorFile) else "an image"
        if isinstance(model, ModelFile):
            gives = f"{len(model.output.labels)} labels"
        typer.echo(f"{model.name}  {model.track}  {gives}  {model.license}  {model.description}")


def check(
    name: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
) -> None:
    """Check a model's digests, and that it still gives its known answer on this machine."""
    from medscience.description import find_model
    from medscience.models.known_answer import check_model

    path = find_model(name)
    log.info(
        "%s: as it was made; its known answer holds within %.1e of the range",
        path,
        check_model(path),
    )


def add(
    folder: Annotated[Path, typer.Argument(help="results/models/NAME, what a training wrote")],
    into: Annotated[Path, typer.Option(help="where model files lie")] = MODELS,
) -> None:
    """Copy a trained model to where models are looked up by name, after checking it."""
    from medscience.models.add import add_model

    log.info("wrote %s", add_model(folder, into))


def brainchop(
    folder: Annotated[Path, typer.Argument(help="holds model.json, its weights and colormap.json")],
    name: Annotated[str, typer.Option(help="the model's name here")],
    into: Annotated[Path, typer.Option(help="where model files lie")] = MODELS,
    normalize: Annotated[
        str | None,
        typer.Option(help="minmax, quantile-5-95 or quantile-2-98-clip; default: the model's comment"),
    ] = None,
) -> None:
    """Convert a MeshNet that brainchop publishes."""
    from typing import get_args

    from medscience.models.converters.brainchop import read_brainchop
    from medscience.models.save import save_model

    if normalize is not None and normalize not in get_args(Normalize):
        raise typer.BadParameter(f"--normalize {normalize} is none of {', '.join(get_args(Normalize))}")
    published = read_brainchop(folder)
    path = save_model(
        into, published.description(name, normalize), published.tensors(), published.convolutions
    )
    log.info("wrote %s", path)


def rstar(
    weights: Annotated[Path, typer.Argument(help="safetensors of the published module's state")],
    name: Annotated[str, typer.Option(help="the model's name here")],
    into: Annotated[Path, typer.Option(help="where model files lie")] = MODELS,
) -> None:
    """Convert weights of RSTAR4D-Net in their authors' form; a .pth file is never opened."""
    from medscience.models.converters.rstar import published, read_rstar
    from medscience.models.restoring import save_restoring_model

    tensors = read_rstar(weights)
    log.info("wrote %s", save_restoring_model(into, published(name), tensors))
