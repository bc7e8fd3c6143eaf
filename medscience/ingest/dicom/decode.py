"""Decoding of compressed frames, in processes of their own: a codec that crashes costs a sample, not the run.

`decode` is a plain function of bytes; `Fence` is what keeps it from harm: limits of memory and of processor
time for each frame.
"""

import multiprocessing
import resource
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from medscience.ingest.dicom.header import Form

MEMORY = 3 << 30
"""Bytes of address space of a process that decodes."""
SECONDS = 60
"""Processor time for a frame."""
DIED = "a decoder that died"


def _rle(frame: bytes, form: Form) -> NDArray[np.unsignedinteger]:
    """DICOM's RLE: one segment of PackBits for each byte of a pixel, the highest first (PS3.5 annex G)."""
    count, *offsets = struct.unpack_from("<16I", frame)
    size, planes = form.rows * form.columns, form.allocated // 8
    if count != planes:
        raise ValueError(f"{count} segments, expected {planes}")
    ends = [*offsets[1:count], len(frame)]
    parts = [imagecodecs.packbits_decode(frame[a:b]) for a, b in zip(offsets, ends, strict=False)]
    if any(len(part) < size for part in parts):
        raise ValueError("a segment is too short")
    bytes_high_first = np.stack([np.frombuffer(part, "u1", size) for part in parts], axis=-1)
    return bytes_high_first.copy().view(f">u{planes}").reshape(form.rows, form.columns)


def _jpeg(frame: bytes, form: Form) -> NDArray[np.unsignedinteger]:
    return imagecodecs.jpeg8_decode(frame)


def _jpeg_ls(frame: bytes, form: Form) -> NDArray[np.unsignedinteger]:
    return imagecodecs.jpegls_decode(frame)


def _jpeg2000(frame: bytes, form: Form) -> NDArray[np.integer]:
    return imagecodecs.jpeg2k_decode(frame)


DECODERS: dict[str, Callable[[bytes, Form], NDArray[np.integer]]] = {
    "1.2.840.10008.1.2.4.50": _jpeg,
    "1.2.840.10008.1.2.4.51": _jpeg,
    "1.2.840.10008.1.2.4.57": _jpeg,
    "1.2.840.10008.1.2.4.70": _jpeg,
    "1.2.840.10008.1.2.4.80": _jpeg_ls,
    "1.2.840.10008.1.2.4.81": _jpeg_ls,
    "1.2.840.10008.1.2.4.90": _jpeg2000,
    "1.2.840.10008.1.2.4.91": _jpeg2000,
    "1.2.840.10008.1.2.4.201": _jpeg2000,
    "1.2.840.10008.1.2.4.202": _jpeg2000,
    "1.2.840.10008.1.2.4.203": _jpeg2000,
    "1.2.840.10008.1.2.5": _rle,
}
"""By transfer syntax: JPEG (baseline, extended, lossless), JPEG-LS, JPEG 2000 and its fast form, RLE."""


def decode(frame: bytes, form: Form) -> "NDArray[np.integer] | str":
    """Return the stored numbers of a compressed frame (rows, columns), or what is wrong with it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + SECONDS)
    try:
        found = np.asarray(DECODERS[form.syntax](frame, form))
    except (RuntimeError, ValueError, TypeError, IndexError, MemoryError, struct.error) as fault:
        return type(fault).__name__
    if found.shape != (form.rows, form.columns):
        return f"a picture of {found.shape}"
    return found


def _limit(what: int, most: int) -> None:
    """Set the soft limit of this process, as far as the hard one allows."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _begin() -> None:
    """Limits of a process that decodes; it leaves no core behind."""
    _limit(resource.RLIMIT_AS, MEMORY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def decoded(frames: Iterable[tuple[bytes, Form]], processes: int) -> "Iterator[NDArray[np.integer] | str]":
    """Decode frames in processes of their own, a few ahead, in their order.

    Yields
    ------
    ndarray (rows, columns) or str
        Stored numbers, or what is wrong; a frame that ends its process is the last that is yielded.
    """
    waiting: deque[tuple[bytes, Form]] = deque()
    ahead: deque[Future[NDArray[np.integer] | str]] = deque()
    try:
        with _processes(processes) as pool:
            for frame in frames:
                waiting.append(frame)
                ahead.append(pool.submit(decode, *frame))
                if len(ahead) > 2 * processes:
                    yield ahead[0].result()
                    ahead.popleft(), waiting.popleft()
            while ahead:
                yield ahead[0].result()
                ahead.popleft(), waiting.popleft()
    except BrokenProcessPool:
        yield from _one_by_one(waiting)


def _one_by_one(frames: Iterable[tuple[bytes, Form]]) -> "Iterator[NDArray[np.integer] | str]":
    """Decode frames of which one ended its process each on its own, so that the right one is blamed."""
    for frame in frames:
        try:
            with _processes(1) as pool:
                found = pool.submit(decode, *frame).result()
        except BrokenProcessPool:
            break
        yield found
    yield DIED


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
