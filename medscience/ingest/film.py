"""The part of reading a video that FFmpeg does: it runs behind the fence.

Every function says again what it wants of which file, so that a process that takes the place of another one
needs to know nothing; what is open stays open for the next call.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import av
import av.logging
import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.ingest.grey import grey, in_colour

GREY = re.compile(r"gray(9|10|12|14|16)?(le)?")
LUMA = re.compile(r"yuvj?4\d\dp((9|10|12|14|16)le)?")
PACKED = {
    **dict.fromkeys(("yuyv422", "uyvy422", "yvyu422"), "yuv422p"),
    **dict.fromkeys(("nv12", "nv21"), "yuv420p"),
    "gray16be": "gray16le",
}
"""The same numbers in another order."""
PLANES = re.compile(r"gbrp((9|10|12|14|16)le)?")
COLOURS = {
    **dict.fromkeys(("rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr", "pal8"), "rgb24"),
    **dict.fromkeys(("rgba", "bgra", "argb", "abgr"), "rgba"),
    **dict.fromkeys(("rgb48le", "rgb48be"), "rgb48le"),
}
"""How FFmpeg's names of colours are unpacked."""
NEUTRAL = 4
"""Of 256: how far chroma may be from its middle where there is no colour."""

UNSAID = -(1 << 63)
"""A time that a file does not give."""

DECODERS = {
    *("rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "lagarith", "png", "bmp", "tiff"),
    *("v210", "v410", "r210", "qtrle", "msrle", "msvideo1", "cinepak", "dvvideo", "mjpeg", "jpeg2000"),
    *("prores", "dnxhd", "cfhd", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "h264", "hevc", "vc1"),
    *("wmv1", "wmv2", "wmv3", "theora", "vp8", "vp9", "av1", "libdav1d"),
}
"""FFmpeg's decoders that cameras and their programs need; it has hundreds, of which many are rarely tried."""

CAREFUL = {"err_detect": "crccheck+bitstream+buffer+explode"}


def kind_of(pixels: str) -> str | None:
    """Say how the pixels of a format are read: grey, luma, colours, or None for not at all.

    >>> kind_of("gray12le"), kind_of("yuv420p"), kind_of("bgr0"), kind_of("bayer_rggb8")
    ('grey', 'luma', 'colours', None)
    """
    pixels = PACKED.get(pixels, pixels)
    if GREY.fullmatch(pixels):
        return "grey"
    if LUMA.fullmatch(pixels):
        return "luma"
    return "colours" if PLANES.fullmatch(pixels) or pixels in COLOURS else None


class _Film:
    """A video that is open, and where its decoding stands."""

    def __init__(self, path: str, demuxer: str) -> None:
        self.key = (path, demuxer)
        self.position = 0
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)  # else the last words about one file are said at the next
        options = {"protocol_whitelist": "file"}  # and no other demuxer is asked: playlists lead elsewhere
        self.container = av.open(f"file:{path}", format=demuxer, options=options)
        self.frames: Iterator[av.VideoFrame] = iter(())
        videos = self.videos
        if len(videos) == 1:
            context = videos[0].codec_context
            context.options = CAREFUL
            context.thread_count = 1  # every word of the decoder is heard in this thread
            self.frames = self.container.decode(videos[0])

    @property
    def videos(self) -> list[Any]:
        """Streams of moving pictures; the picture of a cover is none."""
        cover = av.stream.Disposition.attached_pic
        return [stream for stream in self.container.streams.video if not stream.disposition & cover]

    def take(self, count: int) -> list[av.VideoFrame]:
        taken = list(islice(self.frames, count))
        self.position += len(taken)
        return taken


_OPEN: list[_Film] = []


def _film(path: str, demuxer: str, start: int) -> _Film:
    """Return the video, with frame `start` as the next one."""
    if not _OPEN or _OPEN[0].key != (path, demuxer) or _OPEN[0].position != start:
        close()
        _OPEN.append(_Film(path, demuxer))
        _OPEN[0].take(start)
    return _OPEN[0]


def close() -> None:
    """Close what is open."""
    while _OPEN:
        _OPEN.pop().container.close()


@contextmanager
def _heard() -> Iterator[None]:
    """Refuse what FFmpeg complains about: it would go on with a guess in place of what is damaged."""
    fault = None
    with av.logging.Capture(local=False) as logs:
        try:
            yield
        except av.FFmpegError as caught:
            fault = type(caught).__name__
    complaints = [f"{name}: {text}" for level, name, text in logs if level <= av.logging.ERROR]
    if fault or complaints:
        close()
        raise InputError(
            "VIDEO-DAMAGED",
            field="frames",
            found=complaints[0][:120] if complaints else fault,
            expected="a video that FFmpeg reads without complaint",
            fix="copy the video again, or export it anew from the camera's program",
        )


def describe(path: str, demuxer: str) -> dict[str, Any]:
    """Return what a video says of itself, and what its first frame is like."""
    with _heard():
        close()
        film = _film(path, demuxer, 0)
        videos = film.videos
        if len(videos) != 1:
            return {"videos": len(videos)}
        stream = videos[0]
        _check_decoder(stream.codec_context.name)
        first, *_ = [*film.take(1), None]
        rate = stream.guessed_rate or stream.average_rate
        told = {
            "videos": 1,
            "codec": stream.codec_context.name,
            "frames": stream.frames,
            "rate": float(rate) if rate else None,
            "tick": float(stream.time_base),
            "seconds": _seconds(film.container, stream),
            "aspect": float(stream.sample_aspect_ratio or 1),
        }
        if first:
            pixels = first.format.name
            told |= {
                "pixels": pixels,
                "height": first.height,
                "width": first.width,
                "bits": first.format.components[0].bits,
                "full_range": first.color_range == av.video.reformatter.ColorRange.JPEG or "j" in pixels,
                "interlaced": bool(first.interlaced_frame),
                "matrix": _matrix(first),
            }
        return told


def _check_decoder(name: str) -> None:
    if name not in DECODERS:
        raise InputError(
            "VIDEO-CODEC",
            field="codec",
            found=name,
            expected=f"one of {', '.join(sorted(DECODERS))}",
            fix="convert it without loss: ffmpeg -i VIDEO -c:v ffv1 OUT.mkv",
        )


def _matrix(frame: av.VideoFrame) -> list[int] | None:
    """How a frame is to be turned before it is shown."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), "<i4").tolist()


def _seconds(container: Any, stream: Any) -> float | None:  # noqa: ANN401 - PyAV's
    """How long the video lasts, as the file says."""
    said = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if said:
        hours, minutes, seconds = map(float, said.groups())
        return hours * 3600 + minutes * 60 + seconds
    return container.duration / av.time_base if container.duration else None


def packets(path: str, demuxer: str) -> NDArray[np.int64]:
    """Return when each frame is shown, in ticks, in order of time; nothing is decoded.

    Returns
    -------
    ndarray of int, shape (n, 3)
        When it is shown and for how long, `UNSAID` where the file does not say it; and 1 where the file says
        that it is not shown at all.
    """
    with _heard():
        close()
        film = _Film(path, demuxer)
        with film.container as container:
            times = [
                (
                    next((at for at in (packet.pts, packet.dts) if at is not None), UNSAID),
                    packet.duration or UNSAID,
                    int(packet.is_discard),
                )
                for packet in container.demux(film.videos[0])
                if packet.size
            ]
    return np.array(sorted(times), dtype=np.int64).reshape(-1, 3)


def frames(path: str, demuxer: str, start: int, count: int, *, luminance: bool) -> NDArray[Any]:
    """Return frames (n, Y, X), n fewer than `count` only at the end.

    Raises
    ------
    InputError
        If a frame is damaged, differs from the others in size or form, or is in colour and nobody said what
        becomes of that.
    """
    with _heard():
        taken = _film(path, demuxer, start).take(count)
        if any(frame.is_corrupt for frame in taken):
            raise InputError(
                "VIDEO-DAMAGED",
                field="frames",
                found=f"a damaged frame between {start} and {start + len(taken)}",
                expected="whole frames",
                fix="copy the video again, or export it anew from the camera's program",
            )
        forms = {(frame.height, frame.width, frame.format.name) for frame in taken}
        if len(forms) > 1:
            raise _changed(start, forms)
        pictures = [_pixels(frame, luminance=luminance) for frame in taken]
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0), np.uint8)


def _changed(start: int, forms: set[tuple[int, int, str]]) -> InputError:
    return InputError(
        "VIDEO-CHANGES",
        field="size and pixel format",
        found=f"{sorted(forms)} from frame {start} on",
        expected="frames that are all alike",
        fix="cut the video where it changes",
    )


def _pixels(frame: av.VideoFrame, *, luminance: bool) -> NDArray[Any]:
    """One number for each pixel of a frame."""
    form = frame.format.name
    if form in PACKED:
        frame = frame.reformat(format=PACKED[form])
    kind = kind_of(form)
    if kind == "colours":
        if PLANES.fullmatch(form):
            green, blue, red = (_plane(frame, n) for n in range(3))
            colours = np.stack([red, green, blue], axis=-1)
        else:
            colours = frame.to_ndarray(format=COLOURS[form])
        return np.ascontiguousarray(grey(colours, luminance=luminance))
    if kind == "luma" and not luminance:
        middle = 1 << (frame.format.components[0].bits - 1)
        for n in range(1, len(frame.planes)):
            chroma = _plane(frame, n).astype(np.int32)
            if np.abs(chroma - middle).max() * 128 > NEUTRAL * middle:
                raise in_colour("chroma that is not neutral")
    return _plane(frame, 0).copy()


def _plane(frame: av.VideoFrame, number: int) -> NDArray[Any]:
    plane: Any = frame.planes[number]
    dtype = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    return np.asarray(rows[:, : plane.width])
