"""Make weights from a sheet of images and labels, or from simulated heads or frames."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medscience.description import Design, SimulatedHeads, Training
    from medscience.inference.gpu import Wish
    from medscience.recipe import Recipe

log = logging.getLogger(__name__)


def train(  # noqa: PLR0913, PLR0917 - the options of the command
    model: Annotated[str, typer.Argument(help="a recipe in config/recipes, a model, or the file of one")],
    name: Annotated[str, typer.Option(help="name of the new model")],
    data: Annotated[
        Path | None,
        typer.Option(help="training sheet; without it, the recipe's simulated heads"),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="weights to start from: a model, its file, or a safetensors file"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on from the checkpoint of a run that was interrupted")
    ] = False,
    fold: Annotated[int | None, typer.Option(min=1, help="the recipe's fold that validates")] = None,
    into: Annotated[Path, typer.Option(help="where to write the model's folder")] = Path("results/models"),
    memory: Annotated[str, typer.Option(help="most memory that a process may take")] = "8G",
    threads: Annotated[int | None, typer.Option(min=1, help="default: all processors")] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="cuda: a GPU; auto: one if it is there")
    ] = "auto",
) -> None:
    """Train a network as its recipe says; in many processes: `torchrun ... -m medscience train`."""
    import re

    import torch

    from medscience.config.sheet import NAME
    from medscience.config.yaml import parse_yaml
    from medscience.description import find_design, is_detector, read_design
    from medscience.inference.plan import parse_memory
    from medscience.machine.cores import usable_cores
    from medscience.recipe import Recipe
    from medscience.restoration import restores

    try:
        promised = parse_memory(memory)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    if not re.fullmatch(NAME, name):
        raise typer.BadParameter(f"--name {name!r} is not made of letters, digits, _ and -")
    torch.set_num_threads(threads or usable_cores())
    path = find_design(model)
    if is_detector(parse_yaml(path)):
        _from_frames(path, name, into, device, resume=resume)
        return
    if restores(path):
        if data is None:
            raise _no_recipe(path, "no sheet")
        _from_cases(path, name, into, (data, promised, device), resume=resume)
        return
    design = read_design(path)
    if data is not None and isinstance(design.training, Recipe):
        _from_sheet(design, design.training, name, into, (data, start, fold, promised), device, resume=resume)
    elif data is None and design.training and not isinstance(design.training, Recipe):
        _from_heads(design, design.training, name, into, device)
    else:
        found = "no sheet" if data is None else "no recipe for a sheet"
        raise _no_recipe(path, found if design.training else "nothing")


def _no_recipe(path: Path, found: str) -> Exception:
    from medscience.errors import ModelError

    return ModelError(
        "TRAIN-RECIPE",
        file=path,
        field="training",
        found=found,
        expected="a recipe, and data for it",
        fix="name one of config/recipes with --data SHEET, or a model whose recipe simulates its data",
    )


def _from_sheet(
    design: "Design",
    recipe: "Recipe",
    name: str,
    into: Path,
    given: "tuple[Path, str | None, int | None, int]",
    device: "Wish",
    *,
    resume: bool,
) -> None:
    """Train on a sheet; the first of the processes writes."""
    from contextlib import nullcontext
    from functools import partial

    from medscience.store.lease import leased
    from medscience.terminal.progress import shown
    from medscience.training.checkpoint import write_checkpoint
    from medscience.training.fit import Fit
    from medscience.training.job import prepare
    from medscience.training.product import judged, write_product
    from medscience.training.resume import CHECKPOINT, is_done, refuse_unfinished, state_to_begin_with
    from medscience.training.sampling import batches
    from medscience.training.validate import Judge
    from medscience.training.world import joined

    folder = into / name
    with joined(device) as world:
        into.mkdir(parents=True, exist_ok=True)
        with leased(folder) if world.leads else nullcontext():
            refuse_unfinished(folder, name, resume=resume)
            with shown("open data") as tell:
                job = prepare(design, recipe, *given, tell, world.gpu)
            if is_done(folder, name, job.start):
                return
            begin = state_to_begin_with(folder, job.start)
            validation = Judge(design, job.of("validation"), given[-1], world)
            with shown(f"train {name}") as tell:
                fit = Fit(
                    job.schedule,
                    partial(batches, job.of("train"), recipe, rank=world.rank, size=world.size),
                    partial(validation.validation, metric=recipe.best_by),
                    partial(write_checkpoint, folder / CHECKPOINT) if world.leads else _nothing,
                    world,
                    tell,
                )
                state = fit.run(job.network, begin)
            log.info("%.1f %% of the time was spent waiting for data", 100 * fit.clock.data_share)
            job.network.load_state_dict(dict(state.best))
            tests = Judge(design, job.of("test"), given[-1], world)
            held_back = {"validation": validation, "test": tests}
            results = [judged(job, judge, split) for split, judge in held_back.items() if judge.examples]
            if world.leads:
                log.info("wrote %s", write_product(folder, name, job, state, results))
                (folder / CHECKPOINT).unlink(missing_ok=True)


def _from_frames(path: Path, name: str, into: Path, device: "Wish", *, resume: bool) -> None:
    """Train a detector on frames that are simulated as they are needed."""
    from functools import partial

    from medscience.detector import read_detector_design
    from medscience.inference.gpu import find_gpu
    from medscience.store.lease import leased
    from medscience.terminal.progress import shown
    from medscience.training.checkpoint import write_checkpoint
    from medscience.training.detector import prepare_detector, write_detector
    from medscience.training.resume import CHECKPOINT, is_done, refuse_unfinished, state_to_begin_with

    folder = into / name
    into.mkdir(parents=True, exist_ok=True)
    with leased(folder):
        refuse_unfinished(folder, name, resume=resume)
        job = prepare_detector(read_detector_design(path), find_gpu(device))
        if is_done(folder, name, job.start):
            return
        begin = state_to_begin_with(folder, job.start)
        with shown(f"train {name}") as tell:
            state = job.fit(partial(write_checkpoint, folder / CHECKPOINT), tell).run(job.network, begin)
        log.info("wrote %s", write_detector(folder, name, job, state))
        (folder / CHECKPOINT).unlink(missing_ok=True)


def _from_cases(path: Path, name: str, into: Path, given: "tuple[Path, int, Wish]", *, resume: bool) -> None:
    """Train a network that restores phases."""
    from functools import partial

    from medscience.inference.gpu import find_gpu
    from medscience.restoration import read_restoring_design
    from medscience.store.lease import leased
    from medscience.terminal.progress import shown
    from medscience.training.checkpoint import write_checkpoint
    from medscience.training.restorer import prepare_restorer, reached, write_restorer
    from medscience.training.resume import CHECKPOINT, is_done, refuse_unfinished, state_to_begin_with

    folder = into / name
    into.mkdir(parents=True, exist_ok=True)
    sheet, memory, device = given
    with leased(folder):
        refuse_unfinished(folder, name, resume=resume)
        job = prepare_restorer(*read_restoring_design(path), sheet, memory, find_gpu(device))
        if is_done(folder, name, job.start):
            return
        begin = state_to_begin_with(folder, job.start)
        folder.mkdir(parents=True, exist_ok=True)
        with shown(f"train {name}") as tell:
            network, state = job.learn(begin, partial(write_checkpoint, folder / CHECKPOINT), tell)
        results = reached(job, network, job.of("validation", "test"))
        log.info("wrote %s", write_restorer(folder, name, job, state, results))
        (folder / CHECKPOINT).unlink(missing_ok=True)


def _nothing(_state: object) -> None:
    pass


def _from_heads(design: "Design", recipe: "Training", name: str, into: Path, device: "Wish") -> None:
    """Train on simulated heads, from the start."""
    from medscience.inference.gpu import find_gpu
    from medscience.models.save import save_model
    from medscience.models.zoo import build
    from medscience.simulate.drawn import drawn_patches
    from medscience.terminal.progress import shown
    from medscience.training.loop import train as run
    from medscience.training.place import copied, place_for

    if recipe.heads is None:
        raise _no_recipe(Path(name), "no simulated heads")
    maps = _tissue_maps(design, recipe.heads)
    network, place = build(design.network), place_for(find_gpu(device))
    for number, cycle in enumerate(recipe.cycles):
        patches = drawn_patches(maps, cycle.patch, cycle.seed)
        with shown(f"train {name}") as tell:
            losses = run(network, patches, cycle, tell, goes_on=number > 0, place=place)
        log.info("last loss %.4f", losses[-1])
    tensors = {key: copied(value).numpy() for key, value in network.state_dict().items()}
    weights = design.model_dump(include={"weights"}).get("weights", {})
    description = design.model_dump(exclude={"weights", "known_answer", "accuracy"}) | {
        "name": name,
        "weights": {key: weights.get(key, "") for key in ("source", "trained_on")},
    }
    log.info("wrote %s", save_model(into / name, description, tensors))


def _tissue_maps(design: "Design", heads: "SimulatedHeads") -> "list[NDArray[np.uint8]]":
    from medscience.simulate.drawn import tissue_map
    from medscience.terminal.progress import shown

    maps: list[NDArray[np.uint8]] = []
    with shown("simulate heads") as tell:
        for seed in range(heads.first_seed, heads.first_seed + heads.count):
            tell(len(maps), heads.count)
            maps.append(tissue_map(seed, design.input.axes))
    return maps
