"""From a table of detections to notes, motion, sound and a film, by the verbs."""

import wave
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from medscience.detections import SCHEMA
from medscience.errors import InputError, MismatchError
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.measure.notes import MOTION, NOTES
from medscience.steps.export import film
from medscience.steps.follow import follow
from medscience.store.images import open_image
from medscience.store.metadata import Content
from medscience.store.tables import read_table, write_table
from tests.measure.made import FRAMES, OCTAVE, RATE, STRUCK, STRUCK_S, detections_of, times_of
from tests.report.conftest import write_store

SHAPE = (96, 128)
OPTICS = {"wavelength_nm": 532.0, "illumination_angle_deg": 0.0, "observation_angle_deg": 0.0}


def write_recording(path, told=None, rate=RATE):
    """A store of small, nearly black frames."""
    frames = np.zeros((FRAMES, 1, *SHAPE), dtype=np.uint8)
    frames[:, 0, :, ::7] = 9
    recording = {"frame_rate_hz": rate} | (OPTICS if told is None else told)
    meaning = Meaning(Geometry.own((1, *SHAPE)), "tzyx", time_step=1 / rate, space="pixels")
    write_store(path, frames, Content.of(meaning, source={"recording": recording}), "ingest")


def write_detections(path, scan, *notes, noise=0.05, **stated):
    found = detections_of(*notes, noise=noise)
    names = ("x", "y", "a", "b", "angle")
    columns = dict(zip(names, found.ellipse.T, strict=True)) | {
        "frame": found.frame,
        "time_s": times_of()[found.frame],
        "rings": found.rings,
        "rings_low": found.low,
        "rings_high": found.high,
        "score": found.score,
    }
    inputs = {"image": open_image(scan).commit.digest, "model_name": "net"} | stated
    write_table(path, pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA), inputs)


def write_wav(path, rate=44100, seconds=0.2, begins=0.05, hertz=(220.0, 441.0)):
    times = np.arange(int(rate * seconds)) / rate - begins
    sound = (
        sum(np.sin(2 * np.pi * f * times) for f in hertz) * (times > 0) * np.exp(-20 * np.maximum(times, 0))
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((sound * 9000).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("follow")
    write_recording(folder / "strike.ome.zarr")
    write_detections(folder / "found.parquet", folder / "strike.ome.zarr", STRUCK, OCTAVE)
    write_wav(folder / "strike.wav")
    run(folder, audio=folder / "strike.wav")
    return folder


def run(folder, found="found.parquet", image="strike.ome.zarr", name="strike", audio=None):
    follow(
        folder / found,
        folder / image,
        folder / f"notes/{name}.parquet",
        folder / f"motion/{name}.parquet",
        audio,
    )


def notes_of(folder, name="strike"):
    table, stated = read_table(folder / f"notes/{name}.parquet")
    assert table.schema.remove_metadata().equals(NOTES)
    return table.to_pylist(), stated


def test_each_antinode_has_a_row_that_says_where_it_is_and_how_it_moves(folder):
    rows, stated = notes_of(folder)
    assert [(row["sample"], row["model"], row["antinode"]) for row in rows] == [
        ("strike", "net", 1),
        ("strike", "net", 2),
    ]
    assert_allclose([row["frequency_hz"] for row in rows], [220, 441], atol=1.5)
    assert_allclose([row["x_px"] for row in rows], [STRUCK.ellipse.x, OCTAVE.ellipse.x], atol=0.5)
    assert float(stated["blow_s"]) == pytest.approx(STRUCK_S, abs=0.3e-3)
    assert rows[1]["phase_multiple"] == 2
    assert all(row["onset_s_low"] <= row["onset_s"] <= row["onset_s_high"] for row in rows)


def test_a_ring_is_half_a_wavelength_at_normal_incidence(folder):
    rows, _ = notes_of(folder)
    for row in rows:
        assert row["peak_um"] == pytest.approx(row["peak_rings"] * 0.266)
    motion, _ = read_table(folder / "motion/strike.parquet")
    assert motion.schema.remove_metadata().equals(MOTION)
    assert_allclose(
        np.array(motion["displacement_um"]), np.array(motion["displacement_rings"]) * 0.266, rtol=1e-9
    )


def test_there_is_a_row_for_each_antinode_and_frame(folder):
    motion, _ = read_table(folder / "motion/strike.parquet")
    rows = motion.to_pylist()
    assert len(rows) == 2 * FRAMES
    assert [row["frame"] for row in rows[:FRAMES]] == list(range(FRAMES))
    for row in rows:
        assert row["displacement_rings_low"] <= row["displacement_rings"] <= row["displacement_rings_high"]
        assert abs(row["displacement_rings"]) <= row["envelope_rings"] + 1e-9
    seen = [row for row in rows if row["rings"] is not None]
    off = [
        abs(abs(row["displacement_rings"]) - row["rings"]) for row in seen if row["time_s"] > STRUCK_S + 2e-3
    ]
    assert np.median(off) < 0.1


def test_the_sound_is_aligned_with_the_blow_and_heard_note_by_note(folder):
    rows, stated = notes_of(folder)
    assert float(stated["audio_offset_s"]) == pytest.approx(STRUCK_S - 0.05, abs=2e-3)
    assert_allclose([row["audio_frequency_hz"] for row in rows], [220, 441], atol=1.5)
    assert_allclose([row["audio_onset_s"] for row in rows], STRUCK_S, atol=1 / 220)


def test_the_film_shows_every_frame(folder):
    film(
        folder / "notes/strike.parquet",
        folder / "motion/strike.parquet",
        folder / "strike.ome.zarr",
        folder / "strike.mp4",
    )
    with av.open(str(folder / "strike.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == FRAMES
    assert pictures[0].shape == (*SHAPE, 3)
    colourful = np.ptp(pictures[60].astype(int), axis=2) > 60
    assert colourful.sum() > 30


def test_without_an_angle_there_are_rings_but_no_micrometres(folder):
    write_recording(folder / "dark.ome.zarr", told={"wavelength_nm": 532.0, "illumination_angle_deg": 0.0})
    write_detections(folder / "dark.parquet", folder / "dark.ome.zarr", STRUCK)
    run(folder, "dark.parquet", "dark.ome.zarr", "dark")
    rows, stated = notes_of(folder, "dark")
    assert stated["ring_um"] == ""
    assert rows[0]["peak_um"] is None
    assert rows[0]["peak_rings"] == pytest.approx(6, rel=0.05)


def test_a_store_without_a_frame_rate_is_refused(folder):
    meaning = Meaning(Geometry.own((1, *SHAPE)), "tzyx", space="pixels")
    write_store(folder / "still.ome.zarr", np.zeros((4, 1, *SHAPE), np.uint8), Content.of(meaning), "ingest")
    with pytest.raises(MismatchError, match=r"FOLLOW-FRAME-RATE .*frame_rate_hz"):
        run(folder, image="still.ome.zarr", name="no")


def test_detections_in_another_recording_are_refused(folder):
    write_detections(folder / "other.parquet", folder / "strike.ome.zarr", STRUCK, image="0" * 64)
    with pytest.raises(MismatchError, match="FOLLOW-IMAGE"):
        run(folder, "other.parquet", name="no")


def test_a_table_of_something_else_is_refused(folder):
    with pytest.raises(MismatchError, match="FOLLOW-TABLE"):
        run(folder, "notes/strike.parquet", name="no")


@pytest.mark.parametrize(
    "content", [None, b"", b"RIFF\x10\x00\x00\x00WAVE", b"no sound at all", "cut", "silent"]
)
def test_a_file_that_is_no_whole_sound_is_refused_in_one_line(folder, tmp_path, content):
    path = tmp_path / "strike.wav"
    if content == "cut":
        write_wav(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif content == "silent":
        write_wav(path, hertz=(0.0,))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="AUDIO-WAV"):
        run(folder, name="no", audio=path)
    assert not Path(folder / "notes/no.parquet").exists()
