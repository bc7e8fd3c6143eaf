"""MetaImage files, against ITK's writer and reader."""

import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import obliques, orientations
from tests.ingest.contract import PairContract, ReaderContract, voxels

LPS = np.diag([-1.0, -1.0, 1.0])


def write_itk(volume, geometry, path, *, packed=False, **fields):
    """Write a volume with SimpleITK, whose world is LPS+."""
    image = sitk.GetImageFromArray(volume)
    x, y, z = geometry.spacing[::-1]
    image.SetSpacing((x, y, z))
    image.SetOrigin((LPS @ geometry.origin).tolist())
    image.SetDirection((LPS @ geometry.directions[:, ::-1]).ravel().tolist())
    for name, value in fields.items():
        image.SetMetaData(name, value)
    sitk.WriteImage(image, path, useCompression=packed)


class TestMha(ReaderContract):
    ending = ".mha"
    dtypes = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
    packed = False

    def write(self, volume, geometry, path):
        write_itk(volume, geometry, path, packed=self.packed)


class TestPackedMha(TestMha):
    packed = True


class TestMhd(PairContract, TestMha):
    ending = ".mhd"
    data_ending = ".raw"


class TestPackedMhd(PairContract, TestPackedMha):
    ending = ".mhd"
    data_ending = ".zraw"


@pytest.fixture
def scan(tmp_path):
    """Return a file with a plain header, to be edited."""
    path = tmp_path / "scan.mha"
    volume = np.random.default_rng(0).integers(-999, 999, (7, 9, 11), np.int16)
    write_itk(volume, orientations()[11], path)
    return path


def edit(path, name, value):
    """Give a field of a header another value, or leave it out."""
    lines = path.read_bytes().split(b"\n")
    new = [] if value is None else [f"{name} = {value}".encode("latin-1")]
    where = next((n for n, line in enumerate(lines) if line.startswith(f"{name} =".encode())), None)
    if where is None:
        lines[2:2] = new
    else:
        lines[where : where + 1] = new
    path.write_bytes(b"\n".join(lines))


REFUSED = {
    "text-data": ("BinaryData", "False", "METAIMAGE-BINARYDATA"),
    "a-mesh": ("ObjectType", "Mesh", "METAIMAGE-OBJECTTYPE"),
    "channels": ("ElementNumberOfChannels", "3", "METAIMAGE-ELEMENTNUMBEROFCHANNELS"),
    "turned-elsewhere": ("CenterOfRotation", "1 0 0", "METAIMAGE-CENTEROFROTATION"),
    "no-size": ("DimSize", None, "METAIMAGE-DIMSIZE"),
    "no-type": ("ElementType", None, "METAIMAGE-ELEMENTTYPE"),
    "scaled": ("ElementToIntensityFunctionSlope", "2", "METAIMAGE-ELEMENTTOINTENSITYFUNCTIONSLOPE"),
    "no-flag": ("CompressedData", "maybe", "METAIMAGE-COMPRESSEDDATA"),
    "furlongs": ("DistanceUnits", "furlong", "METAIMAGE-DISTANCEUNITS"),
    "long-vectors": ("TransformMatrix", "2 0 0 0 2 0 0 0 2", "METAIMAGE-TRANSFORMMATRIX"),
    "skip-in-one-file": ("HeaderSize", "7", "METAIMAGE-HEADERSIZE"),
    "slices": ("ElementDataFile", "slice%03d.raw 1 7 1", "METAIMAGE-ELEMENTDATAFILE"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_that_would_be_read_wrongly_is_refused_by_name(case, scan):
    name, value, code = REFUSED[case]
    edit(scan, name, value)
    with pytest.raises(InputError) as fault:
        voxels(open_source(scan))
    assert (fault.value.code, fault.value.file, fault.value.field) == (code, str(scan), name)


@pytest.mark.parametrize(
    "line", [b"DimSize = 1 2 3\n", b"Origin = 0 0 0\n", b"no equals sign\n", b"\x00\xff\n"]
)
def test_a_header_that_is_not_one_clear_list_of_fields_is_refused(line, scan):
    first, rest = scan.read_bytes().split(b"\n", 1)
    scan.write_bytes(first + b"\n" + line + rest)
    with pytest.raises(InputError, match="METAIMAGE-"):
        open_source(scan)


@pytest.mark.parametrize("name", ["Offset", "TransformMatrix", "BinaryDataByteOrderMSB"])
def test_a_default_that_the_format_defines_is_taken_and_recorded(name, scan):
    edit(scan, name, None)
    source = open_source(scan)
    assert [(repair.code, repair.field) for repair in source.repairs] == [("METAIMAGE-DEFAULT", name)]
    image = sitk.ReadImage(scan)
    assert_allclose(source.meaning.geometry.origin, LPS @ image.GetOrigin())
    assert_allclose(source.meaning.geometry.directions, (LPS @ directions(image))[:, ::-1])


def directions(image):
    return np.reshape(image.GetDirection(), (3, 3))


@pytest.mark.parametrize("geometry", obliques(4), ids=lambda grid: grid.orientation)
def test_negative_spacing_leads_where_itk_goes(geometry, scan):
    write_itk(np.zeros(geometry.shape, np.int16), geometry, scan)
    x, y, z = geometry.spacing[::-1]
    edit(scan, "ElementSpacing", f"{x} {-y} {z}")
    source, image = open_source(scan), sitk.ReadImage(scan)
    for index in [(0, 0, 0), (3, 5, 2), (10, 8, 6)]:
        theirs = LPS @ image.TransformIndexToPhysicalPoint(index)
        assert_allclose(source.meaning.geometry.world(index[::-1]), theirs, atol=1e-4)
    assert [repair.code for repair in source.repairs] == ["METAIMAGE-SPACING"]


@pytest.mark.parametrize("unit, factor", [("um", 0.001), ("cm", 10.0), ("m", 1000.0)])
def test_other_units_become_millimetres(unit, factor, scan):
    before = open_source(scan).meaning.geometry
    edit(scan, "DistanceUnits", unit)
    assert_allclose(open_source(scan).meaning.geometry.matrix[:3], before.matrix[:3] * factor)


@pytest.mark.parametrize("before", [0, 5, -1])
def test_bytes_before_the_data_of_a_pair_are_skipped(before, tmp_path):
    path, volume = tmp_path / "scan.mhd", np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    write_itk(volume, orientations((2, 3, 4))[0], path)
    data = path.with_suffix(".raw")
    data.write_bytes(b"12345"[: len(b"12345") if before else 0] + data.read_bytes())
    edit(path, "HeaderSize", before)
    assert_array_equal(voxels(open_source(path)), volume)


def test_big_endian_data_give_the_same_volume(scan):
    volume = voxels(open_source(scan))
    content = scan.read_bytes()
    scan.write_bytes(content[: -volume.nbytes] + volume.astype(">i2").tobytes())
    edit(scan, "BinaryDataByteOrderMSB", "True")
    assert_array_equal(voxels(open_source(scan)), volume)


def test_data_after_the_end_of_a_packed_stream_are_refused(scan):
    volume = voxels(open_source(scan))
    content = scan.read_bytes()
    for tail in (b"x", zlib.compress(b"another stream")):
        packed = zlib.compress(volume.tobytes()) + tail
        scan.write_bytes(content[: -volume.nbytes] + packed)
        edit(scan, "CompressedData", "True")
        with pytest.raises(InputError, match="METAIMAGE-DAMAGED"):
            voxels(open_source(scan))
