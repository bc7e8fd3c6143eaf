"""The network that restores phases, against the module as PyTorch gives it: time, memory, agreement."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.models.restoring import save_restoring_model
from medscience.models.rstar4d import RSTAR4D
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from tests.bench.rounds import peak, ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import WHOLE, Setting
from tests.steps.test_restore import SCALE

COMPARED = (10, 48, 192, 192)
LARGE = (10, 96, 256, 256)
MEMORY = "8G"


def phases(setting: Setting) -> Iterator[Row]:
    """Compare both on an image that the module can hold, then measure ours on a whole one."""
    model = _model(setting.folder / "restoring")
    shapes = [tuple(max(n * setting.size // WHOLE // 8 * 8, 8) for n in s[1:]) for s in (COMPARED, LARGE)]
    compared, large = (_drawn(setting, (10, *shape)) for shape in shapes)
    answer = setting.folder / "restored.npy"
    common = {"image": compared, "model": model, "threads": setting.threads}
    sides = {"plain": partial(run, "module", answer, **common)}
    for precision in ("float32", "bfloat16"):
        sides[precision] = partial(_ours, setting, precision, **common)
    found = rounds(setting.rounds, sides)
    what = f"rstar4d, {_by(shapes[0])}"
    yield Row(f"{what}, plain: time", seconds(found["plain"]), "s")
    yield Row(f"{what}, plain: peak", peak(found["plain"]), "GiB")
    expected = np.load(answer)
    for precision, asked, apart in (("float32", 3.0, 0.1), ("bfloat16", None, None)):
        runs = found[precision]
        image = open_image(runs[-1].labels).image
        error = np.abs(image.read((slice(None),) * 4) - expected)
        yield Row(f"{what}, ours, {precision}: time", seconds(runs), "s")
        yield Row(
            f"{what}, ours, {precision}: against plain", ratio(found["plain"], runs), "times faster", asked
        )
        yield Row(f"{what}, ours, {precision}: peak", peak(runs), "GiB")
        yield Row(f"{what}, ours, {precision}: largest difference", float(error.max()), "HU", at_most=apart)
    ours = _ours(setting, "float32", large, model, setting.threads)
    yield Row(f"rstar4d, {_by(shapes[1])}, ours: peak", peak([ours]), "GiB", at_most=8)
    promised = open_image(ours.labels).commit.record["plan"]["predicted_bytes"] / (1 << 30)
    yield Row(
        f"rstar4d, {_by(shapes[1])}, ours: peak that was foretold", promised, "GiB", at_least=peak([ours])
    )
    yield Row(f"rstar4d, {_by(shapes[1])}, ours: time", ours.seconds, "s")


def _ours(setting: Setting, precision: str, image, model, threads):
    limits = {"memory": MEMORY, "threads": threads, "precision": precision}
    return run("stored", setting.fresh(), image=image, model=model, **limits)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, (10, *shape)))


def _model(folder):
    """The published network with random weights: what they are changes no time."""
    torch.manual_seed(0)
    description = {
        "name": "random4d",
        "description": "the published network with random weights",
        "authors": [{"name": "nobody"}],
        "license": "Apache-2.0",
        "track": "cbct4d",
        "network": {"name": "rstar4d", "arguments": {}},
        "weights": {"source": "a seed", "trained_on": "nothing"},
        "input": {"modality": "CBCT", "axes": "SAR", "phases": 10, "values": SCALE},
        "output": {"image": SCALE},
    }
    tensors = {key: value.numpy().copy() for key, value in RSTAR4D().state_dict().items()}
    return save_restoring_model(folder, description, tensors)


def _drawn(setting: Setting, shape):
    """Commit an image of noise in Hounsfield units."""
    path = setting.folder / f"phases-{shape[-1]}.ome.zarr"
    affine = as_affine(np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])
    content = Content.of(Meaning(Geometry(shape[1:], affine), "tzyx", "HU"))
    random = np.random.default_rng(0)
    with staged(path, Provenance("bench", {}, {})) as staging:
        writer = ImageWriter(staging, content, shape, np.float32)
        for t in range(shape[0]):
            values = random.normal(-200, 400, (1, *shape[1:])).astype(np.float32)
            writer.write((slice(t, t + 1), *(slice(0, n) for n in shape[1:])), values)
        writer.finish()
    return path
