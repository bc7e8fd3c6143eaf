"""What `tests.bench.training` compares: our training loop, and one written by hand on tensors in memory."""

import time
from pathlib import Path

import numpy as np
import torch
from torch.optim.lr_scheduler import OneCycleLR

from medscience.config.pairs import read_pairs
from medscience.description import read_design
from medscience.models.zoo import build
from medscience.training.checkpoint import Checkpoint, Validation
from medscience.training.chunks import Chunks
from medscience.training.examples import open_examples
from medscience.training.fit import Clock, Fit
from medscience.training.sampling import batches
from medscience.training.schedule import Schedule
from medscience.training.start import start_as_identity

WARM = 4
"""Steps before the clock starts: libraries choose their kernels, and chunks are decoded once."""
EVERYTHING = (slice(None),) * 3

Found = dict[str, float]


def learned(sheet: str, recipe: str, threads: int) -> Found:
    """Our loop, patches from stores; validation and checkpoints are left out."""
    torch.set_num_threads(threads)
    design = read_design(Path(recipe))
    examples = open_examples(sheet, read_pairs(Path(sheet)), design, Chunks(2 << 30), 0)
    network = _network(design)
    clock, stamps = Clock(), []

    def tell(step: int, _steps: int) -> None:
        stamps.append(time.perf_counter())
        if step == WARM:
            clock.waiting = clock.learning = 0.0

    fit = Fit(
        Schedule(design.training, len(examples)),
        lambda stages: batches(examples, design.training, stages),
        lambda _network, step: Validation(step, 0.0, 0.0, 0.0),
        lambda _state: None,
        tell=tell,
        clock=clock,
    )
    fit.run(network, Checkpoint(0, "", {k: v.clone() for k, v in network.state_dict().items()}, {}))
    steps = len(stamps) - 1 - WARM
    each = (stamps[-1] - stamps[WARM]) / steps
    return {"seconds": each, "data_share": clock.data_share}


def by_hand(sheet: str, recipe: str, threads: int) -> Found:
    """The same network, loss, optimiser and patches' size, as one would write it for tensors in memory."""
    torch.set_num_threads(threads)
    design = read_design(Path(recipe))
    how = design.training
    stage = how.stages[0]
    examples = open_examples(sheet, read_pairs(Path(sheet)), design, Chunks(0), 0)
    pairs = [
        (
            torch.from_numpy(e.normalize(e.seen.read(EVERYTHING))),
            torch.from_numpy(e.truth.read(EVERYTHING).astype(np.int64)),
        )
        for e in examples
    ]
    network = _network(design).to(memory_format=torch.channels_last_3d).train()
    optimiser = torch.optim.AdamW(network.parameters())
    cycle = OneCycleLR(optimiser, stage.learning_rate, stage.steps, cycle_momentum=False)
    weights = torch.tensor(how.loss.class_weights)
    random = np.random.default_rng(0)
    for step in range(stage.steps):
        if step == WARM:
            begun = time.perf_counter()
        images, labels = [], []
        for _ in range(stage.batch):
            image, truth = pairs[random.integers(len(pairs))]
            corner = [random.integers(n - p + 1) for n, p in zip(image.shape, stage.patch, strict=True)]
            region = tuple(slice(c, c + p) for c, p in zip(corner, stage.patch, strict=True))
            images.append(image[region])
            labels.append(truth[region])
        seen = torch.stack(images)[:, None].contiguous(memory_format=torch.channels_last_3d)
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=how.precision == "bfloat16"):
            logits = network(seen)
        torch.nn.functional.cross_entropy(logits.float(), torch.stack(labels), weights).backward()
        optimiser.step()
        cycle.step()
    return {"seconds": (time.perf_counter() - begun) / (stage.steps - WARM)}


def _network(design):
    torch.manual_seed(0)
    return build(design.network).apply(start_as_identity)
