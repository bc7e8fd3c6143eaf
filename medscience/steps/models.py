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


def join(
    name: Annotated[str, typer.Argument(help="of the new model")],
    models: Annotated[list[str], typer.Argument(help="two or more: names in config/models, or model files")],
    into: Annotated[Path, typer.Option(help="where model files lie")] = MODELS,
) -> None:
    """Join models of one recipe to one that answers as their mean, such as those of its folds."""
    from medscience.description import find_model
    from medscience.models.join import joined
    from medscience.models.save import save_model

    if len(models) < 2:
        raise typer.BadParameter("one model has nothing to be joined with")
    description, tensors = joined(name, [find_model(model) for model in models])
    log.info("wrote %s", save_model(into, description, tensors))


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


def hdenseunet(
    file: Annotated[Path, typer.Argument(help="weights of the hybrid network, HDF5 as Keras 2 writes it")],
    name: Annotated[str, typer.Option(help="the model's name here")],
    into: Annotated[Path, typer.Option(help="where model files lie")] = MODELS,
    parity: Annotated[
        bool, typer.Option("--parity", help="windows' outermost slices see themselves twice, as released")
    ] = False,
    skips: Annotated[
        bool, typer.Option("--skips", help="the branch on slices was trained with skips, as in the paper")
    ] = False,
    axes: Annotated[
        str, typer.Option(help="where slices, then the plane's x and y of the training data run")
    ] = "SLP",
) -> None:
    """Convert the H-DenseUNet that its authors publish."""
    from medscience.ingest.fence import decoding
    from medscience.models.converters.hdenseunet import UNUSED, description, from_keras, variables
    from medscience.models.converters.keras import read_keras
    from medscience.models.hdenseunet import PUBLISHED, HDenseUNet
    from medscience.models.save import save_model

    arguments = PUBLISHED | {"skips": skips, "edges": "duplicated" if parity else "neighbours"}
    network = HDenseUNet(**arguments)
    parts = [part for _, made_of in variables(network) for part in made_of]
    layers = {part.partition("/")[0] for part in (*parts, *UNUSED)}
    tensors = from_keras(file, read_keras(file, layers, decoding().call), network)
    log.info("wrote %s", save_model(into, description(name, arguments, axes), tensors))


def densenet161(
    file: Annotated[Path, typer.Argument(help="torchvision's densenet161 from ImageNet, as safetensors")],
    recipe: Annotated[str, typer.Argument(help="a name in config/recipes, or a model file")],
    destination: Annotated[Path, typer.Argument(help="NAME.safetensors, for `train --start`")],
    seed: Annotated[int, typer.Option(help="of the weights that ImageNet does not have")] = 0,
) -> None:
    """Write weights to start an H-DenseUNet's training from, with ImageNet's in its path down."""
    import torch

    from medscience.description import find_design, read_design
    from medscience.models.converters.torchvision import with_encoder
    from medscience.models.hdenseunet import HDenseUNet
    from medscience.models.zoo import build, load_tensors, write_tensors

    torch.manual_seed(seed)
    network = build(read_design(find_design(recipe)).network)
    if not isinstance(network, HDenseUNet):
        raise typer.BadParameter(f"{recipe} is no H-DenseUNet")
    tensors = with_encoder(file, load_tensors(file), network)
    write_tensors(destination, {key: value.numpy() for key, value in tensors.items()})
    log.info("wrote %s", destination)
