"""A CT as DICOM: read back by our own reader and by another, with the same voxels at the same places."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medscience.errors import MismatchError
from medscience.export.ct import Identity, scale_of
from medscience.geometry import Geometry, as_affine
from medscience.image import Image, Meaning
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.read import open_dicom
from medscience.steps.export import ct
from medscience.store.images import open_image
from medscience.testing.phantoms import obliques, orientations
from tests.store.conftest import write

GRIDS = [*orientations(), *obliques(6)]


def values(shape, seed=0):
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype(np.int16)


def store(folder, array, geometry=None, *, axes="zyx", unit="HU", **more):
    grid = geometry or GRIDS[0]
    meaning = Meaning(grid, axes, value_unit=unit, **more)
    return write(folder / "scan.ome.zarr", array, affine=grid.affine, meaning=meaning)


def read(folder, **choices):
    """The voxels and the grid, as our own reader brings them in."""
    source = open_dicom(folder, choices=Choices(**choices))
    return np.concatenate(list(source.slabs(64))).reshape(source.shape), source


def at(array, grid, world):
    """The voxels at places in the world."""
    index = np.rint(grid.index(world)).astype(int)
    return array[tuple(index.T)]


@pytest.mark.parametrize("geometry", GRIDS, ids=lambda grid: grid.orientation)
def test_every_voxel_lies_where_it_lay_on_any_grid(tmp_path, geometry):
    array = values(geometry.shape)
    ct(store(tmp_path, array, geometry), tmp_path / "out")
    back, source = read(tmp_path / "out")
    every = np.argwhere(np.ones(geometry.shape, bool))
    assert np.array_equal(at(back, source.meaning.geometry, geometry.world(every)), array[tuple(every.T)])
    assert np.abs(source.meaning.geometry.index(geometry.world(every)) % 1 - 0.5).min() > 0.5 - 1e-4
    assert (source.meaning.value_unit, back.dtype) == ("HU", np.int16)
    assert {repair.code for repair in source.repairs} <= {"DICOM-STEP"}


@pytest.mark.parametrize("geometry", GRIDS[::9], ids=lambda grid: grid.orientation)
def test_another_reader_finds_the_same(tmp_path, geometry):
    array = values(geometry.shape)
    ct(store(tmp_path, array, geometry), tmp_path / "out")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "out")))
    image = reader.Execute()
    for index in np.random.default_rng(1).integers(0, geometry.shape, (40, 3)):
        x, y, z = geometry.world(index)
        place = image.TransformPhysicalPointToIndex((-float(x), -float(y), float(z)))
        assert image[place] == array[tuple(index)]
    corner = image.TransformIndexToPhysicalPoint((0, 0, 0)) * np.array([-1, -1, 1])
    assert np.abs(geometry.index(corner) - np.rint(geometry.index(corner))).max() < 1e-3


def test_a_leaning_grid_stays_as_it_leans(tmp_path):
    matrix = GRIDS[0].matrix
    matrix[:3, 0] += 0.1 * matrix[:3, 1]
    leaning = Geometry(GRIDS[0].shape, as_affine(matrix))
    array = values(leaning.shape)
    ct(store(tmp_path, array, leaning), tmp_path / "out")
    back, source = read(tmp_path / "out", on_tilt="keep")
    every = np.argwhere(np.ones(leaning.shape, bool))
    assert np.array_equal(at(back, source.meaning.geometry, leaning.world(every)), array[tuple(every.T)])


def test_rows_and_columns_that_are_not_at_right_angles_are_refused(tmp_path):
    matrix = GRIDS[0].matrix
    matrix[:3, 1] += 0.1 * matrix[:3, 2]
    skewed = Geometry(GRIDS[0].shape, as_affine(matrix))
    with pytest.raises(MismatchError, match="EXPORT-CT-SHEAR"):
        ct(store(tmp_path, values(skewed.shape), skewed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_phases_are_one_series_in_time_or_a_series_each(tmp_path):
    array = values((3, *GRIDS[0].shape))
    scan = store(tmp_path, array, axes="tzyx", time_step=0.5)
    ct(scan, tmp_path / "one")
    back, source = read(tmp_path / "one")
    grid = source.meaning.geometry
    every = np.argwhere(np.ones(GRIDS[0].shape, bool))
    assert (source.times, source.meaning.time_step) == (3, 0.5)
    for time in range(3):
        there = at(back[time], grid, GRIDS[0].world(every))
        assert np.array_equal(there, array[time][tuple(every.T)])
    ct(scan, tmp_path / "each", phases="apart")
    series = set()
    for time in range(3):
        alone, source = read(tmp_path / f"each/phase-{time:02}")
        assert source.times == 1
        assert np.array_equal(alone, back[time])
        series.add(pydicom.dcmread(next((tmp_path / f"each/phase-{time:02}").iterdir())).SeriesInstanceUID)
    assert len(series) == 3


@pytest.mark.parametrize("kind", ["average", "maximum"])
def test_phases_become_their_average_or_their_maximum(tmp_path, kind):
    array = values((3, 40, 9, 11))
    grid = Geometry(array.shape[1:], GRIDS[0].affine)
    ct(store(tmp_path, array, grid, axes="tzyx"), tmp_path / "out", phases=kind)
    back, source = read(tmp_path / "out")
    wanted = array.astype(float).mean(axis=0) if kind == "average" else array.max(axis=0)
    every = np.argwhere(np.ones(grid.shape, bool))
    there = at(back, source.meaning.geometry, grid.world(every))
    assert np.abs(there - wanted[tuple(every.T)]).max() <= (0.04 if kind == "average" else 0)
    first = pydicom.dcmread(next((tmp_path / "out").iterdir()))
    assert list(first.ImageType) == ["DERIVED", "SECONDARY", "AXIAL", kind.upper()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(low=st.floats(-30000, 0), span=st.floats(0, 30000), seed=st.integers(0, 9))
def test_values_come_back_to_half_a_step(low, span, seed):
    array = low + span * np.random.default_rng(seed).random((2, 3, 4))
    array[0, 0, 0], array[-1, -1, -1] = low, low + span
    scale = scale_of(Image(array, Meaning(Geometry.own(array.shape))))
    there = scale.stored(array).astype(float) * scale.slope + scale.intercept
    assert np.abs(there - array).max() <= scale.slope / 2 * (1 + 1e-9)
    whole = (array == np.rint(array)).all()
    assert scale.slope <= (1 if whole else max(2 * span / 64510, 2**-10))
    for number in (scale.slope, scale.intercept):
        assert float(str(pydicom.valuerep.DSfloat(number, auto_format=True))) == number


@pytest.mark.parametrize("wild", [np.nan, np.inf, 1e9])
def test_values_that_16_bits_cannot_hold_are_refused(tmp_path, wild):
    array = values(GRIDS[0].shape).astype(np.float32)
    array[1, 2, 3] = wild
    with pytest.raises(MismatchError, match="EXPORT-CT-RANGE"):
        ct(store(tmp_path, array), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == []


def test_whole_numbers_of_any_type_come_back_as_they_are():
    for kind, top in (("uint16", 60000), ("int32", 40000), ("float32", 3000), ("uint8", 255)):
        array = np.array([[[0, 1, top]]], kind)
        scale = scale_of(Image(array, Meaning(Geometry.own(array.shape))))
        assert scale.slope == 1
        assert (scale.stored(array).astype(int) + int(scale.intercept)).ravel().tolist() == [0, 1, top]


def test_the_same_export_is_the_same_files_and_says_nothing_of_anyone(tmp_path):
    scan = store(tmp_path, values(GRIDS[0].shape))
    for name in ("a", "b"):
        ct(scan, tmp_path / name)
    pairs = [sorted((tmp_path / name).iterdir()) for name in ("a", "b")]
    assert [path.read_bytes() for path in pairs[0]] == [path.read_bytes() for path in pairs[1]]
    first = pydicom.dcmread(pairs[0][0])
    code = f"MS-{open_image(scan).commit.digest[:12]}"
    assert (first.PatientID, str(first.PatientName)) == (code, f"{code}^")
    dates = [element for element in first if element.VR in ("DA", "TM", "DT") and element.value]
    assert dates == []
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in pairs[0]}
    assert len(uids) == len(pairs[0])
    assert all(uid.is_valid for uid in uids)
    ct(scan, tmp_path / "named", patient="case-7")
    assert pydicom.dcmread(next((tmp_path / "named").iterdir())).PatientID == "case-7"
    with pytest.raises(typer.BadParameter):
        ct(scan, tmp_path / "other", patient="Doe^John")


def test_what_is_no_ct_is_refused_unless_someone_says_so(tmp_path):
    scan = store(tmp_path, values(GRIDS[0].shape), unit=None)
    with pytest.raises(MismatchError, match=r"EXPORT-CT-UNIT.*--hounsfield"):
        ct(scan, tmp_path / "out")
    ct(scan, tmp_path / "out", hounsfield=True)
    with pytest.raises(FileExistsError):
        ct(scan, tmp_path / "out", hounsfield=True)
    labels = write(tmp_path / "labels.ome.zarr", values((3, 4, 5)), is_labels=True)
    with pytest.raises(MismatchError, match=r"EXPORT-CT-UNIT.*found labels"):
        ct(labels, tmp_path / "labels", hounsfield=True)
    other = store(tmp_path / "own", values(GRIDS[0].shape), space="own")
    with pytest.raises(MismatchError, match="EXPORT-CT-AXES"):
        ct(other, tmp_path / "own-out")
    with pytest.raises(MismatchError, match="EXPORT-PHASES"):
        ct(scan, tmp_path / "average", phases="average", hounsfield=True)


def test_uids_differ_between_images():
    assert Identity("x", "a").uid("series") != Identity("x", "b").uid("series")
    assert len(Identity("x", "a").uid("image", "average", 0, 12)) <= 64
