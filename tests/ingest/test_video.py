"""What videos say of their pixels and times, and what becomes of it."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from medscience.config.acquisition import Recording
from medscience.errors import ConfigError, InputError
from medscience.ingest.film import UNSAID, kind_of
from medscience.ingest.formats import open_source
from medscience.ingest.timestamps import check_length, steps_of
from tests.ingest.contract import voxels
from tests.ingest.recordings import acquisition, film, write_video

SMOOTH = (np.add.outer(np.arange(48), np.arange(64)) + np.arange(6)[:, None, None]).astype(np.uint8)


def read(folder, path, *lines):
    return open_source(path, acquisition(folder, "\n".join(("frame_rate_hz: 15037.0", *lines))))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuyv422", "uyvy422", "nv12"])
def test_luma_of_a_grey_video_is_kept_as_it_is_stored(tmp_path, pixels):
    """Black and white are at 16 and 235, as FFmpeg writes them: stretching them would round."""
    codec = "ffv1" if pixels == "yuv444p" else "rawvideo"
    path = write_video(tmp_path / "v.avi", SMOOTH, codec, pixels)
    source = read(tmp_path, path)
    stored = 16 + SMOOTH.astype(float) * 219 / 255
    assert np.abs(voxels(source) - stored).max() <= 1
    assert [repair.code for repair in source.repairs] == ["VIDEO-RANGE", "VIDEO-GREY"]


ORDERS = [
    ("rgb24", "rawvideo", ".mov"),
    ("bgr24", "rawvideo", ".avi"),
    ("rgb24", "huffyuv", ".avi"),
    ("gbrp", "utvideo", ".avi"),
    ("rgb24", "png", ".mov"),
]


@pytest.mark.parametrize("pixels, codec, ending", ORDERS)
@pytest.mark.parametrize("grey", [True, False])
def test_luminance_of_colours_is_exact_in_every_order(tmp_path, pixels, codec, ending, grey):
    colours = np.stack([film(3, seed=0 if grey else n) for n in range(3)], axis=-1)
    path = write_video(tmp_path / f"v{ending}", colours, codec, pixels)
    found = voxels(read(tmp_path, path, "grey: luminance"))
    assert np.abs(found - colours @ np.array([0.299, 0.587, 0.114])).max() <= 0.5 + 1e-9
    if not grey:
        with pytest.raises(InputError, match="FRAME-COLOUR"):
            voxels(read(tmp_path, path))


@pytest.mark.parametrize("bits", [10, 12])
def test_more_than_eight_bits_are_kept_as_they_are(tmp_path, bits):
    frames = film(3, dtype=np.uint16) >> (16 - bits)
    path = write_video(tmp_path / "v.mkv", frames << (16 - bits), "ffv1", f"gray{bits}le")
    source = read(tmp_path, path)
    assert source.dtype == np.uint16
    assert source.facts["bits"] == bits
    assert np.abs(voxels(source).astype(int) - frames).max() <= 1  # FFmpeg rounds as it writes


def test_a_pixel_that_is_wide_is_wide_in_the_grid(tmp_path):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = 2

    path = write_video(tmp_path / "v.mp4", SMOOTH, "libx264", "yuv420p", prepare=wide)
    assert read(tmp_path, path).meaning.geometry.spacing == (1, 1, 2)
    assert read(tmp_path, path, "pixel_size_mm: [0.5, 0.75]").meaning.geometry.spacing == (1, 0.5, 0.75)


def test_a_turned_video_is_turned_with_its_pixels_sides(tmp_path):
    def turned(stream):
        stream.codec_context.sample_aspect_ratio = 2
        stream.set_display_rotation(90)

    upright = read(tmp_path, write_video(tmp_path / "u.mp4", SMOOTH, "libx264", "yuv420p"))
    source = read(tmp_path, write_video(tmp_path / "v.mp4", SMOOTH, "libx264", "yuv420p", prepare=turned))
    assert source.shape == (6, 1, 64, 48)
    assert source.meaning.geometry.spacing == (1, 2, 1)
    assert_array_equal(voxels(source), np.rot90(voxels(upright), axes=(1, 2)))


def test_frames_that_an_edit_list_cuts_out_are_left_out_and_told(tmp_path):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64), 10 * number, np.uint8), format="gray")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode()]:
            packet.pts, packet.dts = packet.pts - 5, packet.dts - 5
            container.mux(packet)
    source = read(tmp_path, path)
    levels = voxels(source).mean(axis=(1, 2))
    assert source.shape[0] == 15
    assert_allclose(levels, 16 + 10 * np.arange(5, 20) * 219 / 255, atol=2)
    assert "VIDEO-EDITED" in [repair.code for repair in source.repairs]


def test_a_codec_that_cameras_do_not_write_is_refused(tmp_path):
    path = write_video(tmp_path / "v.avi", SMOOTH, "snow", "yuv420p", options={"strict": "-2"})
    with pytest.raises(InputError, match=r"VIDEO-CODEC.*snow"):
        read(tmp_path, path)


def test_every_pixel_format_is_read_in_one_way_or_not_at_all():
    assert {kind_of(name) for name in ("gray", "gray10le", "gray16be")} == {"grey"}
    assert {kind_of(name) for name in ("yuvj420p", "yuv422p10le", "nv21")} == {"luma"}
    assert {kind_of(name) for name in ("pal8", "rgba", "gbrp12le", "rgb48be")} == {"colours"}
    assert {kind_of(name) for name in ("bayer_bggr8", "grayf32le", "p010le", "ya8", "monow")} == {None}


STEPS = st.lists(st.integers(1, 6), min_size=12, max_size=40)


@given(STEPS, st.floats(3.0, 2000.0))
def test_gaps_are_found_where_frames_are_missing_whatever_the_clock_rounds(steps, ticks):
    """Two thirds of the steps are single, so that the usual one is."""
    taken = np.concatenate([np.ones(2 * len(steps), int), steps])
    times = np.rint(ticks * np.cumsum(np.concatenate([[0], taken]))).astype(np.int64)
    told = {"rate": None, "tick": 0.001}
    expected = tuple((n, int(s) - 1) for n, s in enumerate(taken, start=1) if s > 1)
    assert steps_of("v.mkv", times, told | {"rate": 1000 / ticks}, keep=True).skipped == expected
    if expected:
        with pytest.raises(InputError, match="VIDEO-GAP"):
            steps_of("v.mkv", times, told | {"rate": 1000 / ticks}, keep=False)


@pytest.mark.parametrize("times", [[0, 33, 40, 66, 100], [0, 33, 33, 66], [UNSAID, 0, 33]])
def test_frames_at_uneven_distances_or_without_a_time_are_refused(times):
    with pytest.raises(InputError, match="VIDEO-TIMES"):
        steps_of("v.mkv", np.array(times), {"rate": 30.0, "tick": 0.001}, keep=True)


def test_times_of_too_few_ticks_are_said_to_show_nothing():
    steps = steps_of("v.mkv", np.array([0, 0, 1, 2, 2, 3]), {"rate": 1500.0, "tick": 0.001}, keep=False)
    assert [repair.code for repair in steps.repairs] == ["VIDEO-COARSE-TIMES"]


@pytest.mark.parametrize("lost, refused", [(0, False), (1, True), (7, True)])
def test_a_video_that_lasts_less_than_it_says_is_refused(lost, refused):
    times = np.array([(33 * n, 33) for n in range(30 - lost)])
    told = {"frames": 0, "seconds": 0.99, "tick": 0.001, "rate": 30.0, "cut out": 0}
    steps = steps_of("v.mkv", times[:, 0], told, keep=False)
    arguments = ("v.mkv", times, told, steps, Recording(frame_rate_hz=1.0))
    if not refused:
        check_length(*arguments)
        return
    with pytest.raises(InputError, match="VIDEO-CUT"):
        check_length(*arguments)


@pytest.mark.parametrize(
    "text, key",
    [
        ("{}", "frame_rate_hz"),
        ("frame_rate_hz: 0", "frame_rate_hz"),
        ("frame_rate: 15037", "frame_rate_hz"),
        ("frame_rate_hz: 100\nexposure_s: 0.02", "exposure_s"),
        ("frame_rate_hz: 100\nwavelength_nm: 0.532", "wavelength_nm"),
        ("frame_rate_hz: 100\nillumination_angle_deg: 90", "illumination_angle_deg"),
        ("frame_rate_hz: 100\ngrey: average", "grey"),
        ("frame_rate_hz: 100\noperator: somebody", "operator"),
    ],
)
def test_an_acquisition_file_is_strict(tmp_path, text, key):
    path = write_video(tmp_path / "v.avi", film(2))
    with pytest.raises(ConfigError, match=key):
        open_source(path, acquisition(tmp_path, text))


def test_json_will_do(tmp_path):
    path = write_video(tmp_path / "v.avi", film(2))
    told = acquisition(tmp_path, '{"frame_rate_hz": 15037, "pixel_size_mm": [0.25, 0.25]}')
    assert open_source(path, told).meaning.space == "own"
