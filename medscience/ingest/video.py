"""AVI, MP4, MOV and Matroska: the container is checked here, FFmpeg decodes it behind the fence.

High-speed cameras write the rate at which a video is to be played. So a container's timestamps only show
whether frames are missing; the clock is `frame_rate_hz` of the acquisition file.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Recording
from medscience.errors import InputError, about
from medscience.geometry import Reorientation
from medscience.ingest import film
from medscience.ingest.container import check_container
from medscience.ingest.fence import Fence, decoding
from medscience.ingest.orientation import turn_of_matrix, turned_sizes
from medscience.ingest.recording import (
    FrameCheck,
    check_count,
    check_frame_size,
    facts_of,
    meaning_of_frames,
    read_recording,
)
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.timestamps import check_length, steps_of

SLOWEST = 20e6
"""Bytes that a disk gives in a second at least."""


def open_video(path: Path, acquisition: Path | None = None) -> Source:
    """Open a video.

    Parameters
    ----------
    path : Path
        ``.avi``, ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``; it must be what its name says.
    acquisition : Path, optional
        The acquisition file; there must be one, since nothing else knows the frame rate.

    Returns
    -------
    Source
        Frames (T, 1, Y, X) as they were stored: uint8, or uint16 where a pixel has more than 8 bits. Luma of
        videos in grey keeps its range. Frames that are to be shown turned are turned.

    Raises
    ------
    InputError
        If the file is no such video, cut, damaged, lacks frames, is in colour, or nobody said at which rate
        it was recorded.
    """
    stamp = Stamp.of(path)
    demuxer = check_container(path)
    fence = _fence(path)
    with about(path):
        told = fence.call(film.describe, str(path), demuxer)
        _check_stream(path, told)
        packets = fence.call(film.packets, str(path), demuxer)
    times = packets[packets[:, 2] == 0]
    told["cut out"] = len(packets) - len(times)
    recording = read_recording(path, acquisition, _playback(told["rate"]))
    steps = steps_of(path, times[:, 0], told, keep=recording.dropped_frames == "keep")
    check_length(path, times, told, steps, recording)
    check_count(path, len(times), recording)
    turn = turn_of_matrix(path, told["matrix"])
    repairs = [*_repairs(told, recording, turn), *steps.repairs]
    pixel = turned_sizes(turn, _pixel(path, told, recording))
    shape = turned_sizes(turn, (told["height"], told["width"]))
    kept = {key: told[key] for key in ("codec", "pixels", "bits")}
    return Source(
        meaning_of_frames(recording, shape, pixel, steps.skipped),
        np.dtype(np.uint8 if told["bits"] <= 8 else np.uint16),
        stamp.sha256(),
        facts_of(recording, format="video", container=demuxer, playback_rate_hz=told["rate"], **kept),
        partial(_slabs, path, demuxer, (told, recording, turn), stamp, repairs, len(times)),
        repairs,
        len(times),
    )


def _fence(path: Path) -> Fence:
    """Return a fence that lets a call read the whole file."""
    size = path.stat().st_size
    return decoding() if size < 60 * SLOWEST else Fence(seconds=size / SLOWEST)


def _check_stream(path: Path, told: dict[str, Any]) -> None:
    if told["videos"] != 1:
        raise InputError(
            "VIDEO-STREAMS",
            file=path,
            field="streams",
            found=f"{told['videos']} video streams",
            expected="one",
            fix="export the one that is meant into a file of its own",
        )
    if "pixels" not in told:
        raise InputError(
            "VIDEO-EMPTY",
            file=path,
            field="frames",
            found="none",
            expected="one or more",
            fix="copy the video again",
        )
    check_frame_size(path, told["height"], told["width"])
    if film.kind_of(told["pixels"]) is None:
        raise InputError(
            "VIDEO-PIXELS",
            file=path,
            field="pixel format",
            found=told["pixels"],
            expected="grey, YUV or RGB of 8 to 16 bits",
            fix="convert it without loss: ffmpeg -i VIDEO -c:v ffv1 -pix_fmt gray16le OUT.mkv",
        )


def _playback(rate: float | None) -> str:
    known = "no rate" if rate is None else f"{rate:g} frames a second"
    return f"{known} in the video, at which it is played"


def _pixel(path: Path, told: dict[str, Any], recording: Recording) -> tuple[float, float]:
    """Relative size of a stored pixel along (y, x)."""
    aspect, size = told["aspect"], recording.pixel_size_mm
    if abs(aspect - 1) > 1e-6 and isinstance(size, float):
        raise InputError(
            "VIDEO-ASPECT",
            file=path,
            field="sample aspect ratio, pixel_size_mm",
            found=f"pixels {aspect:g} times as wide as high, and one size of {size:g} mm",
            expected="both sizes",
            fix="name both in the acquisition file: pixel_size_mm: [Y, X]",
        )
    return 1.0, aspect


def _repairs(told: dict[str, Any], recording: Recording, turn: Reorientation | None) -> list[Repair]:
    """What a reader of the frames should know."""
    found, kind = [], film.kind_of(told["pixels"])
    if turn:
        found.append(Repair("VIDEO-ROTATION", "display matrix", "to be shown turned", "frames turned so"))
    if abs(told["aspect"] - 1) > 1e-6:
        after = "pixels of unequal sides; frames as stored"
        found.append(Repair("VIDEO-ASPECT", "sample aspect ratio", f"{told['aspect']:g}", after))
    if kind == "luma" and not told["full_range"]:
        levels = "luma as stored; in a limited range 16/255 is black and 235/255 white"
        found.append(Repair("VIDEO-RANGE", "colour range", "limited or not said", levels))
    if kind != "grey":
        rule = "luminance" if recording.grey else "checked to be grey"
        found.append(Repair("VIDEO-GREY", "pixel format", told["pixels"], f"one number a pixel, {rule}"))
    if told["cut out"]:
        said = f"{told['cut out']} frames are not to be shown"
        found.append(Repair("VIDEO-EDITED", "edit list", said, "left out"))
    if told["interlaced"]:
        found.append(Repair("VIDEO-INTERLACED", "frames", "two fields of different times", "kept as one"))
    return found


def _slabs(
    path: Path,
    demuxer: str,
    form: tuple[dict[str, Any], Recording, Reorientation | None],
    stamp: Stamp,
    repairs: list[Repair],
    expected: int,
    count: int,
) -> Iterator[NDArray[Any]]:
    """Decode slab after slab, and count: a decoder that loses frames says nothing of it."""
    told, recording, turn = form
    fence, done = _fence(path), 0
    check = FrameCheck((1 << told["bits"]) - 1)
    size = told["height"], told["width"]
    rule = recording.grey == "luminance"
    while done < expected:
        with about(path):
            slab = fence.call(_frames, str(path), demuxer, done, min(count, expected - done), rule)
        if len(slab) < min(count, expected - done):
            raise _lost(path, done + len(slab), expected)
        if slab.shape[1:] != size:
            raise _lost(path, f"frames of {slab.shape[2]} x {slab.shape[1]} pixels", f"{size[1]} x {size[0]}")
        done += len(slab)
        check.look(slab)
        yield turn.apply(slab) if turn else slab
    with about(path):
        if len(fence.call(_frames, str(path), demuxer, done, 1, rule)):
            raise _lost(path, f"more than {expected}", expected)
        fence.call(film.close)
    repairs += check.repairs()
    stamp.check()


def _frames(path: str, demuxer: str, start: int, count: int, luminance: bool) -> NDArray[Any]:  # noqa: FBT001 - a fence's call has no keywords
    return film.frames(path, demuxer, start, count, luminance=luminance)


def _lost(path: Path, found: object, expected: object) -> InputError:
    return InputError(
        "VIDEO-FRAMES",
        file=path,
        field="decoded frames",
        found=found,
        expected=f"{expected}, as the container holds them",
        fix="copy the video again, or export it anew from the camera's program",
    )
