"""What is compared, each side a process of its own: ``python -m tests.bench.sides NAME ARGUMENTS``.

Arguments are a JSON object; seconds, peak memory and what else was found are printed as another. Clocks run
from a stored image to labels, after imports (`in_memory`: from an array). Ours ends with a committed store;
the others end with labels in memory, and read, scale and turn the scan as a script with NumPy would.
"""

import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from medscience.description import find_model, read_model
from medscience.detector import DetectorFile
from medscience.image import Image
from medscience.inference.detect import detector
from medscience.inference.engine import precision_of
from medscience.inference.job import prepare
from medscience.inference.memory import freed_memory_kept
from medscience.inference.plan import parse_memory
from medscience.ingest.formats import open_source
from medscience.ingest.stamp import Stamp
from medscience.models.fold import folded
from medscience.models.spnet import SPNet
from medscience.models.zoo import build, fit_weights, load, load_detector, load_restoring, load_tensors
from medscience.postprocess import components  # noqa: F401 - that the step's own import takes no time
from medscience.preprocess.normalize import RULES, Normalization
from medscience.simulate.espi.drawn import drawn_frames
from medscience.steps.export import nifti
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.store.images import ImageWriter, open_image
from medscience.store.metadata import Content
from medscience.store.record import peak_memory
from medscience.store.staging import Staging
from medscience.terminal import progress  # noqa: F401 - likewise
from tests.bench.learning import by_hand, learned
from tests.bench.windows import apart, together

EVERYTHING = (slice(None),) * 3
MEMORY = "8G"

Found = dict[str, float]
Infer = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
"""Takes a network and an image (1, 1, I, J, K), gives labels of the same shape."""


def plain(image: str, model: str, labels: str, threads: int) -> Found:
    """The module as PyTorch gives it, on the whole volume: float32, default format, all logits at once."""
    return _scripted(image, model, labels, threads, lambda network, x: network(x).argmax(1, keepdim=True))


def slabbed(image: str, model: str, labels: str, threads: int) -> Found:
    """The plain module, but its last layer, which is pointwise, slab by slab."""

    def infer(network: torch.nn.Module, values: torch.Tensor) -> torch.Tensor:
        features = network.features(values)
        return torch.cat([network.head(part).argmax(1)[:, None] for part in features.split(8, 2)], 2)

    return _scripted(image, model, labels, threads, infer)


def detected(network: str, frames: int, threads: int, *, plain: bool = False) -> Found:
    """A detector from frames in memory to antinodes, in the precision that the verb would choose.

    SPNet has no published weights: it runs with random ones, which take as long. ``plain`` is the module as
    it is written, in float32, which is what its authors run.
    """
    torch.set_num_threads(threads)
    model, ready = load_detector(find_model("fringe"))
    if network == "spnet":
        content = model.model_dump(exclude={"training"}) | {"network": {"name": "spnet"}}
        ready = SPNet().eval() if plain else folded(SPNet())
        model = DetectorFile.model_validate(content)
    found = detector(model, ready, "float32" if plain else precision_of("auto"))
    shots = islice(drawn_frames({"espi": 1.0}, 1), frames)
    pictures = np.stack([shot.frame for shot in shots])
    with nullcontext() if plain else freed_memory_kept():  # as the verb does
        found(pictures[:16])  # libraries choose their kernels
        begun = time.perf_counter()
        for first in range(0, frames, 16):
            found(pictures[first : first + 16])
        return {"seconds": time.perf_counter() - begun}


def sliding(image: str, model: str, labels: str, threads: int, overlap: float) -> Found:
    """The same module in MONAI's windows."""
    from monai.inferers import SlidingWindowInferer

    inferer = SlidingWindowInferer(roi_size=(128,) * 3, sw_batch_size=1, overlap=overlap, mode="gaussian")
    return _scripted(
        image, model, labels, threads, lambda network, x: inferer(x, network).argmax(1, keepdim=True)
    )


def ingested(source: str, store: str) -> Found:
    """Our ingest: every byte of source and store is hashed, everything is synced, then committed."""
    begun, busy = time.perf_counter(), time.process_time()
    ingest(Path(source), Path(store))
    return {"seconds": time.perf_counter() - begun, "busy": time.process_time() - busy}


def unsafe(source: str, store: str) -> Found:
    """The same reader, arrays, chunks and pyramid in a plain zarr store: no digest, no sync, no commit."""
    Stamp.sha256 = lambda stamp: "0" * 64
    begun, busy = time.perf_counter(), time.process_time()
    opened = open_source(Path(source))
    staging = Staging(PlainStore(Path(store)))
    writer = ImageWriter(staging, Content.of(opened.meaning), opened.shape, opened.dtype)
    start = 0
    for slab in opened.slabs(writer.shards[0]):
        writer.write((slice(start, start + len(slab)), *map(slice, (0, 0), slab.shape[1:])), slab)
        start += len(slab)
    writer.finish()
    return {"seconds": time.perf_counter() - begun, "busy": time.process_time() - busy}


class PlainStore(LocalStore):
    """Zarr's own store, which also tells what was written."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.objects: dict[str, None] = {}

    async def set(self, key: str, value: Buffer) -> None:
        self.objects[key] = None
        await super().set(key, value)


def _scripted(image: str, model: str, labels: str, threads: int, infer: Infer) -> Found:
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    description = read_model(Path(model))
    weights = Path(model).with_name(description.weights.file)
    network = build(description.network).eval()
    fit_weights(network, load_tensors(weights), weights)
    stored = open_image(Path(image)).image
    values = stored.read(EVERYTHING).astype(np.float32)
    rule = RULES[description.input.normalize]
    low, high = np.quantile(values, (rule.low, rule.high))
    scaled = Normalization(low, high - low + rule.softening, rule.clip)(values)
    turn = stored.geometry.reorientation(description.input.axes)
    seen = torch.from_numpy(np.ascontiguousarray(turn.apply(scaled)))[None, None]
    with torch.inference_mode():
        started = time.perf_counter()
        answer = infer(network, seen)[0, 0]
        inside = time.perf_counter() - started
    found = turn.inverse.apply(answer.numpy().astype(np.uint8))
    seconds = time.perf_counter() - begun
    np.save(labels, found)
    return {"seconds": seconds, "network": inside}


def stored(image: str, model: str, labels: str, threads: int, precision: str, memory: str = MEMORY) -> Found:
    """Our predict, from store to store."""
    begun = time.perf_counter()
    predict(Path(image), model, Path(labels), memory=memory, threads=threads, precision=precision)
    return {"seconds": time.perf_counter() - begun}


def module(image: str, model: str, labels: str, threads: int) -> Found:
    """A network that restores phases as PyTorch gives it: float32, default format, all of it at once."""
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    description, network = load_restoring(Path(model))
    scale = description.input.values
    stored = open_image(Path(image)).image
    seen = (stored.read((slice(None),) * 4).astype(np.float32) + scale.offset) / scale.scale
    prior = np.broadcast_to(seen.mean(axis=0), seen.shape)
    with torch.inference_mode():
        started = time.perf_counter()
        restored = network(torch.from_numpy(np.stack([seen, prior])[None]))[0, 0].numpy()
        inside = time.perf_counter() - started
    found = restored * description.output.image.scale - description.output.image.offset
    seconds = time.perf_counter() - begun
    np.save(labels, found)
    return {"seconds": seconds, "network": inside}


def in_memory(image: str, model: str, threads: int, precision: str) -> Found:
    """Our engine on an array, into an array: no store."""
    torch.set_num_threads(threads)
    scan = open_image(Path(image)).image
    held = Image(scan.read(EVERYTHING), scan.meaning)
    labels = np.empty(held.shape, dtype=np.uint8)
    begun = time.perf_counter()
    job = prepare(held, load(Path(model)), parse_memory(MEMORY), precision=precision_of(precision))
    job.run(labels.__setitem__)
    return {"seconds": time.perf_counter() - begun}


def shares(image: str, model: str, labels: str, threads: int, precision: str, asked_at: float) -> Found:
    """Where the time of a prediction and of its export goes.

    `asked_at` is when this process was asked for, in seconds since 1970.
    """
    start = time.time() - asked_at
    profile = cProfile.Profile()
    begun = time.perf_counter()
    profile.runcall(predict, Path(image), model, Path(labels), threads=threads, precision=precision)
    exporting = time.perf_counter()
    nifti(Path(labels), Path(labels).with_suffix(".nii.gz"))
    ended = time.perf_counter()
    spent = pstats.Stats(profile).stats
    decide = _inside(spent, "inference/decide.py", "decide")
    blocks = _inside(spent, "store/images.py", "write")
    finish = _inside(spent, "store/images.py", "finish") + _inside(spent, "store/staging.py", "_commit")
    return {
        "seconds": ended - begun,
        "start": start,
        "weights": _inside(spent, "models/zoo.py", "load"),
        "prepare": _inside(spent, "inference/job.py", "prepare"),
        "inference": _inside(spent, "inference/predict.py", "predict") - decide - blocks,
        "decide": decide,
        "write": blocks + finish,
        "export": ended - exporting,
    }


def _inside(spent: dict[Any, Any], file: str, function: str) -> float:
    """Seconds in a function and what it calls."""
    times = [s[3] for (path, _, name), s in spent.items() if path.endswith(file) and name == function]
    if not times:
        raise LookupError(f"{function} of {file} was never called: the bench measures another name")
    return sum(times)


def roof(threads: int) -> Found:
    """What the machine can do."""
    from tests.bench.roof import rates

    begun = time.perf_counter()
    found = rates(threads)
    return {"seconds": time.perf_counter() - begun} | found


SIDES = {
    side.__name__: side
    for side in (
        *(plain, sliding, module, stored, in_memory, shares, roof, ingested, unsafe),
        *(learned, by_hand, together, apart, detected, slabbed),
    )
}

if __name__ == "__main__":
    result = SIDES[sys.argv[1]](**json.loads(sys.argv[2]))
    taken = {"seconds": result.pop("seconds"), "peak": peak_memory(), "found": result}
    sys.stdout.write(json.dumps(taken))
