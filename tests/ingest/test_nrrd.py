"""NRRD files, against ITK's writer and reader, and against a writer of a dozen lines."""

import bz2
import gzip

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose, assert_array_equal

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import obliques, orientations
from tests.ingest.contract import PairContract, ReaderContract, voxels
from tests.ingest.test_metaimage import LPS, write_itk

SIGNS = {"RAS": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "LPS": (-1, -1, 1)}


class TestNrrd(ReaderContract):
    ending = ".nrrd"
    dtypes = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
    packed = False

    def write(self, volume, geometry, path):
        write_itk(volume, geometry, path, packed=self.packed)


class TestPackedNrrd(TestNrrd):
    packed = True


class TestNhdr(PairContract, TestNrrd):
    ending = ".nhdr"
    data_ending = ".raw"


class TestPackedNhdr(PairContract, TestPackedNrrd):
    ending = ".nhdr"
    data_ending = ".raw.gz"


def vector(numbers):
    return f"({','.join(repr(float(number)) for number in numbers)})"


def write_by_hand(volume, geometry, path, *, space="RAS", encoding="raw", change=None):
    """Write a volume from the format's definition alone."""
    turned = np.diag(SIGNS[space]) @ geometry.matrix[:3]
    packers = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}
    header = {
        "type": {"i2": "short", "f4": "float", "u1": "uchar"}[volume.dtype.str[1:]],
        "dimension": 3,
        "space": space,
        "sizes": " ".join(map(str, volume.shape[::-1])),
        "space directions": " ".join(vector(turned[:, n]) for n in (2, 1, 0)),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": encoding,
        "space origin": vector(turned[:, 3]),
    }
    header |= change or {}
    lines = [f"{name}: {value}" for name, value in header.items() if value is not None]
    text = "\n".join(["NRRD0004", "# a comment", *lines]) + "\n\n"
    path.write_bytes(text.encode() + packers[encoding](volume.astype("<" + volume.dtype.str[1:]).tobytes()))


class TestByHand(ReaderContract):
    ending = ".nrrd"
    dtypes = ("u1", "i2", "f4")

    def write(self, volume, geometry, path):
        write_by_hand(volume, geometry, path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("space", SIGNS)
@pytest.mark.parametrize("geometry", obliques(3), ids=lambda grid: grid.orientation)
def test_every_space_and_packing_gives_the_same_volume(geometry, space, encoding, tmp_path):
    path, volume = tmp_path / "scan.nrrd", np.arange(693, dtype=np.int16).reshape(geometry.shape)
    write_by_hand(volume, geometry, path, space=space, encoding=encoding)
    source = open_source(path)
    assert source.meaning.geometry.close_to(geometry, 1e-6)
    assert_array_equal(voxels(source), volume)
    if encoding != "bzip2":  # which ITK does not read
        image = sitk.ReadImage(path)
        corner = LPS @ image.TransformIndexToPhysicalPoint((10, 8, 6))
        assert_allclose(source.meaning.geometry.world((6, 8, 10)), corner, atol=1e-6)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a small volume with some fields changed."""

    def write(**fields):
        path = tmp_path / "scan.nrrd"
        change = {name.replace("_", " "): value for name, value in fields.items()}
        volume = np.arange(693, dtype=np.int16).reshape(7, 9, 11)
        write_by_hand(volume, orientations()[11], path, change=change)
        return path

    return write


REFUSED = {
    "dimension": "2",
    "sizes": "11 9",
    "type": "block",
    "endian": "middle",
    "encoding": "hex",
    "kinds": "domain domain vector",
    "space units": '"furlong" "furlong" "furlong"',
    "space directions": "(1,0,0) (0,1,0) (0,0,nan)",
    "space origin": "(1,0)",
    "byte skip": "-2",
    "line skip": "1",
    "data file": "slice%03d.raw 1 7 1",
    "colour": "blue",
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_header_that_would_be_read_wrongly_is_refused_by_name(field, write):
    path = write(**{field.replace(" ", "_"): REFUSED[field]})
    with pytest.raises(InputError) as fault:
        voxels(open_source(path))
    assert fault.value.code.startswith("NRRD-")
    assert fault.value.file == str(path)
    assert field.replace(" ", "") in fault.value.field or field == "colour"


@pytest.mark.parametrize("skip", [0, 5, -1])
def test_bytes_before_plain_data_are_skipped(skip, write):
    volume = voxels(open_source(write()))
    path = write(byte_skip=str(skip))
    header, data = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes(header + b"\n\n" + (b"12345" if skip else b"") + data)
    assert_array_equal(voxels(open_source(path)), volume)


@pytest.mark.parametrize("field", ["type", "dimension", "sizes", "encoding", "endian", "space_origin"])
def test_a_field_without_which_one_would_guess_must_be_there(field, write):
    with pytest.raises(InputError, match="found nothing"):
        open_source(write(**{field: None}))


def test_a_field_that_is_there_twice_is_refused(write):
    path = write()
    path.write_bytes(path.read_bytes().replace(b"# a comment", b"SpaceOrigin: (0,0,0)"))
    with pytest.raises(InputError, match=r"NRRD-SPACEORIGIN.*twice"):
        open_source(path)


@pytest.mark.parametrize("unit, factor", [("um", 0.001), ("cm", 10.0), ("m", 1000.0)])
def test_other_units_become_millimetres(unit, factor, write):
    before = open_source(write()).meaning.geometry
    source = open_source(write(space_units=f'"{unit}" "{unit}" "{unit}"'))
    assert_allclose(source.meaning.geometry.matrix[:3], before.matrix[:3] * factor)
    assert [repair.code for repair in source.repairs] == ["NRRD-UNIT"]


def test_a_header_in_dos_lines_reads_the_same(write):
    before = open_source(write())
    volume, geometry = voxels(before), before.meaning.geometry
    path = write()
    header, data = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes(header.replace(b"\n", b"\r\n") + b"\r\n\r\n" + data)
    source = open_source(path)
    assert source.meaning.geometry == geometry
    assert_array_equal(voxels(source), volume)
