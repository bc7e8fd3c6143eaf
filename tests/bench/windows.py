"""The published H-DenseUNet in windows that share their slices, against windows computed one by one."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from medscience.inference.windows import Windows
from medscience.models.converters.hdenseunet import description
from medscience.models.hdenseunet import PUBLISHED
from medscience.models.save import save_model
from medscience.models.zoo import build, fit_weights, load, load_tensors
from medscience.preprocess.normalize import normalization
from medscience.store.images import open_image
from tests.bench.rounds import peak, ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import WHOLE, Setting
from tests.models.nets import one_by_one, random_network
from tests.steps.test_liver import ct

EVERYTHING = (slice(None),) * 3
SHALLOW, DEEP = 24, 100
"""Slices."""

Found = dict[str, float]


def windows(setting: Setting) -> Iterator[Row]:
    """Compare time and answers; and what a prediction from store to store holds, deep or not."""
    side = 2 * min(setting.size, WHOLE)
    model = _model(setting.folder / "liver")
    images = {n: ct(setting.folder / f"ct-{n}.ome.zarr", (n, side, side)) for n in (SHALLOW, DEEP)}
    shared = {"image": images[SHALLOW], "model": model, "threads": setting.threads}
    answers = {name: setting.folder / f"{name}.npy" for name in ("together", "apart")}
    found = rounds(1, {name: partial(run, name, path, **shared) for name, path in answers.items()})
    what = f"H-DenseUNet, {side} x {side} x {SHALLOW}, float32"
    for name, runs in found.items():
        yield Row(f"{what}, windows {name}: time", seconds(runs), "s")
        yield Row(f"{what}, windows {name}: peak", peak(runs), "GiB")
    yield Row(f"{what}: against windows apart", ratio(found["apart"], found["together"]), "times faster", 2)
    one, other = (np.load(path) for path in answers.values())
    yield Row(f"{what}: largest difference", float(np.abs(one - other).max()), "of 1", at_most=1e-4)
    for depth, image in images.items():
        ours = run("stored", setting.fresh(), **shared | {"image": image}, precision="float32")
        yield Row(f"H-DenseUNet, {side} x {side} x {depth}, predict: peak", peak([ours]), "GiB", at_most=8)
        yield Row(f"H-DenseUNet, {side} x {side} x {depth}, predict: time", ours.seconds, "s")


def together(image: str, model: str, labels: str, threads: int) -> Found:
    """Our windows, in memory."""
    torch.set_num_threads(threads)
    values = _seen(image, model)
    _, network = load(Path(model))
    begun = time.perf_counter()
    with torch.inference_mode():
        found = Windows(network, torch.float32)(torch.from_numpy(values)[None, None])[0].exp()
    taken = time.perf_counter() - begun
    np.save(labels, found.numpy())
    return {"seconds": taken}


def apart(image: str, model: str, labels: str, threads: int) -> Found:
    """The network as PyTorch gives it, each window from the image alone."""
    torch.set_num_threads(threads)
    values = _seen(image, model)
    described, _ = load(Path(model))
    network = build(described.network).eval()
    weights = Path(model).with_name(described.weights.file)
    fit_weights(network, load_tensors(weights), weights)
    begun = time.perf_counter()
    with torch.inference_mode():
        found = one_by_one(network, values)
    taken = time.perf_counter() - begun
    np.save(labels, found.numpy())
    return {"seconds": taken}


def _seen(image: str, model: str) -> np.ndarray:
    """What the network sees of a stored image."""
    described, _ = load(Path(model))
    stored = open_image(Path(image)).image
    turned = stored.turned(stored.geometry.reorientation(described.input.axes))
    return normalization(turned, described.input.normalize)(turned.read(EVERYTHING))


def _model(folder: Path) -> Path:
    network = random_network(**PUBLISHED)
    tensors = {key: value.numpy() for key, value in network.state_dict().items()}
    return save_model(folder, description("liver", PUBLISHED, "SPL"), tensors)
