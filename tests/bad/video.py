"""Group F: videos."""

from fractions import Fraction

import av
import numpy as np

from tests.bad.reading import reading
from tests.ingest.recordings import acquisition, film, write_video


def told(folder, path, *lines):
    """Read a recording with an acquisition file."""
    return reading(path, acquisition(folder, "\n".join(("frame_rate_hz: 15037.0", *lines))))


def cut(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def mp4_without_its_table(folder):
    """The end with moov is missing."""
    return told(folder, cut(write_video(folder / "v.mp4", film(), "libx264", "yuv420p"), 0.5))


def avi_cut_in_half(folder):
    return told(folder, cut(write_video(folder / "v.avi", film(100)), 0.5))


def avi_that_holds_fewer_frames_than_its_header_says(folder):
    """As after a repair of a cut file: the container is whole, its header is not changed."""
    path = write_video(folder / "v.avi", film(46))
    content = bytearray(path.read_bytes())
    for mark, at in ((b"avih", 8 + 16), (b"strh", 8 + 32)):  # dwTotalFrames, dwLength
        where = content.index(mark) + at
        content[where : where + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    return told(folder, path)


def mkv_cut_in_half(folder):
    return told(folder, cut(write_video(folder / "v.mkv", film(100)), 0.5))


def _live(path):
    """Make a Matroska file look as if it was written as it came: its segment's length is not known."""
    content = bytearray(path.read_bytes())
    at = content.index(b"\x18\x53\x80\x67") + 4
    content[at : at + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(content)
    return path


def mkv_cut_between_frames(folder):
    """The header tells how long it should last."""
    path = _live(write_video(folder / "v.mkv", film(100), options={"g": "1"}))
    content = path.read_bytes()
    cluster = content.index(b"\x1f\x43\xb6\x75")  # the first one: what follows it is a second's frames
    second = content.index(b"\x1f\x43\xb6\x75", cluster + 4)
    path.write_bytes(content[:second])
    return told(folder, path)


def _endless(folder):
    """A Matroska file that says neither how long it is nor how long it lasts."""
    path = _live(write_video(folder / "v.mkv", film()))
    content = path.read_bytes()
    at = content.index(b"\x44\x89\x88")  # Duration, of 8 bytes: becomes an empty element
    content = content[:at] + b"\xec\x89" + bytes(9) + content[at + 11 :]
    path.write_bytes(content.replace(b"DURATION", b"UNTOLDxx"))
    return path


def mkv_that_tells_no_length(folder):
    return told(folder, _endless(folder))


def mkv_that_tells_no_length_but_the_sheet_does(folder):
    return told(folder, _endless(folder), "frames: 20")


def damaged_frame(folder):
    """Twenty bytes in the middle are other ones."""
    path = write_video(folder / "v.mkv", film(), options={"level": "3", "slicecrc": "1"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20] = bytes(byte ^ 0xFF for byte in content[middle : middle + 20])
    path.write_bytes(content)
    return told(folder, path)


def damaged_container(folder):
    """The start of a cluster is no longer one: all its frames are gone."""
    path = write_video(folder / "v.mkv", film(200), rate=25)
    content = path.read_bytes()
    first = content.index(b"\x1f\x43\xb6\x75")
    second = content.index(b"\x1f\x43\xb6\x75", first + 4)
    path.write_bytes(content[:second] + bytes(20) + content[second + 20 :])
    return told(folder, path)


def dropped_frames(folder):
    return told(folder, write_video(folder / "v.mkv", film(100), skip=range(40, 60)))


def dropped_frames_in_avi(folder):
    return told(folder, write_video(folder / "v.avi", film(100), skip=range(40, 60)))


def dropped_frames_that_may_be(folder):
    path = write_video(folder / "v.mkv", film(100), skip=range(40, 60))
    return told(folder, path, "dropped_frames: keep")


def absurd_rate(folder):
    return reading(write_video(folder / "v.mov", film(), "png", rate=2000))


def absurd_rate_but_the_recordings_is_known(folder):
    return told(folder, write_video(folder / "v.mov", film(), "png", rate=2000))


def no_video_stream(folder):
    path = folder / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    return told(folder, path)


def two_video_streams(folder):
    path = folder / "v.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=30) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(film(1)[0], format="gray")
            frame.pts, frame.time_base = 0, Fraction(1, 30)
            container.mux(stream.encode(frame))
    return told(folder, path)


def to_be_shown_turned(folder):
    path = folder / "v.mp4"
    write_video(path, film(), "libx264", "yuv420p", prepare=lambda stream: stream.set_display_rotation(90))
    return told(folder, path)


def _wide(stream):
    stream.codec_context.sample_aspect_ratio = Fraction(2, 1)


def pixels_that_are_not_square(folder):
    return told(folder, write_video(folder / "v.mp4", film(), "libx264", "yuv420p", prepare=_wide))


def pixels_that_are_not_square_of_one_size(folder):
    path = write_video(folder / "v.mp4", film(), "libx264", "yuv420p", prepare=_wide)
    return told(folder, path, "pixel_size_mm: 0.5")


def _coloured(folder):
    return write_video(folder / "v.avi", np.stack([film(seed=n) for n in range(3)], axis=-1), "huffyuv")


def colours(folder):
    return told(folder, _coloured(folder))


def colours_whose_luminance_is_asked_for(folder):
    return told(folder, _coloured(folder), "grey: luminance")


def grey_stored_as_colours(folder):
    return told(folder, write_video(folder / "v.avi", np.stack([film()] * 3, axis=-1), "huffyuv"))


def black_frozen_and_saturated_frames(folder):
    frames = film()
    frames[3], frames[7], frames[11] = 0, frames[6], 255
    return told(folder, write_video(folder / "v.avi", frames))


def playlist(folder):
    """FFmpeg would follow it to another file."""
    write_video(folder / "secret.mkv", film())
    (folder / "v.mp4").write_text("ffconcat version 1.0\nfile secret.mkv\n")
    return told(folder, folder / "v.mp4")


def another_container(folder):
    write_video(folder / "v.avi", film()).rename(folder / "v.mp4")
    return told(folder, folder / "v.mp4")
