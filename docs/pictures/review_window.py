"""Make docs/pictures/review.png and review-ellipses.png: a case being corrected, and a frame of a recording.

Needs a display; without one: xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python FILE
"""

import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from medscience.antinode import Antinode
from medscience.description import Label
from medscience.detections import Detection, as_table
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.review.queue import Reason, ranked, write_queue
from medscience.simulate.espi.strike import simulate_strike
from medscience.store.commit import Provenance, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged
from medscience.store.tables import write_table
from napari_medscience.samples import ORGANS, PALETTE, simulate_abdomen

HERE = Path(__file__).parent
WINDOW = (1480, 980)
"""Width and height in pixels."""
LABELS = (
    Label(value=0, name="background", color=(0, 0, 0)),
    *(Label(value=value, name=name, color=PALETTE[value - 1]) for value, name in enumerate(ORGANS, start=1)),
)
CASES = {
    "case-03": [
        Reason("confidence", 0.62, "7.1 ml of the liver with a confidence below 0.6", (118.0, 12.0, 20.0)),
        Reason(
            "volume", 0.35, "liver of 1012 ml: 2.9 deviations below the cohort's median", (62.0, 12.0, 20.0)
        ),
    ],
    "case-01": [
        Reason("confidence", 0.30, "2.3 ml of the spleen with a confidence below 0.6", (-98.0, -28.0, 30.0))
    ],
    "case-02": [],
}
STRIKE_BEGINS = 180
"""The first frame of the recording that is kept: the drum is swinging."""


def main() -> None:
    """Correct a liver half-way, and open a strike."""
    with tempfile.TemporaryDirectory() as folder:
        _abdomens(Path(folder))
        _picture(Path(folder), _half_a_correction, "review.png")
    with tempfile.TemporaryDirectory() as folder:
        _strike(Path(folder))
        _picture(Path(folder), _look_at_a_frame, "review-ellipses.png")


def _picture(folder: Path, act: Any, name: str) -> None:  # noqa: ANN401 - a function
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    _, dock = viewer.window.add_plugin_dock_widget("napari-medscience", "Review")
    _settle()
    dock.open.folder.setText(str(folder))
    dock.open.look()
    dock.open.reviewer.setText("ada")
    dock.open.start.click()
    _settle()
    act(viewer, dock)
    _settle()
    shot = viewer.screenshot(canvas_only=False, flash=False)
    dock.end()
    viewer.close()
    Image.fromarray(np.ascontiguousarray(shot[..., :3])).quantize(200).save(HERE / name, optimize=True)


def _half_a_correction(viewer: napari.Viewer, dock: QWidget) -> None:
    """Paint what the network left out of the liver, the lower half of it."""
    dock.session.view.fit()
    work = dock.session.work
    layer = work.screen.labels
    layer.mode, layer.brush_size = "paint", 12
    z, y, x = (int(n) for n in np.round(layer.world_to_data(viewer.dims.point)))
    for up in range(0, 22, 3):
        layer.paint((z, y - 18 + up, x), 1)
    work.save()
    dock.edit_panel.count()
    dock.verdict_panel.choices()


def _look_at_a_frame(viewer: napari.Viewer, dock: QWidget) -> None:
    viewer.dims.set_current_step(0, 6)
    dock.session.view.fit()
    dock.session.work.screen.labels.selected_data = {0}
    dock.session.work.count(0.5)


def _abdomens(folder: Path) -> None:
    for number, name in enumerate(CASES):
        values, truth, geometry = simulate_abdomen(seed=number)
        found = truth.copy()
        found[(truth == 1) & (np.arange(truth.shape[2]) > 126)] = 0
        image = folder / "results" / "images" / f"{name}.ome.zarr"
        _write(image, values, Meaning(geometry, value_unit="HU"), Provenance("ingest", {}, {"source": name}))
        known = LabelMeaning(LABELS, image.name, read_commit(image).digest, "organs")
        labels = folder / "results" / "labels" / "organs" / f"{name}.ome.zarr"
        made = Provenance("postprocess", {}, {"model": "0" * 64, "image": known.image_digest})
        _write(labels, found, Meaning(geometry), made, known)
    queue = folder / "results" / "review" / "organs.tsv"
    queue.parent.mkdir()
    write_queue(ranked(CASES.items()), queue)


def _strike(folder: Path) -> None:
    strike = simulate_strike(4, STRIKE_BEGINS + 12)
    frames = [frame for _, frame in islice(strike.frames(), STRIKE_BEGINS, None)]
    recording = np.stack(frames)[:, None]
    step = 1 / strike.optics.frame_rate_hz
    geometry = Geometry.own((1, *recording.shape[-2:]))
    image = folder / "results" / "images" / "strike.ome.zarr"
    meaning = Meaning(geometry, "tzyx", time_step=step, space="pixels")
    _write(image, recording, meaning, Provenance("ingest", {}, {"source": "strike"}))
    found = [
        Detection(Antinode(note.dome.ellipse, rings, 0.9), rings - 0.3, rings + 0.3, frame, frame * step)
        for frame in range(len(frames))
        for note, rings in zip(
            strike.notes, np.abs(strike.rings(STRIKE_BEGINS + frame)).tolist(), strict=True
        )
        if rings > 0.4
    ]
    table = folder / "results" / "detections" / "fringes" / "strike.parquet"
    write_table(table, as_table(found), {"image": read_commit(image).digest, "model": "0" * 64})


def _write(
    path: Path,
    array: np.ndarray,
    meaning: Meaning,
    provenance: Provenance,
    labels: LabelMeaning | None = None,
) -> None:
    with staged(path, provenance) as staging:
        writer = ImageWriter(staging, Content.of(meaning, labels=labels), array.shape, array.dtype)
        for region in regions(writer.shape, writer.shards):
            writer.write(region, array[region])
        writer.finish()


def _settle() -> None:
    for _ in range(30):
        QApplication.processEvents()


if __name__ == "__main__":
    main()
