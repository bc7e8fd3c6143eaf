"""Decoding of compressed frames behind fences: a codec that crashes costs a sample, not the run."""

import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import Queue

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.ingest.dicom.form import Form
from medscience.ingest.fence import Fence

MEMORY = 2 << 30
"""Bytes that a frame may take to decode."""
SECONDS = 60
"""Time for a frame."""


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


def decode(frame: bytes, form: Form) -> NDArray[np.integer]:
    """Return the stored numbers of a compressed frame (rows, columns); anything may go wrong."""
    return np.asarray(DECODERS[form.syntax](frame, form))


def decoded(frames: Iterable[tuple[bytes, Form]], processes: int) -> "Iterator[NDArray[np.integer] | str]":
    """Decode frames behind fences, a few ahead, in their order.

    Yields
    ------
    ndarray (rows, columns) or str
        Stored numbers, or what is wrong with the frame.
    """
    with ExitStack() as stack:
        fences: Queue[Fence] = Queue()
        for _ in range(processes):
            fences.put(stack.enter_context(Fence(MEMORY, SECONDS)))
        pool = stack.enter_context(ThreadPoolExecutor(processes))
        ahead: deque[Future[NDArray[np.integer] | str]] = deque()
        for frame, form in frames:
            ahead.append(pool.submit(_behind_a_fence, fences, frame, form))
            if len(ahead) > 2 * processes:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _behind_a_fence(fences: "Queue[Fence]", frame: bytes, form: Form) -> "NDArray[np.integer] | str":
    fence = fences.get()
    try:
        found = fence.call(decode, frame, form)
    except InputError as fault:
        return fault.found
    finally:
        fences.put(fence)
    fits = isinstance(found, np.ndarray) and found.dtype.kind in "iu"
    return found if fits and found.shape == (form.rows, form.columns) else "a picture of another form"
