"""What a reviewer waits for, on 512 x 512 x 400 voxels: napari's model of the viewer, without a window."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import numpy as np
from napari.components import ViewerModel

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
from medscience.image import Meaning
from medscience.store.commit import Provenance, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged
from napari_medscience.review.case import Reviewer
from napari_medscience.review.run import Run
from napari_medscience.review.session import Session
from tests.bench.row import Row
from tests.bench.setting import Setting

SHAPE = (400, 512, 512)
STROKES, DABS = 30, 12
LABELS = (
    Label(value=0, name="background", color=(0, 0, 0)),
    Label(value=1, name="liver", color=(0, 114, 178)),
)


def painting(setting: Setting) -> Iterator[Row]:
    """Open cases, paint strokes while they are saved, and count what was read and written."""
    run = _run(setting.folder / "review")
    session = Session(ViewerModel(), run, "net", Reviewer("bench"))
    session.go(0)
    waits = []
    for _ in range(setting.rounds):
        start = time.perf_counter()
        session.next()
        waits.append(time.perf_counter() - start)
    yield Row("painting: next case, the slowest", max(waits), "s", at_most=2.0)
    chunks = session.work.screen.labels.data.chunks
    whole = len(regions(chunks.shape, chunks.sides))
    yield Row("painting: labels read when a case opens", len(chunks._clean) / whole, "of them", at_most=0.3)
    strokes = [_stroke(session, number) for number in range(STROKES)]
    slowest = 1000 * quantiles(strokes, n=20)[-1]
    yield Row("painting: a stroke on the thread that draws, p95", slowest, "ms", at_most=100.0)
    touched = len(chunks.changed)
    session.work.save()
    written = len(session.work.case.draft.touched)
    yield Row("painting: chunks written for each that was touched", written / touched, "chunks", at_most=1.0)
    start = time.perf_counter()
    session.viewer.dims.set_point(0, session.viewer.dims.point[0] + 64)
    yield Row("painting: a slice 64 further on", time.perf_counter() - start, "s")
    session.close()


def _stroke(session: Session, number: int) -> float:
    """Draw a line of dabs, each refreshed as the mouse would have it, and return its seconds."""
    layer = session.work.screen.labels
    layer.brush_size = 30
    z = int(np.round(layer.world_to_data(session.viewer.dims.point))[0])
    start = time.perf_counter()
    with layer.block_history():
        for dab in range(DABS):
            layer.paint((z, 40 + 14 * number, 60 + 20 * dab), 1)
    return time.perf_counter() - start


def _run(folder: Path) -> Run:
    """Write two cases as the workflow leaves them."""
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    disc = (y - 256) ** 2 + (x - 256) ** 2 < 200**2
    grey = np.where(disc, 60, -1000).astype(np.int16)
    noise = np.random.default_rng(0).integers(-20, 20, SHAPE[1:], dtype=np.int16)
    for name in ("a", "b"):
        image = folder / "results" / "images" / f"{name}.ome.zarr"
        _write(image, np.broadcast_to(grey + noise, SHAPE), Provenance("ingest", {}, {"source": name}))
        known = LabelMeaning(LABELS, image.name, read_commit(image).digest, "net")
        labels = np.broadcast_to(disc.astype(np.uint8), SHAPE)
        target = folder / "results" / "labels" / "net" / f"{name}.ome.zarr"
        _write(target, labels, Provenance("postprocess", {}, {"model": "0" * 64}), known)
    return Run.at(folder)


def _write(path: Path, array: np.ndarray, provenance: Provenance, labels: LabelMeaning | None = None) -> None:
    affine = as_affine([[0, 0, 0.8, 0], [0, 0.8, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]])
    meaning = Meaning(Geometry(SHAPE, affine), value_unit=None if labels else "HU")
    with staged(path, provenance) as staging:
        writer = ImageWriter(staging, Content.of(meaning, labels=labels), SHAPE, array.dtype)
        for region in regions(writer.shape, writer.shards):
            writer.write(region, array[region])
        writer.finish()
