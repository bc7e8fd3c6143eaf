"""The verb detect: a table of every frame, kept in parts, the same however often it is interrupted."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image as Picture

from medscience.detections import SCHEMA, from_table
from medscience.errors import MismatchError, ModelError
from medscience.inference.detect import detector
from medscience.models.zoo import load_detector
from medscience.steps import detect as steps
from medscience.steps.detect import detect
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from medscience.store.tables import read_record, read_table
from medscience.store.verify import verify

COUNT = 23


@pytest.fixture
def frames():
    made = np.random.default_rng(1).integers(0, 256, (COUNT, 64, 96), dtype=np.uint8)
    made[7] = 0
    return made


@pytest.fixture
def recording(tmp_path, frames):
    """An ingested recording of noise with a black frame, and with two lost frames before the fifth."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Picture.fromarray(frame).save(folder / f"f_{number + 2 * (number >= 5):04d}.png")
    acquisition = tmp_path / "a.yaml"
    acquisition.write_text("frame_rate_hz: 1000\ndropped_frames: keep\n")
    ingest(folder, tmp_path / "strike.ome.zarr", acquisition=acquisition)
    return tmp_path / "strike.ome.zarr"


def test_the_table_says_what_the_network_finds_in_each_frame(recording, tiny_detector, tmp_path, frames):
    detect(recording, str(tiny_detector), tmp_path / "d/strike.parquet", precision="float32", threads=1)
    table, inputs = read_table(tmp_path / "d/strike.parquet")
    assert table.schema.remove_metadata() == SCHEMA
    assert inputs["image"] == open_image(recording).commit.digest
    rows = from_table(table)
    expected = detector(*load_detector(tiny_detector), "float32")(frames)
    assert [row.frame for row in rows] == [n for n, found in enumerate(expected) for _ in found]
    assert 7 not in {row.frame for row in rows}
    for row, one in zip(rows, (one for found in expected for one in found), strict=True):
        assert row.antinode.rings == pytest.approx(one.antinode.rings, abs=1e-3)
        assert (row.low, row.high) == pytest.approx((one.low, one.high), abs=1e-3)
        assert row.time_s == pytest.approx((row.frame + 2 * (row.frame >= 5)) / 1000)
    assert verify(tmp_path / "d/strike.parquet") == []
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["strike.parquet"]


def test_parts_that_are_there_are_kept_and_give_the_same_table(
    recording, tiny_detector, tmp_path, monkeypatch
):
    monkeypatch.setattr(steps, "PART", 5)
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    detect(recording, str(tiny_detector), whole, threads=1)
    found, seen = steps._found, []

    def dies(stored, network, some, *rest):
        seen.append(some.start)
        if some.start == 10 and len(seen) < 4:
            raise KeyboardInterrupt
        return found(stored, network, some, *rest)

    monkeypatch.setattr(steps, "_found", dies)
    with pytest.raises(KeyboardInterrupt):
        detect(recording, str(tiny_detector), cut, threads=1)
    parts = sorted(next(tmp_path.glob("cut.parquet.parts-*")).iterdir())
    assert len(parts) == 2
    parts[1].write_bytes(parts[1].read_bytes()[:-9])  # damaged meanwhile: done again
    detect(recording, str(tiny_detector), cut, threads=1)
    assert seen == [0, 5, 10, 5, 10, 15, 20]
    assert read_table(cut)[0].equals(read_table(whole)[0])
    assert read_record(cut)["parts_kept"] == 1
    assert not list(tmp_path.glob("*.parts-*"))
    detect(recording, str(tiny_detector), cut, threads=1)
    assert len(seen) == 7  # nothing is done twice


def test_a_signal_ends_it_in_order_and_it_goes_on(recording, tiny_detector, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "PART", 1)
    destination = tmp_path / "d.parquet"
    start = "from medscience.steps import detect\ndetect.PART = 1\nfrom medscience.cli import main\nmain()"
    command = [sys.executable, "-c", start, "detect", recording, tiny_detector, destination, "--threads", "1"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob("d.parquet.parts-*/*.parquet")):
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    ended = process.wait()
    assert ended == 75 or (ended == 0 and destination.exists())
    assert not (tmp_path / "d.parquet.lease").exists()
    detect(recording, str(tiny_detector), destination, threads=1)
    whole = tmp_path / "whole.parquet"
    detect(recording, str(tiny_detector), whole, threads=1)
    assert read_table(destination)[0].equals(read_table(whole)[0])


def test_what_is_no_recording_is_refused(tiny_detector, tiny_model, recording, tmp_path, toy_head):
    from medscience.export.nifti import write_nifti
    from medscience.image import Image, Meaning

    head = toy_head(4, (24, 24, 24))
    write_nifti(
        Image(head.image, Meaning(head.geometry)), tmp_path / "scan.nii", is_labels=False, form_code=1
    )
    ingest(tmp_path / "scan.nii", tmp_path / "scan.ome.zarr")
    with pytest.raises(MismatchError, match=r"DETECT-NOT-A-RECORDING.*scan\.ome\.zarr.*axes zyx"):
        detect(tmp_path / "scan.ome.zarr", str(tiny_detector), tmp_path / "d.parquet")
    with pytest.raises(ModelError, match="MODEL-KIND"):
        detect(recording, str(tiny_model), tmp_path / "d.parquet")
    assert not (tmp_path / "d.parquet").exists()
