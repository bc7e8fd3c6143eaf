"""Recordings go in, and every verb that knows volumes only says so."""

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal

from medscience.errors import InputError, MismatchError
from medscience.steps.export import brain_mask, nifti
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.steps.verify import verify
from medscience.store.commit import read_commit
from medscience.store.images import open_image
from tests.ingest.recordings import acquisition, film, write_frames, write_video

TOLD = """
frame_rate_hz: 15037.0
exposure_s: 5.0e-5
wavelength_nm: 532
illumination_angle_deg: 12.5
observation_angle_deg: 0
pixel_size_mm: 0.25
"""


def ingested(folder, told=TOLD, count=50, **how):
    path = write_video(folder / "strike.mkv", film(count, **how))
    ingest(path, folder / "strike.ome.zarr", acquisition=acquisition(folder, told))
    return open_image(folder / "strike.ome.zarr")


def test_a_video_becomes_a_store_with_its_clock_and_its_physics(tmp_path):
    stored = ingested(tmp_path, dtype=np.uint16)
    assert stored.image.shape == (50, 1, 48, 64)
    assert_array_equal(stored.image.read((slice(None),) * 4)[:, 0], film(50, dtype=np.uint16))
    assert stored.image.meaning.times(2)[1] == pytest.approx(1 / 15037)
    assert stored.content.source["recording"] == yaml.safe_load(TOLD)
    assert stored.commit.record["repairs"] == []
    verify([stored.path])


def test_frames_and_video_of_the_same_strike_hold_the_same_pixels(tmp_path):
    stored = ingested(tmp_path)
    frames = write_frames(tmp_path / "frames", film(50))
    ingest(frames, tmp_path / "frames.ome.zarr", acquisition=acquisition(tmp_path, TOLD))
    other = open_image(tmp_path / "frames.ome.zarr")
    everything = (slice(None),) * 4
    assert_array_equal(stored.image.read(everything), other.image.read(everything))
    assert stored.image.meaning == other.image.meaning


def test_what_the_acquisition_file_says_is_part_of_what_makes_a_store(tmp_path):
    stored = ingested(tmp_path)
    path = acquisition(tmp_path, TOLD)
    ingest(tmp_path / "strike.mkv", stored.path, acquisition=path)  # the same again: nothing to do
    with pytest.raises(OSError, match="STORE-EXISTS"):
        ingest(tmp_path / "strike.mkv", stored.path, acquisition=acquisition(tmp_path, "frame_rate_hz: 1.0"))


def test_lost_frames_are_in_the_times_of_the_others(tmp_path):
    path = write_video(tmp_path / "strike.mkv", film(20), skip=(5, 6, 11))
    told = acquisition(tmp_path, "frame_rate_hz: 100.0\ndropped_frames: keep")
    ingest(path, tmp_path / "s.ome.zarr", acquisition=told)
    stored = open_image(tmp_path / "s.ome.zarr")
    assert stored.image.meaning.skipped == ((5, 2), (9, 1))
    kept = [n for n in range(20) if n not in (5, 6, 11)]
    assert stored.image.meaning.times(17) == pytest.approx(np.array(kept) / 100)
    assert_array_equal(stored.image.read((slice(None),) * 4)[:, 0], film(20)[kept])


def test_a_damaged_video_leaves_no_store(tmp_path):
    path = write_video(tmp_path / "strike.mkv", film(20))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="VIDEO-CUT"):
        ingest(path, tmp_path / "s.ome.zarr", acquisition=acquisition(tmp_path))
    assert not (tmp_path / "s.ome.zarr").exists()


def test_no_name_or_tag_of_a_video_reaches_its_store(tmp_path):
    def tag(stream):
        stream.metadata["title"] = stream.metadata["handler_name"] = "CANARY"
        stream.container.metadata["comment"] = "CANARY"

    path = write_video(tmp_path / "canary.mov", film(5), "png", prepare=tag)
    assert b"CANARY" in path.read_bytes()
    ingest(path, tmp_path / "s.ome.zarr", acquisition=acquisition(tmp_path))
    stored = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.suffix == ".json"]
    assert len(stored) >= 3
    assert not any(b"canary" in content.lower() for content in stored)


@pytest.mark.parametrize("verb", ["predict", "nifti", "brain_mask"])
def test_verbs_for_volumes_refuse_a_recording_in_one_line(tmp_path, tiny_model, verb):
    stored = ingested(tmp_path)
    calls = {
        "predict": lambda: predict(stored.path, str(tiny_model), tmp_path / "p.ome.zarr"),
        "nifti": lambda: nifti(stored.path, tmp_path / "out.nii"),
        "brain_mask": lambda: brain_mask(stored.path, tmp_path / "out.nii"),
    }
    with pytest.raises(MismatchError, match=r"axes tzyx"):
        calls[verb]()
    assert not (tmp_path / "out.nii").exists()


def test_many_frames_are_read_in_few_slabs_and_stored_in_few_objects(tmp_path):
    ingested(tmp_path, count=600)
    objects = read_commit(tmp_path / "strike.ome.zarr").objects
    assert len([key for key in objects if "/c/" in key]) == 1
