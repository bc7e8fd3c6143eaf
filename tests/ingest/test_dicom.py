"""DICOM series against the reader's contract, and against other libraries."""

import hashlib
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.testing import assert_array_equal
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medscience.errors import InputError
from medscience.geometry import Geometry, as_affine
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.decode import decoded
from medscience.ingest.dicom.files import File
from medscience.ingest.dicom.form import read_form
from medscience.ingest.dicom.header import read_instance
from medscience.ingest.dicom.pixels import without_foreign_bits
from medscience.ingest.formats import open_source
from medscience.testing.phantoms import orientations
from tests.ingest.contract import ReaderContract, voxels
from tests.ingest.deadly import DEADLY, deadly
from tests.ingest.dicom_files import (
    LPS,
    SIDE,
    encoded,
    enhanced,
    item,
    places,
    series,
    write,
    write_enhanced,
    write_volume,
)


class Sorted(ReaderContract):
    """DICOM keeps no order of slices: they come back along the normal of their plane."""

    dtypes = ("uint8", "int8", "int16", "uint16", "int32", "uint32")

    def as_read(self, volume, geometry):
        z, y, x = (LPS @ geometry.directions).T
        if np.cross(x, y) @ z > 0:
            return volume, geometry
        change = geometry.reorientation(geometry.orientation)
        change = type(change)(change.order, (True, False, False))
        return change.apply(volume), geometry.reoriented(change)


class TestSeries(Sorted):
    ending = ""

    def write(self, volume, geometry, path):
        write_volume(volume, geometry, path)

    def part_of(self, path):
        return sorted(path.iterdir())[2]

    def test_the_digest_is_that_of_the_file(self, tmp_path):
        """Of a folder: that of its files' digests, whatever they are called and whatever lies beside them."""
        path = tmp_path / "scan"
        self.write(np.arange(7 * 9 * 11, dtype=np.int16).reshape(7, 9, 11), orientations()[0], path)
        digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir())
        expected = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        for n, file in enumerate(sorted(path.iterdir())):
            file.rename(path / f"{n * 7 % 5}-{n}")
        (path / "notes.txt").write_text("beside")
        assert open_source(path).sha256 == expected


class TestEnhanced(Sorted):
    ending = ".dcm"

    def write(self, volume, geometry, path):
        write_enhanced(volume, geometry, path)


@pytest.mark.samples
def test_the_ct_of_the_samples_is_another_librarys_and_lies_where_its_labels_lie(samples):
    source = open_source(samples / "ct/dicom")
    assert source.meaning.value_unit == "HU"
    files = sorted((samples / "ct/dicom").iterdir(), key=lambda file: pydicom.dcmread(file).SliceLocation)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    assert_array_equal(voxels(source), sitk.GetArrayFromImage(reader.Execute()))
    labels = nib.load(samples / "ct/dicom_reference_labels.nii.gz")
    theirs = Geometry(labels.shape[::-1], as_affine(labels.affine[:, [2, 1, 0, 3]]))
    turned = source.meaning.geometry.reorientation(theirs.orientation)
    assert source.meaning.geometry.reoriented(turned).close_to(theirs)


def compressed(slices, syntax, encode):
    """The slices with their pixels encoded."""
    for one in slices:
        one.PixelData = encapsulate([encode(one)])
        one.file_meta.TransferSyntaxUID = syntax
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    return slices


def jpeg(one):
    return imagecodecs.ljpeg_encode(one.pixel_array.view(np.uint16), bitspersample=16)


def jpeg_ls(one):
    return imagecodecs.jpegls_encode(one.pixel_array.view(np.uint16))


def jpeg2000(one):
    return imagecodecs.jpeg2k_encode(one.pixel_array, level=0, codecformat="j2k")


def rle(one):
    plain = pydicom.dcmread(BytesIO(encoded(one)))
    plain.compress(RLELossless)
    return next(pydicom.encaps.generate_frames(plain.PixelData, number_of_frames=1))


ENCODERS = {JPEGLosslessSV1: jpeg, JPEGLSLossless: jpeg_ls, JPEG2000Lossless: jpeg2000, RLELossless: rle}


def test_every_compressed_syntax_gives_what_pydicom_and_gdcm_give(tmp_path):
    for syntax, encode in ENCODERS.items():
        slices = series(2)
        stored = np.stack([one.pixel_array for one in slices])
        path = write(compressed(slices, syntax, encode), tmp_path / syntax.keyword)
        found = voxels(open_source(path))
        assert_array_equal(found, stored)
        theirs = [pydicom.dcmread(file).pixel_array for file in sorted(path.iterdir())]
        assert_array_equal(found, np.stack(theirs))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_plain_syntax_gives_the_same_voxels(syntax, tmp_path):
    slices = series(3, RescaleSlope=2, RescaleIntercept=-7)
    expected = np.stack([one.pixel_array for one in slices]) * 2 - 7
    for one in slices:
        if syntax == ExplicitVRBigEndian:
            one.PixelData = one.pixel_array.astype(">i2").tobytes()
        one.file_meta.TransferSyntaxUID = syntax
    content = [written(one) for one in slices]
    assert_array_equal(voxels(open_source(write(content, tmp_path / "scan"))), expected)


def written(one):
    """Its bytes in the syntax that its meta names."""
    plain = pydicom.Dataset()
    plain.update({element.tag: element for element in one})
    plain.file_meta = one.file_meta
    plain.file_meta.MediaStorageSOPClassUID, plain.file_meta.MediaStorageSOPInstanceUID = (
        one.SOPClassUID,
        "1.2",
    )
    stream = BytesIO()
    plain.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_a_zip_and_a_folder_of_folders_give_the_same_volume(tmp_path):
    path = write(series(5), tmp_path / "scan" / "deep" / "er")
    flat = open_source(path)
    with zipfile.ZipFile(tmp_path / "scan.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in path.iterdir():
            archive.write(file, f"a/b/{file.name}")
        archive.writestr("__MACOSX/._slice000.dcm", b"other")
    zipped = open_source(tmp_path / "scan.zip")
    deep = open_source(tmp_path / "scan")
    assert zipped.meaning == deep.meaning == flat.meaning
    assert deep.sha256 == flat.sha256
    assert_array_equal(voxels(zipped), voxels(flat))
    assert_array_equal(voxels(deep), voxels(flat))


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path):
    path = tmp_path / "scan.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scan.dcm", bytes(300 << 20))
    with pytest.raises(InputError, match="DICOM-ARCHIVE"):
        open_source(path)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    path = write(series(4), tmp_path / "scan")
    outside = write(series(5)[4:], tmp_path / "other")
    (path / "more.dcm").symlink_to(next(outside.iterdir()))
    with pytest.raises(InputError, match="DICOM-OUTSIDE"):
        open_source(path)


def test_whole_numbers_stay_whole_and_others_become_floating_point(tmp_path):
    cases = {
        "int16": {"RescaleIntercept": -1024, "BitsStored": 12, "HighBit": 11},
        "int32": {"RescaleIntercept": -1024, "BitsStored": 16, "HighBit": 15},
        "float32": {"RescaleSlope": "0.5"},
    }
    for name, tags in cases.items():
        slices = series(3, **tags)
        stored = np.stack([one.pixel_array for one in slices]).astype(np.float64)
        source = open_source(write(slices, tmp_path / name))
        expected = stored * float(slices[0].RescaleSlope) + float(slices[0].RescaleIntercept)
        assert source.dtype == name
        assert_array_equal(voxels(source), expected)


def test_a_volume_of_several_is_named_by_its_place_in_the_list(tmp_path):
    slices = series(8, [(i % 4) * 2 for i in range(8)])
    for n, one in enumerate(slices):
        one.EchoTime = 10.2 if n < 4 else 5.1
    path = write(slices, tmp_path / "scan")
    stored = np.stack([one.pixel_array for one in slices])
    for number, part in ((1, stored[4:]), (2, stored[:4])):
        source = open_source(path, choices=Choices(volume=number))
        assert_array_equal(voxels(source), part)
    with pytest.raises(InputError, match="1 to 2"):
        open_source(path, choices=Choices(volume=3))


def in_time(folder, heights, count=3, **tags):
    """Volumes in time, written in any order; their folder, and each volume's stored numbers."""
    slices = series(count * len(heights), heights * count, **tags)
    for n, one in enumerate(slices):
        one.TemporalPositionIdentifier = 1 + n // len(heights)
    stored = np.stack([one.pixel_array for one in slices]).reshape(count, len(heights), SIDE, SIDE)
    return write([slices[n] for n in np.random.default_rng(1).permutation(len(slices))], folder), stored


def test_volumes_in_time_come_one_after_the_other_and_one_of_them_can_be_named(tmp_path):
    path, stored = in_time(tmp_path / "scan", [0, 2, 4, 6], TemporalResolution=2500)
    source = open_source(path)
    assert source.meaning.axes == "tzyx"
    assert source.meaning.time_step == 2.5
    assert source.shape == stored.shape
    assert_array_equal(voxels(source, 3).reshape(stored.shape), stored)
    second = open_source(path, choices=Choices(volume=2))
    assert second.meaning.axes == "zyx"
    assert_array_equal(voxels(second), stored[1])
    assert second.meaning.geometry == source.meaning.geometry


def test_volumes_in_time_are_resampled_each_like_one_alone(tmp_path):
    path, stored = in_time(tmp_path / "scan", [0, 2, 6])
    whole = voxels(open_source(path, choices=Choices(on_gap="resample")))
    alone = [
        voxels(open_source(path, choices=Choices(on_gap="resample", volume=1 + n)))
        for n in range(len(stored))
    ]
    assert_array_equal(whole, np.concatenate(alone))


def test_an_acquisition_file_says_when_volumes_were_taken(tmp_path):
    path, _ = in_time(tmp_path / "scan", [0, 2, 4], TemporalResolution=2500)
    told = tmp_path / "told.yaml"
    for text, step in (("time_step_s: 0.5", 0.5), ("phases: true", None)):
        told.write_text(text, "utf-8")
        source = open_source(path, told)
        assert source.meaning.time_step == step
        assert source.repairs[-1].before == "2500 ms"
    with pytest.raises(InputError, match="ACQUISITION-UNUSED"):
        open_source(write(series(3), tmp_path / "volume"), told)


def test_pictures_that_do_not_make_a_volume_are_left_out_beside_one_that_does(tmp_path):
    scouts = series(2, SeriesInstanceUID="1.2.3", SeriesNumber=1)
    for one in scouts:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    path = write([*scouts, *series(4)], tmp_path / "scan")
    assert open_source(path).shape[0] == 4


def test_the_error_of_a_compressed_frame_names_its_file_only(tmp_path):
    slices = compressed(series(3), JPEG2000Lossless, jpeg2000)
    slices[1].PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(100)])
    path = write(slices, tmp_path / "scan")
    with pytest.raises(InputError, match="DICOM-CODESTREAM") as fault:
        voxels(open_source(path))
    assert Path(fault.value.file).name == "slice001.dcm"


def test_frames_of_a_compressed_file_are_found_by_their_fragments(tmp_path):
    grid = orientations()[0]
    volume = np.random.default_rng(0).integers(0, 500, grid.shape, np.int16)
    one = enhanced(volume, *places(grid))
    frames = [imagecodecs.jpegls_encode(values.view(np.uint16)) for values in volume]
    one.file_meta.TransferSyntaxUID = JPEGLSLossless
    one["PixelData"].VR = "OB"
    one["PixelData"].is_undefined_length = True
    for pieces, table in ((1, True), (1, False), (2, True)):
        one.PixelData = encapsulate(frames, fragments_per_frame=pieces, has_bot=table)
        path = tmp_path / "scan.dcm"
        path.write_bytes(encoded(one))
        source = open_source(path)
        expected, _ = Sorted().as_read(volume, grid)
        assert_array_equal(voxels(source), expected)
    one.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=False)
    path.write_bytes(encoded(one))
    with pytest.raises(InputError, match="no offset table"):
        open_source(path)


def test_a_frame_that_kills_its_decoder_is_the_one_that_is_blamed(tmp_path, monkeypatch):
    slices = series(1)
    form = read_form(read_instance(File(next(write(slices, tmp_path).iterdir()))))
    form = replace(form, syntax=str(RLELossless))
    frame = rle(slices[0])
    monkeypatch.setattr("medscience.ingest.dicom.decode.decode", deadly)
    frames = [frame, frame, frame, DEADLY, frame, frame, frame, frame]
    found = list(decoded(((one, form) for one in frames), 2))
    assert "SIGKILL" in found.pop(3)
    assert len(found) == 7
    for one in found:
        assert_array_equal(without_foreign_bits(one, form), slices[0].pixel_array)


def test_slices_that_are_tiled_in_one_picture_are_refused(tmp_path):
    slices = series(3, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])
    with pytest.raises(InputError, match="DICOM-MOSAIC"):
        open_source(write(slices, tmp_path / "scan"))


def test_an_icon_may_be_compressed_with_the_picture(tmp_path):
    slices = compressed(series(3), JPEG2000Lossless, jpeg2000)
    icon = item(Rows=2, Columns=2)
    icon.add_new(0x7FE00010, "OB", encapsulate([b"anything"]))
    icon["PixelData"].is_undefined_length = True
    for one in slices:
        one.IconImageSequence = [icon]
        one["IconImageSequence"].is_undefined_length = True
    assert voxels(open_source(write(slices, tmp_path / "scan"))).shape == (3, 16, 16)
