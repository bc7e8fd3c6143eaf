"""Group B: how DICOM files are written."""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLSLossless,
)

from medscience.ingest.formats import open_source
from tests.bad.dicom_geometry import attempt, with_change
from tests.bad.reading import reading
from tests.ingest.dicom_files import encoded, enhanced, item, picture, series, write


def values_of(path):
    return np.concatenate(list(open_source(path).slabs(3)))


def giving(path, expected):
    """An attempt that also compares the voxels with what they must be."""

    def attempt_and_check():
        np.testing.assert_array_equal(values_of(path), expected)
        return reading(path)()

    return attempt_and_check


def with_file(name, content):
    """A good series with another file beside it."""

    def make(folder):
        path = write(series(4), folder / "scan")
        (path / name).write_bytes(content)
        return reading(path)

    return make


def one_file(edit):
    """A series of which the third file's bytes are changed."""

    def make(folder):
        files = [encoded(one) for one in series(4)]
        files[2] = edit(files[2])
        return attempt(folder, files)

    return make


def all_files(edit):
    return lambda folder: attempt(folder, [edit(encoded(one)) for one in series(4)])


def counted(edit):
    """A series whose header says how many slices there are, so that there is nothing to note."""
    return lambda folder: attempt(folder, [edit(encoded(one)) for one in series(4, ImagesInAcquisition=4)])


def appended(name, vr, value):
    """The bytes of one more element, little endian, with a VR of two-byte length."""
    tag = Dataset()
    setattr(tag, name, None)
    number = next(iter(tag.keys()))
    return struct.pack("<HH2sH", number.group, number.element, vr, len(value)) + value


def element(group, number, vr, length, value=b""):
    return struct.pack("<HH2sHI", group, number, vr, 0, length) + value


def before_pixels(content, extra):
    at = content.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    return content[:at] + extra + content[at:]


text_beside = with_file("notes.txt", b"hello")
empty_beside = with_file("empty", b"")
hidden_beside = with_file(".DS_Store", b"\0\0\0\1Bud1")
directory_beside = with_file("DICOMDIR", b"anything")
empty_slice = with_file("slice009.dcm", b"")
random_bytes = one_file(lambda _: np.random.default_rng(0).bytes(5000))
cut_header = one_file(lambda content: content[: int(len(content) * 0.3)])
cut_pixels = one_file(lambda content: content[:-128])
no_preamble = all_files(lambda content: content[132:])
too_long_element = one_file(lambda content: before_pixels(content, element(0x0055, 0x1001, b"UN", 1 << 31)))
undefined_length = one_file(
    lambda content: content.replace(b"OW\0\0" + struct.pack("<I", 512), b"OW\0\0" + b"\xff" * 4)
)
no_rows = with_change(slice(2, 3), Rows=0)
frames_that_are_not_there = with_change(slice(2, 3), NumberOfFrames=5)
columns_that_are_not_there = with_change(slice(0, 6), Columns=65535)
bits_allocated = with_change(slice(0, 6), BitsAllocated=12)
bits_stored = with_change(slice(0, 6), BitsStored=20)
high_bit = with_change(slice(0, 6), HighBit=3)
pixel_representation = with_change(slice(0, 6), PixelRepresentation=7)
no_slope = with_change(slice(0, 6), RescaleSlope=0)
unknown_syntax = all_files(
    lambda content: content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0")
)
unterminated_sequence = one_file(
    lambda content: before_pixels(
        content, element(0x0055, 0x1010, b"SQ", 0xFFFFFFFF) + b"\xfe\xff\0\xe0" + b"\xff" * 4
    )
)
nested_sequences = one_file(
    lambda content: before_pixels(
        content, (element(0x0055, 0x1010, b"SQ", 0xFFFFFFFF) + b"\xfe\xff\0\xe0" + b"\xff" * 4) * 2000
    )
)
rows_twice = one_file(lambda content: content + appended("Rows", b"US", struct.pack("<H", 99)))
unknown_vr = one_file(lambda content: content.replace(b"\x28\0\x10\0US", b"\x28\0\x10\0ZZ"))
unknown_vr_elsewhere = counted(lambda content: content.replace(b"\x10\0\x10\0PN", b"\x10\0\x10\0ZZ"))
executable_preamble = counted(lambda content: b"MZ" + b"\x7fELF" + content[6:])


def intercept(text):
    """A rescale intercept that pydicom would not write."""

    def make(folder):
        files = [encoded(one) for one in series(4, RescaleIntercept="-1234")]
        return attempt(folder, [content.replace(b"-1234 ", text) for content in files])

    return make


intercept_with_x = intercept(b"-10x4 ")
intercept_with_comma = intercept(b"-1,24 ")
intercept_nan = intercept(b"nan   ")
intercept_huge = intercept(b"1e999 ")


def random_file(folder):
    path = folder / "scan.dcm"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    return reading(path)


def no_preamble_no_class(folder):
    """A data set that begins as one, of no class that DICOM knows."""
    content = encoded(series(1, SOPClassUID="1.2.3.4")[0])[132:]
    path = folder / "scan"
    path.write_bytes(content)
    return reading(path)


def pixels_too_long(folder):
    slices = series(4)
    for one in slices:
        one.PixelData += bytes(64)
    return attempt(folder, slices)


def bytes_after_the_end(folder):
    return attempt(folder, [encoded(one) + bytes(63) for one in series(4)])


def grey(values, **tags):
    """Slices with 12 of 16 bits stored."""
    bits = {"BitsStored": 12, "HighBit": 11, "ImagesInAcquisition": len(values)}
    return [picture(one, ImagePositionPatient=[0, 0, 2 * n], **bits | tags) for n, one in enumerate(values)]


def overlay_bits(folder):
    values = np.full((4, 16, 16), 0xF123, np.uint16)
    return giving(write(grey(values), folder / "scan"), np.full((4, 16, 16), 0x123))


def sign_not_extended(folder):
    values = np.full((4, 16, 16), 0x0F00, np.int16)
    return giving(write(grey(values), folder / "scan"), np.full((4, 16, 16), -256))


def no_rescale(folder, **choices):
    slices = series(4)
    for one in slices:
        del one.RescaleSlope, one.RescaleIntercept
    return attempt(folder, slices, **choices)


def no_rescale_accepted(folder):
    return no_rescale(folder, accept=("no-rescale",))


def slope_of_each_slice(folder):
    slices = series(4, ImagesInAcquisition=4)
    for n, one in enumerate(slices):
        one.RescaleSlope, one.RescaleIntercept = 1 + n % 2, -1000 * n
    stored = np.stack([one.pixel_array for one in slices]).astype(int)
    n = np.arange(4)[:, None, None]
    return giving(write(slices, folder / "scan"), stored * (1 + n % 2) - 1000 * n)


def slope_of_each_frame(folder):
    """In an enhanced file, where others take the first frame's slope for all."""
    volume = np.random.default_rng(0).integers(0, 500, (4, 16, 16), np.int16)
    plane = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.8, 0.7]}
    one = enhanced(volume, plane, [[0, 0, 2 * n] for n in range(4)], ImagesInAcquisition=4)
    for n, groups in enumerate(one.PerFrameFunctionalGroupsSequence):
        scale = item(RescaleSlope=n + 1, RescaleIntercept=-n, RescaleType="US")
        groups.PixelValueTransformationSequence = [scale]
    path = folder / "scan.dcm"
    path.write_bytes(encoded(one))
    n = np.arange(4)[:, None, None]
    return giving(path, volume.astype(int) * (n + 1) - n)


def monochrome1(folder):
    slices = series(4, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=-1024)
    stored = np.stack([one.pixel_array for one in slices])
    return giving(write(slices, folder / "scan"), stored - 1024)


def colours(folder):
    slices = series(4)
    slices[2].SamplesPerPixel, slices[2].PhotometricInterpretation = 3, "RGB"
    slices[2].PlanarConfiguration = 0
    slices[2].PixelData *= 3
    return attempt(folder, slices)


def padding(folder):
    slices = series(4)
    for one in slices:
        one.add_new(0x00280120, "SS", -2000)
        one.PixelData = np.int16(-2000).tobytes() + one.PixelData[2:]
    return attempt(folder, slices)


def meta_says_implicit(folder):
    explicit = b"1.2.840.10008.1.2.1\0"
    files = [encoded(one) for one in series(4)]
    implicit = b"1.2.840.10008.1.2\0\0\0"
    return attempt(folder, [content.replace(explicit, implicit) for content in files])


def meta_says_explicit(folder):
    files = []
    for one in series(4):
        one.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        content = encoded(one)
        length = struct.pack("<H", 18)
        syntax = b"\x02\0\x10\0UI" + length + b"1.2.840.10008.1.2\0"
        wrong = b"\x02\0\x10\0UI" + struct.pack("<H", 20) + b"1.2.840.10008.1.2.1\0"
        files.append(content.replace(syntax, wrong))
    return attempt(folder, files)


def deflated_bomb(folder):
    one = picture(np.zeros((16, 16), np.int16))
    one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = encoded(one)
    at = 144 + int.from_bytes(content[140:144], "little")  # behind the meta, whose length comes first
    body = zlib.decompress(content[at:], wbits=-15)
    pack = zlib.compressobj(wbits=-15)
    path = folder / "scan.dcm"
    zeros = element(0x0055, 0x1001, b"UN", 300 << 20)
    path.write_bytes(
        content[:at]
        + pack.compress(zeros)
        + b"".join(pack.compress(bytes(1 << 20)) for _ in range(300))
        + pack.compress(body)
        + pack.flush()
    )
    return reading(path)


def strange_name(folder):
    """A name in a character set that nobody knows, and bytes that are none."""
    files = [encoded(one) for one in series(4, ImagesInAcquisition=4, SpecificCharacterSet="ISO_IR 100")]
    changed = [
        content.replace(b"ISO_IR 100", b"ISO_IR 999").replace(b"Nobody", b"\xff\xfe\x80\x81\xc3\x28")
        for content in files
    ]
    return attempt(folder, changed)


def disc(folder, names):
    """A DICOMDIR, and the files that it should list beside it."""
    write(series(4, ImagesInAcquisition=4), folder / "disc" / "IMAGES", "IM{:03}")
    listing = picture(np.zeros((1, 1), np.int16))
    listing.DirectoryRecordSequence = [
        item(DirectoryRecordType="IMAGE", ReferencedFileID=name.split("\\")) for name in names
    ]
    listing.SOPClassUID = "1.2.840.10008.1.3.10"
    path = folder / "disc" / "DICOMDIR"
    path.write_bytes(encoded(listing))
    return reading(path)


def directory(folder):
    return disc(folder, [f"IMAGES\\IM{n:03}" for n in range(4)])


def directory_that_leads_out(folder):
    attempt = disc(folder, ["IMAGES\\IM000", r"AA\BB\CC\ETC\PASSWD"])
    path = folder / "disc" / "DICOMDIR"
    path.write_bytes(path.read_bytes().replace(rb"AA\BB\CC\ETC\PASSWD", rb"..\..\..\etc\passwd"))
    return attempt


def directory_of_lost_files(folder):
    return disc(folder, ["IMAGES\\IM000", "IMAGES\\IM009"])


def compressed(one, frames, syntax, **tags):
    one.file_meta.TransferSyntaxUID = syntax
    one.PixelData = encapsulate(frames)
    one["PixelData"].is_undefined_length = True
    one["PixelData"].VR = "OB"
    for name, value in tags.items():
        setattr(one, name, value)
    return one


def lossless(n):
    """Slices in JPEG-LS, and what they hold."""
    slices = series(n, ImagesInAcquisition=n, PixelRepresentation=0)
    values = np.stack([one.pixel_array for one in slices])
    for one, value in zip(slices, values, strict=True):
        compressed(one, [imagecodecs.jpegls_encode(value)], JPEGLSLossless)
    return slices, values


def jpeg_ls(folder):
    slices, values = lossless(3)
    return giving(write(slices, folder / "scan"), values)


def fragments_for_fewer_frames(folder):
    slices, _ = lossless(3)
    slices[1].NumberOfFrames = 2
    slices[1].PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    return attempt(folder, slices)


def broken_offset_table(folder):
    slices, _ = lossless(3)
    one = slices[1]
    table = one.PixelData
    one.PixelData = table[:4] + struct.pack("<II", 4, 77) + table[8 + int.from_bytes(table[4:8], "little") :]
    return attempt(folder, slices)


def sign_mismatch(folder):
    content = Path(get_testdata_file("J2K_pixelrep_mismatch.dcm")).read_bytes()
    path = folder / "scan.dcm"
    path.write_bytes(content)
    return reading(path, accept=("single-slice",))


def no_decoder(folder):
    """MPEG-4, which is a film."""
    slices = [compressed(one, [bytes(64)], "1.2.840.10008.1.2.4.102") for one in series(3)]
    return attempt(folder, slices)


def twelve_bit_jpeg(folder):
    """A picture in 12-bit JPEG, which pydicom has no decoder for; read with ours."""
    old = dcmread(get_testdata_file("JPEG-lossy.dcm"))
    place = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "RescaleSlope": 1, "RescaleIntercept": 0}
    slices = []
    for n in range(2):
        one = picture(np.zeros((old.Rows, old.Columns), np.uint16), ImagesInAcquisition=2, **place)
        one.PixelData, one.file_meta.TransferSyntaxUID = old.PixelData, JPEGExtended12Bit
        one["PixelData"].is_undefined_length = True
        one.BitsStored, one.HighBit, one.ImagePositionPatient = 12, 11, [0, 0, 2 * n]
        slices.append(one)
    return attempt(folder, slices)


def broken_frames(folder):
    """A picture whose compressed bytes are damaged behind its header."""
    slices = series(3)
    for one in slices:
        code = imagecodecs.jpeg2k_encode(one.pixel_array, level=0, codecformat="j2k")
        compressed(one, [code[:200]], JPEG2000Lossless)
    return attempt(folder, slices)


def other_objects(folder):
    """Reports, plans and structures beside the pictures."""
    path = write(series(4), folder / "scan")
    for name in ("test-SR.dcm", "rtplan.dcm", "rtstruct.dcm", "rtdose.dcm", "liver_1frame.dcm"):
        (path / name).write_bytes(Path(get_testdata_file(name)).read_bytes())
    return reading(path)


def large_private_element(folder):
    """500 MB that lie on the disk as a hole, and are stepped over."""
    path = write(series(4, ImagesInAcquisition=4), folder / "scan")
    file = path / "slice001.dcm"
    content = file.read_bytes()
    at = content.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    with file.open("wb") as stream:
        stream.write(content[:at] + element(0x0055, 0x1001, b"UN", 500 << 20))
        stream.seek(500 << 20, 1)
        stream.write(content[at:])
    return reading(path)
