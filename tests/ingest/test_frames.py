"""Recordings, as videos, folders of frames and pages of a file, through the reader contract of series."""

import hashlib

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from tests.ingest.contract import voxels
from tests.ingest.recordings import acquisition, film, write_frames, write_video


class RecordingContract:
    """Laws of a reader of recordings; a subclass gives `write`, which writes frames in its format."""

    dtypes = (np.uint8, np.uint16)

    def write(self, frames, folder):
        raise NotImplementedError

    @pytest.fixture
    def told(self, tmp_path):
        return acquisition(tmp_path)

    @pytest.mark.parametrize("slices", [1, 7, 100])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_every_frame_arrives_bit_for_bit_in_order_in_slabs_of_any_size(
        self, tmp_path, told, dtype, slices
    ):
        frames = film(dtype=dtype)
        source = open_source(self.write(frames, tmp_path), told)
        assert source.shape == (20, 1, 48, 64)
        assert source.dtype == dtype
        slabs = list(source.slabs(slices))
        assert {len(slab) for slab in slabs[:-1]} <= {slices}
        assert_array_equal(np.concatenate(slabs), frames)
        assert source.repairs == []

    def test_the_acquisition_file_is_the_clock(self, tmp_path, told):
        meaning = open_source(self.write(film(), tmp_path), told).meaning
        assert meaning.axes == "tzyx"
        assert meaning.times(3).tolist() == pytest.approx([0, 1 / 15037, 2 / 15037])

    def test_without_it_the_frames_are_refused(self, tmp_path):
        with pytest.raises(InputError, match=r"ACQUISITION-NEEDED.*--acquisition"):
            open_source(self.write(film(), tmp_path))

    def test_lengths_are_in_pixels_unless_their_size_is_known(self, tmp_path):
        path = self.write(film(), tmp_path)
        unknown = open_source(path, acquisition(tmp_path)).meaning
        known = open_source(path, acquisition(tmp_path, "frame_rate_hz: 9.0\npixel_size_mm: 0.25")).meaning
        both = open_source(
            path, acquisition(tmp_path, "frame_rate_hz: 9.0\npixel_size_mm: [0.25, 0.5]")
        ).meaning
        assert (unknown.space, unknown.geometry.spacing) == ("pixels", (1, 1, 1))
        assert (known.space, known.geometry.spacing) == ("own", (1, 0.25, 0.25))
        assert (both.space, both.geometry.spacing) == ("own", (1, 0.25, 0.5))

    def test_another_number_of_frames_than_were_recorded_is_refused(self, tmp_path):
        path = self.write(film(), tmp_path)
        open_source(path, acquisition(tmp_path, "frame_rate_hz: 9.0\nframes: 20"))
        with pytest.raises(InputError, match=r"FRAME-COUNT.*found 20, expected 21"):
            open_source(path, acquisition(tmp_path, "frame_rate_hz: 9.0\nframes: 21"))

    def test_the_digest_is_that_of_the_files_one_after_the_other(self, tmp_path, told):
        path = self.write(film(), tmp_path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        content = b"".join(file.read_bytes() for file in files)
        assert open_source(path, told).sha256 == hashlib.sha256(content).hexdigest()

    def test_a_file_that_changes_while_it_is_read_is_refused(self, tmp_path, told):
        path = self.write(film(), tmp_path)
        slabs = open_source(path, told).slabs(4)
        next(slabs)
        file = sorted(path.iterdir())[0] if path.is_dir() else path
        file.write_bytes(file.read_bytes() + b"\0" * 64)
        with pytest.raises(InputError):
            list(slabs)

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
    def test_a_cut_file_is_refused(self, tmp_path, told, part):
        path = self.write(film(), tmp_path)
        file = sorted(path.iterdir())[-1] if path.is_dir() else path
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError) as fault:
            voxels(open_source(path, told))
        assert str(file) in fault.value.line

    def test_frames_that_a_person_should_know_of_are_counted(self, tmp_path, told):
        frames = film(dtype=np.uint8)
        frames[3] = 0
        frames[7] = frames[6]
        frames[11:13, :40] = 255
        source = open_source(self.write(frames, tmp_path), told)
        assert_array_equal(voxels(source, 5), frames)
        assert {repair.code: repair.before for repair in source.repairs} == {
            "FRAME-BLANK": "1 in which every pixel is the same, the first is 3",
            "FRAME-SATURATED": "2 in which half of the pixels or more are saturated, the first is 11",
            "FRAME-FROZEN": "1 that are the same as the one before, the first is 7",
        }


class TestAvi(RecordingContract):
    def write(self, frames, folder):
        return write_video(folder / "strike.avi", frames)


class TestMatroska(RecordingContract):
    def write(self, frames, folder):
        return write_video(folder / "strike.mkv", frames)


class TestMov(RecordingContract):
    def write(self, frames, folder):
        return write_video(
            folder / "strike.mov", frames, "png", "gray16be" if frames.itemsize > 1 else "gray"
        )


class TestPng(RecordingContract):
    def write(self, frames, folder):
        return write_frames(folder / "strike", frames)


class TestTiffFrames(RecordingContract):
    def write(self, frames, folder):
        return write_frames(folder / "strike", frames, ".tif")


class TestTiffPages(RecordingContract):
    def write(self, frames, folder):
        path = folder / "strike.tif"
        tifffile.imwrite(path, frames, compression="zlib", metadata=None)
        return path


class TestBigTiff(RecordingContract):
    def write(self, frames, folder):
        path = folder / "strike.tiff"
        tifffile.imwrite(path, frames, bigtiff=True, byteorder=">", metadata=None)
        return path
