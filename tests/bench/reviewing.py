"""What a reviewer waits for: a stroke that is on the disk, a verdict, a correction of a CT-sized volume."""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.review.corrections import next_correction, save_correction
from medscience.review.drafts import Draft, open_draft
from medscience.review.ledger import Ledger
from medscience.review.verdict import Shown, Verdict
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, StoredImage, open_image
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged
from tests.bench.row import Row
from tests.bench.setting import WHOLE, Setting

SHAPE = (400, 512, 512)
BRUSH = 21
"""Voxels across."""
STROKES = 100
LABELS = tuple(Label(value=n, name=name, color=(n, n, n)) for n, name in enumerate(("background", "liver")))


def reviewing(setting: Setting) -> Iterator[Row]:
    """Draw, save and commit."""
    shape = SHAPE if setting.size == WHOLE else (setting.size,) * 3
    labels = _labels(setting.folder / "labels.ome.zarr", shape)
    root = setting.folder / "corrections"
    with open_draft(root, labels, model="net", sample="s", reviewer="me") as draft:
        strokes = [
            _seconds(partial(_stroke, draft, random)) for random in map(np.random.default_rng, range(STROKES))
        ]
        yield Row("a stroke is on the disk, p95", 1000 * _p95(strokes), "ms", at_most=200)
        yield Row("a stroke is on the disk, median", 1000 * float(np.median(strokes)), "ms")
        correction = _seconds(lambda: save_correction(draft, next_correction(root, "net", "s")))
        yield Row(f"a correction of {' x '.join(map(str, shape))} is committed, all levels", correction, "s")
    with Ledger(root / "ledger.db") as ledger:
        verdicts = [_seconds(lambda: ledger.save(_verdict())) for _ in range(STROKES)]
    yield Row("a verdict is acknowledged, p95", 1000 * _p95(verdicts), "ms", at_most=200)


def _labels(path: Path, shape: tuple[int, int, int]) -> StoredImage:
    """A ball in the middle, as labels."""
    meaning = LabelMeaning(LABELS, "s", "a" * 64, "net", None)
    content = Content.of(Meaning(Geometry(shape, as_affine(np.diag([1.0, 0.7, 0.7, 1.0])))), labels=meaning)
    with staged(path, Provenance("bench", {}, {})) as staging:
        writer = ImageWriter(staging, content, shape, "uint8")
        for region in regions(shape, writer.shards):
            along = np.ogrid[region]
            distance = sum((2 * at / n - 1) ** 2 for at, n in zip(along, shape, strict=True))
            writer.write(region, np.asarray(distance < 0.5, dtype=np.uint8))
        writer.finish()
    return open_image(path)


def _stroke(draft: Draft, random: np.random.Generator) -> None:
    corner = [int(random.integers(0, n - BRUSH)) for n in draft.shape]
    draft.write(tuple(slice(at, at + BRUSH) for at in corner), 1)


def _verdict() -> Verdict:
    shown = Shown("a" * 64, "b" * 64, "c" * 64)
    return Verdict(
        save_id=uuid.uuid4().hex,
        sample="s",
        model="net",
        decision="accept",
        reviewer="me",
        time=datetime.now(UTC),
        seconds=1.0,
        shown=shown,
    )


def _seconds(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def _p95(times: list[float]) -> float:
    return float(np.quantile(times, 0.95))
