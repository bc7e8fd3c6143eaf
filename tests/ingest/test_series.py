"""Volumes in time in one file, in the formats that know no unit of time."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import orientations
from tests.ingest.contract import voxels
from tests.ingest.test_metaimage import LPS, edit

GRID = orientations()[17]
SERIES = np.random.default_rng(0).integers(-999, 999, (4, *GRID.shape), np.int16)


def write_mha(path, series=SERIES, *, packed=False):
    """Write a series with SimpleITK."""
    image = sitk.GetImageFromArray(series, isVector=False)
    turn = np.eye(4)
    turn[:3, :3] = LPS @ GRID.directions[:, ::-1]
    image.SetSpacing((*GRID.spacing[::-1], 0.4))
    image.SetOrigin((*(LPS @ GRID.origin), 0))
    image.SetDirection(turn.ravel().tolist())
    sitk.WriteImage(image, path, useCompression=packed)
    return path


def write_packed_mha(path, series=SERIES):
    return write_mha(path, series, packed=True)


def write_nrrd(path, series=SERIES, kinds="domain domain domain list"):
    """Write a series as Slicer and others do, its volumes one after the other."""
    x, y, z = GRID.matrix[:3, [2, 1, 0]].T
    vectors = " ".join(f"({','.join(map(repr, map(float, v)))})" for v in (x, y, z))
    header = [
        "NRRD0005",
        "type: int16",
        "dimension: 4",
        "space: right-anterior-superior",
        f"sizes: {' '.join(map(str, series.shape[::-1]))}",
        f"space directions: {vectors} none",
        f"kinds: {kinds}",
        "endian: little",
        "encoding: raw",
        f"space origin: ({','.join(map(repr, map(float, GRID.origin)))})",
    ]
    path.write_bytes("\n".join([*header, "", ""]).encode() + series.astype("<i2").tobytes())
    return path


def write_mgz(path, series=SERIES):
    nib.save(nib.MGHImage(series.T, GRID.matrix[:, [2, 1, 0, 3]]), path)
    return path


WRITERS = [("s.mha", write_mha), ("p.mha", write_packed_mha), ("s.nrrd", write_nrrd), ("s.mgz", write_mgz)]


@pytest.fixture
def phases(tmp_path):
    path = tmp_path / "phases.yaml"
    path.write_text("phases: true\n", "utf-8")
    return path


@pytest.mark.parametrize("name, write", WRITERS, ids=[name for name, _ in WRITERS])
def test_volumes_come_one_after_the_other_where_they_lie(name, write, tmp_path, phases):
    source = open_source(write(tmp_path / name), phases)
    assert source.meaning.axes == "tzyx"
    assert source.meaning.time_step is None
    assert source.shape == SERIES.shape
    assert_array_equal(voxels(source, 3).reshape(SERIES.shape), SERIES)
    assert_allclose(source.meaning.geometry.matrix, GRID.matrix, atol=1e-4)


@pytest.mark.parametrize("name, write", WRITERS, ids=[name for name, _ in WRITERS])
def test_the_time_between_them_is_asked_for(name, write, tmp_path):
    path = write(tmp_path / name)
    with pytest.raises(InputError, match=r"-TIME.*time_step_s"):
        open_source(path)
    told = tmp_path / "told.yaml"
    told.write_text("time_step_s: 0.25\n", "utf-8")
    assert open_source(path, told).meaning.time_step == 0.25


@pytest.mark.parametrize("name, write", WRITERS, ids=[name for name, _ in WRITERS])
def test_a_last_volume_that_is_cut_is_missed(name, write, tmp_path, phases):
    path = write(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 8])
    with pytest.raises(InputError, match=r"TRUNCATED|DAMAGED"):
        voxels(open_source(path, phases))


def test_volumes_whose_voxels_alternate_are_refused(tmp_path, phases):
    path = write_nrrd(tmp_path / "scan.nrrd", kinds="list domain domain domain")
    with pytest.raises(InputError, match=r"NRRD-KINDS.*time the last"):
        open_source(path, phases)


def test_a_time_that_leans_into_space_is_refused(tmp_path, phases):
    path = write_mha(tmp_path / "scan.mha")
    edit(path, "TransformMatrix", "1 0 0 0 0 1 0 0 0 0 1 0.1 0 0 0 1")
    with pytest.raises(InputError, match=r"METAIMAGE-TRANSFORMMATRIX.*apart from space"):
        open_source(path, phases)
