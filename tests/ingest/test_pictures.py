"""PNG, TIFF and the outermost parts of videos: what our own parsers make of good files and of mutants."""

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.errors import InputError
from medscience.ingest.container import check_container
from medscience.ingest.grey import grey
from medscience.ingest.orientation import turn_of_exif, turn_of_matrix
from medscience.ingest.png import check_png
from medscience.ingest.tiff_pages import check_tiff, first_tags
from tests.ingest.contract import voxels
from tests.ingest.recordings import acquisition, film, write_pages, write_video
from tests.ingest.test_frames import open_source

UPRIGHT = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_are_those_of_pillow(orientation):
    picture = PIL.Image.fromarray(UPRIGHT[0])
    picture.getexif()[274] = orientation
    turn = turn_of_exif(orientation)
    found = turn.apply(UPRIGHT) if turn else UPRIGHT
    assert_array_equal(found[0], np.asarray(PIL.ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize(
    "matrix", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (0, 1, 1, 0), (-1, 0, 0, 1)]
)
def test_display_matrices_carry_a_pixel_to_where_the_standard_says(matrix):
    a, b, c, d = matrix
    fixed = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    turn = turn_of_matrix("v.mp4", fixed)
    found = turn.apply(UPRIGHT)[0] if turn else UPRIGHT[0]
    shown = {(a * x + c * y, b * x + d * y): UPRIGHT[0, y, x] for y in range(2) for x in range(3)}
    left, top = min(x for x, _ in shown), min(y for _, y in shown)
    for (x, y), value in shown.items():
        assert found[y - top, x - left] == value


def test_a_matrix_that_does_more_is_refused():
    with pytest.raises(InputError, match="VIDEO-ROTATION"):
        turn_of_matrix("v.mp4", [46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30])


@given(st.integers(0, 255))
def test_luminance_of_grey_is_that_grey(value):
    colours = np.full((2, 3), value, np.uint8)
    assert grey(colours, luminance=True).tolist() == grey(colours, luminance=False).tolist() == [value] * 2


def test_luminance_is_that_of_pillow_to_a_unit():
    colours = film(1, (40, 50, 3))[0]
    theirs = np.asarray(PIL.Image.fromarray(colours).convert("L")).astype(int)
    assert np.abs(grey(colours, luminance=True) - theirs).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_form_of_png_becomes_the_greys_that_pillow_sees(tmp_path, mode):
    values = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    picture = (
        PIL.Image.fromarray(values * np.uint16(257))
        if mode == "I;16"
        else PIL.Image.fromarray(values).convert(mode)
    )
    (tmp_path / "strike").mkdir()
    picture.save(tmp_path / "strike/f_0.png")
    source = open_source(tmp_path / "strike", acquisition(tmp_path))
    expected = picture if mode == "I;16" else picture.convert("L")
    assert_array_equal(voxels(source)[0], np.asarray(expected))
    stored = {"1": {"FRAME-DEPTH"}, "L": set(), "I;16": set()}.get(mode, {"FRAME-GREY"})
    assert {repair.code for repair in source.repairs} - {"FRAME-SATURATED"} == stored


WRITTEN = [
    (np.uint8, {}),
    (np.int16, {"compression": "lzw"}),
    (np.float32, {"compression": "zlib", "predictor": True}),
    (np.uint16, {"compression": "zstd", "tile": (16, 32)}),
    (np.uint16, {"compression": "packbits", "rowsperstrip": 5}),
    (np.uint16, {"compression": "lzw", "predictor": True, "byteorder": ">"}),
    (np.uint16, {"photometric": "miniswhite"}),
]


@pytest.mark.parametrize("dtype, how", WRITTEN)
def test_tiff_pages_arrive_as_tifffile_wrote_them(tmp_path, dtype, how):
    frames = film(3).astype(dtype)
    write_pages(tmp_path / "s.tif", frames, **how)
    source = open_source(tmp_path / "s.tif", acquisition(tmp_path))
    assert source.dtype == dtype
    expected = np.iinfo(dtype).max - frames if "photometric" in how else frames
    assert_array_equal(voxels(source), expected)


def test_twelve_bits_are_kept(tmp_path):
    frames = film(2, dtype=np.uint16) & 0xFFF
    write_pages(tmp_path / "s.tif", frames, bitspersample=12)
    source = open_source(tmp_path / "s.tif", acquisition(tmp_path))
    assert_array_equal(voxels(source), frames)
    assert source.facts["bits"] == 12


@pytest.mark.parametrize("axes, slices", [("ZYX", 4), ("TYX", 1)])
def test_ome_says_whether_pages_are_slices(tmp_path, axes, slices):
    physical = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0}
    tifffile.imwrite(tmp_path / "s.ome.tif", film(4), metadata={"axes": axes, **physical})
    if slices == 1:
        with pytest.raises(InputError, match=r"ACQUISITION-NEEDED.*4 times"):
            open_source(tmp_path / "s.ome.tif")
        return
    source = open_source(tmp_path / "s.ome.tif")
    assert (source.meaning.axes, source.meaning.space, source.shape) == ("zyx", "own", (4, 48, 64))
    assert source.meaning.geometry.spacing == pytest.approx((0.002, 0.00025, 0.0005))
    assert_array_equal(voxels(source), film(4))


def test_imagejs_slices_are_believed_with_their_spacing_only(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, film(4), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"ACQUISITION-NEEDED.*4 slices"):
        open_source(path)
    assert [repair.code for repair in open_source(path, acquisition(tmp_path)).repairs] == ["TIFF-AXES"]
    known = {"axes": "ZYX", "spacing": 2.0, "unit": "mm"}
    tifffile.imwrite(path, film(4), imagej=True, resolution=(4, 2), metadata=known)
    assert open_source(path).meaning.geometry.spacing == pytest.approx((2.0, 0.5, 0.25))


def test_slices_of_several_times_or_channels_are_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "s.tif", film(4).reshape(2, 2, 48, 64), imagej=True, metadata={"axes": "TZYX"}
    )
    with pytest.raises(InputError, match="TIFF-AXES"):
        open_source(tmp_path / "s.tif", acquisition(tmp_path))


def test_a_description_of_more_pages_than_there_are_is_refused(tmp_path):
    text = "ImageJ=1.54f\nimages=9\nslices=9\n"
    write_pages(tmp_path / "s.tif", film(4), description=text)
    with pytest.raises(InputError, match=r"TIFF-PAGES.*found 4, expected 9 slices"):
        open_source(tmp_path / "s.tif", acquisition(tmp_path))


def _samples(folder):
    """Small good files of every format that is parsed here."""
    write_pages(folder / "a.tif", film(3, (8, 9)), description="ImageJ=1\nimages=3\nframes=3\n")
    write_pages(folder / "b.tif", film(3, (8, 9)), bigtiff=True, byteorder=">", compression="zlib")
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.fromarray(film(1)[0]).save(folder / "c.png", exif=exif)
    write_video(folder / "d.avi", film(4))
    write_video(folder / "e.mkv", film(4))
    write_video(folder / "f.mov", film(4), "png")


def refusal(check, path):
    """Return the error with which a file is refused, None if it is not; another error is one of ours."""
    try:
        check(path)
    except InputError as fault:
        return fault
    return None


CHECKS = {".tif": lambda path: (check_tiff(path), first_tags(path)), ".png": check_png}


@pytest.mark.parametrize("name", ["a.tif", "b.tif", "c.png", "d.avi", "e.mkv", "f.mov"])
def test_mutants_are_read_or_refused_with_one_of_our_lines(tmp_path, name):
    """Files of each kind with bytes changed or cut out, mostly near the start."""
    _samples(tmp_path)
    good = (tmp_path / name).read_bytes()
    check = CHECKS.get((tmp_path / name).suffix, check_container)
    random = np.random.default_rng(0)
    path = tmp_path / f"mutant{(tmp_path / name).suffix}"
    outcomes = {True: 0, False: 0}
    for _ in range(500):
        mutant = bytearray(good)
        for _ in range(random.integers(1, 4)):
            at = int(min(random.exponential(200), len(mutant) - 1))
            if random.random() < 0.8:
                mutant[at] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
            else:
                del mutant[at : at + random.integers(1, 9)]
        path.write_bytes(mutant)
        fault = refusal(check, path)
        assert fault is None or str(path) in fault.line
        outcomes[fault is None] += 1
    assert min(outcomes.values()) > 5
