"""A plain 3D U-Net beside liver-small, with as much time on the same abdomens: ``make liver-unet``.

MONAI's, of about as many weights, with the same loss, optimiser, changes of patches, grid, thresholds and
clean-up; windows that overlap by half. Both answer the frozen test sets; printed is the paired difference
of tumour Dice (liver-small less U-Net) with its bootstrap interval.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet
from safetensors.torch import load_file, save_file
from torch import nn

from medscience.config.pairs import read_pairs
from medscience.description import read_model
from medscience.image import Image, Meaning
from medscience.inference.decide import Head, decide_between
from medscience.inference.frame import frame_of
from medscience.inference.link import Link
from medscience.measure.statistics import bootstrap
from medscience.postprocess.rules import KEEP
from medscience.preprocess.normalize import normalization
from medscience.recipe import Recipe
from medscience.training.checkpoint import Checkpoint, Validation, read_checkpoint, write_checkpoint
from medscience.training.chunks import Chunks
from medscience.training.examples import open_examples
from medscience.training.fit import Fit
from medscience.training.sampling import batches
from medscience.training.schedule import Schedule
from medscience.training.start import STARTS
from tests.accuracy.abdomens import FOLDER
from tests.accuracy.liver import SETS, answer, case, dice, say

MODEL = Path("config/models/liver-small.yaml")
SHEET = FOLDER / "sheet.tsv"
WEIGHTS = Path("results/unet.safetensors")
UNFINISHED = Path("results/unet-unfinished.safetensors")
"""What an interrupted training goes on from."""
PATCH = (16, 96, 96)
SAVED = 500
"""Steps after which an interruption costs nothing of what was learned before."""
TRIED = 100
"""Steps by which their number is foretold, after as many that warm up."""


def network() -> UNet:
    """Return the U-Net; its slices stay apart at first, as they are thicker than its pixels."""
    strides = [(1, 2, 2), 2, 2]
    return UNet(3, 1, 3, channels=(24, 48, 96, 192), strides=strides, num_res_units=1, norm="instance")


def recipe(steps: int) -> Recipe:
    """Return liver-small's recipe with a single stage, in which everything learns."""
    like = read_model(MODEL).training
    stage = {"sampling": "place-balanced", "patch": PATCH, "steps": steps, "learning_rate": 0.01}
    content = like.model_dump() | {"stages": [stage], "precision": "bfloat16"}
    content |= {"validate_every": steps, "save_every": SAVED}
    return Recipe.model_validate(content)


def fingerprint(steps: int) -> str:
    """Return the number of steps, and a digest of the recipe, the patches and the abdomens learned from."""
    learned_by = f"{PATCH}{recipe(steps).model_dump_json()}{SHEET.read_text()}"
    return f"{steps} {hashlib.sha256(learned_by.encode()).hexdigest()}"


def steps_of(state: Checkpoint) -> int:
    """Return how many steps a training has in all."""
    return int(state.fingerprint.split()[0])


def untrained(unet: nn.Module, steps: int) -> Checkpoint:
    """Return the start of a training of so many steps, which it remembers."""
    torch.manual_seed(recipe(steps).seed)
    unet.apply(STARTS["xavier"])
    start = {name: value.clone() for name, value in unet.state_dict().items()}
    return Checkpoint(0, fingerprint(steps), start, {})


def unfinished() -> Checkpoint:
    """Return what an interrupted training left; end where it learned otherwise than is asked now."""
    state = read_checkpoint(UNFINISHED)
    if state.fingerprint != fingerprint(steps_of(state)):
        sys.exit(f"{UNFINISHED} is of another recipe or other abdomens: delete it to train anew")
    return state


def learned(
    unet: nn.Module, state: Checkpoint, examples: list, save: Callable[[Checkpoint], None]
) -> Checkpoint:
    """Train to the last step, and return the last state."""
    steps = steps_of(state)
    how = recipe(steps)
    given = partial(batches, examples, how, rank=0, size=1)
    nothing = Validation(steps, 0, 0, 0)
    return Fit(Schedule(how, len(examples)), given, lambda _net, _step: nothing, save).run(unet, state)


def steps_within(seconds: float, unet: nn.Module, examples: list) -> int:
    """Return how many steps a training of so long has."""
    forget = partial(learned, unet, untrained(unet, TRIED), examples, lambda _state: None)
    forget()
    return round(seconds * TRIED / forget().seconds)


def train(seconds: float) -> None:
    """Train for so long, and keep the weights."""
    design = read_model(MODEL)
    found = unfinished() if UNFINISHED.exists() else None
    pairs = [pair for pair in read_pairs(SHEET) if pair.split == "train"]
    examples = list(open_examples(SHEET, pairs, design, Chunks(6 << 30), 0))
    unet = network()
    say(f"U-Net: {sum(weight.numel() for weight in unet.parameters())} weights")
    state = found or untrained(unet, steps_within(seconds, unet, examples))
    state = learned(unet, state, examples, partial(write_checkpoint, UNFINISHED))
    say(f"U-Net: {state.step} steps in {state.seconds:.0f} s")
    save_file({name: value.contiguous() for name, value in unet.state_dict().items()}, WEIGHTS)
    UNFINISHED.unlink()


@torch.inference_mode()
def found_by(unet: nn.Module, image: Image) -> np.ndarray:
    """Return the U-Net's labels of a scan on its own grid, shape (Z, Y, X)."""
    design = read_model(MODEL)
    frame = frame_of(image, design.input).image
    values = normalization(frame, design.input.normalize)(frame.read((slice(None),) * 3))
    seen = torch.from_numpy(np.ascontiguousarray(values))[None, None]
    logits = sliding_window_inference(seen, PATCH, 1, unet, overlap=0.5, mode="gaussian")
    same = nn.Conv3d(3, 3, 1)
    nn.init.dirac_(same.weight)
    nn.init.zeros_(same.bias)
    everything = tuple(slice(0, n) for n in image.shape)
    places = Link(image.geometry, frame.geometry).places(everything, tuple(slice(0, n) for n in frame.shape))
    head = Head(same, thresholds=design.output.thresholds)
    return KEEP[design.postprocess.keep](decide_between(logits, head, places, image.shape)).labels


def compare() -> None:
    """Print what both reach on the test sets, and their difference."""
    unet = network().eval()
    unet.load_state_dict(load_file(WEIGHTS))
    for name, seeds in SETS.items():
        livers, ours, theirs = [], [], []
        for seed in seeds:
            made = case(name, seed)
            found = found_by(unet, Image(made.image, Meaning(made.geometry)))
            livers.append(dice(found > 0, made.labels > 0))
            if (made.labels == 2).any():
                theirs.append(dice(found == 2, made.labels == 2))
                ours.append(dice(answer(made, str(MODEL)) == 2, made.labels == 2))
        say(f"{name}: U-Net's liver Dice: {bootstrap(livers)} of {len(livers)}")
        say(f"{name}: U-Net's tumour Dice: {bootstrap(theirs)}; liver-small's: {bootstrap(ours)}")
        difference = [one - other for one, other in zip(ours, theirs, strict=True)]
        say(f"{name}: paired difference of tumour Dice: {bootstrap(difference)} of {len(difference)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.unet")
    parser.add_argument("--minutes", type=float, default=65.0)
    parser.add_argument("--compare", action="store_true", help="only measure the weights that are there")
    options = parser.parse_args()
    if not options.compare:
        train(60 * options.minutes)
    compare()
