"""What every reader of volumes must do; a reader's test class inherits this and writes its format."""

import hashlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import centroid, landmark, obliques, orientations

GRIDS = [*orientations(), *obliques(20)]


def voxels(source, slices=4):
    return np.concatenate(list(source.slabs(slices)))


class ReaderContract:
    """Laws of a reader.

    A subclass gives `ending`, the `dtypes` that its format holds, and `write`, which writes a volume with a
    library that is not ours.
    """

    ending: str
    dtypes: tuple[str, ...]

    def write(self, volume, geometry, path):
        raise NotImplementedError

    def as_read(self, volume, geometry):
        """How a format that keeps no order of slices gives back what was written; as it was, by default."""
        return volume, geometry

    def part_of(self, path):
        """The file that is damaged where a source is a folder."""
        return path

    @pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.orientation)
    def test_a_landmark_keeps_its_place_in_the_world(self, grid, tmp_path):
        mark = landmark(grid)
        path = tmp_path / f"scan{self.ending}"
        self.write(mark.volume, grid, path)
        source = open_source(path)
        found = centroid(voxels(source), source.meaning.geometry)
        assert_allclose(found, mark.world, atol=1e-3)

    @pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.orientation)
    def test_no_axis_is_flipped_or_permuted(self, grid, tmp_path):
        volume = np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape)
        path = tmp_path / f"scan{self.ending}"
        self.write(volume, grid, path)
        source = open_source(path)
        volume, grid = self.as_read(volume, grid)
        assert source.meaning.geometry.close_to(grid)
        assert_array_equal(voxels(source), volume)

    def test_every_type_of_number_arrives_bit_for_bit(self, tmp_path):
        grid = orientations()[0]
        random = np.random.default_rng(0)
        for name in self.dtypes:
            dtype = np.dtype(name)
            volume = random.standard_normal(grid.shape).astype(dtype)
            if dtype.kind in "iu":
                limits = np.iinfo(dtype)
                volume = random.integers(limits.min, limits.max, grid.shape, dtype, endpoint=True)
            path = tmp_path / f"{name}{self.ending}"
            self.write(volume, grid, path)
            volume, _ = self.as_read(volume, grid)
            source = open_source(path)
            assert source.dtype == dtype
            assert_array_equal(voxels(source), volume)

    @pytest.mark.parametrize("slices", [1, 2, 3, 5, 7, 12])
    def test_slabs_of_any_thickness_give_the_same_volume(self, slices, tmp_path):
        grid = orientations()[7]
        volume = np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape)
        path = tmp_path / f"scan{self.ending}"
        self.write(volume, grid, path)
        volume, _ = self.as_read(volume, grid)
        slabs = list(open_source(path).slabs(slices))
        assert max(len(slab) for slab in slabs) <= slices
        assert_array_equal(np.concatenate(slabs), volume)

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
    def test_a_truncated_file_is_refused(self, part, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        random = np.random.default_rng(1)
        volume = random.integers(-999, 999, (7, 9, 11), np.int16)
        self.write(volume, orientations()[0], path)
        cut = self.part_of(path)
        content = cut.read_bytes()
        cut.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError) as fault:
            voxels(open_source(path))
        assert str(cut) in fault.value.line
        assert fault.value.found
        assert fault.value.expected

    def test_a_file_that_changes_while_it_is_read_is_refused(self, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        self.write(np.ones((7, 9, 11), np.int16), orientations()[0], path)
        slabs = open_source(path).slabs(2)
        next(slabs)
        with self.part_of(path).open("ab") as file:
            file.write(b"more")
        with pytest.raises(InputError, match="INPUT-CHANGED"):
            list(slabs)

    def test_the_digest_is_that_of_the_file(self, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        self.write(np.ones((7, 9, 11), np.int16), orientations()[0], path)
        assert open_source(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_a_missing_file_and_an_empty_folder_are_refused(self, tmp_path):
        (tmp_path / f"folder{self.ending}").mkdir()
        for name in ("missing", "folder"):
            with pytest.raises(InputError, match=r"INPUT-MISSING|DICOM-NONE|OMEZARR-VERSION"):
                open_source(tmp_path / f"{name}{self.ending}")


class PairContract(ReaderContract):
    """Laws of a reader of headers with their data in a file beside them.

    A subclass gives `data_ending` as well; it stands before the contract that it changes.
    """

    data_ending: str

    def data(self, path):
        return path.with_name(path.name.removesuffix(self.ending) + self.data_ending)

    @pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
    def test_a_truncated_file_is_refused(self, part, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        volume = np.random.default_rng(1).integers(-999, 999, (7, 9, 11), np.int16)
        self.write(volume, orientations()[0], path)
        content = self.data(path).read_bytes()
        self.data(path).write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError) as fault:
            voxels(open_source(path))
        assert str(self.data(path)) in fault.value.line

    def test_a_header_without_its_data_is_refused(self, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        self.write(np.ones((7, 9, 11), np.int16), orientations()[0], path)
        self.data(path).unlink()
        with pytest.raises(InputError) as fault:
            open_source(path)
        assert self.data(path).name in fault.value.found

    def test_data_that_change_while_they_are_read_are_refused(self, tmp_path):
        path = tmp_path / f"scan{self.ending}"
        self.write(np.ones((7, 9, 11), np.int16), orientations()[0], path)
        slabs = open_source(path).slabs(2)
        next(slabs)
        self.data(path).touch()
        with pytest.raises(InputError, match="INPUT-CHANGED"):
            list(slabs)

    def test_the_digest_is_that_of_the_file(self, tmp_path):
        """Of both files, the header first: what ``cat HEADER DATA | sha256sum`` gives."""
        path = tmp_path / f"scan{self.ending}"
        self.write(np.ones((7, 9, 11), np.int16), orientations()[0], path)
        both = path.read_bytes() + self.data(path).read_bytes()
        assert open_source(path).sha256 == hashlib.sha256(both).hexdigest()
