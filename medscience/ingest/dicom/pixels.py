"""The numbers of a series: read or decoded, freed of foreign bits, and scaled to what they mean."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.ingest.dicom.codestream import read_codestream
from medscience.ingest.dicom.content import NATIVE
from medscience.ingest.dicom.decode import DECODERS, decoded
from medscience.ingest.dicom.form import Form
from medscience.ingest.dicom.header import Frame, Instance
from medscience.ingest.source import Repair
from medscience.machine.cores import usable_cores


def check_pixels(instance: Instance, form: Form, repairs: list[Repair]) -> None:
    """Compare the pixel data's size with what the header promises, before any of it is read.

    Raises
    ------
    InputError
        If the syntax is not known, or there are too few bytes or frames.
    """
    pixels = instance.pixels
    if form.syntax not in NATIVE | set(DECODERS):
        wanted = "a syntax that can be decoded: uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000"
        fix = "decompress the series, as with dcmdjpeg or gdcmconv --raw"
        raise instance.refused("SYNTAX", "TransferSyntaxUID", _uid(form.syntax), wanted, fix)
    if (pixels.fragments is None) != (form.syntax in NATIVE):
        found = "plain numbers" if pixels.fragments is None else "compressed pieces"
        raise instance.refused("PIXELS", "PixelData", found, "what the transfer syntax promises")
    if pixels.fragments is not None:
        _frame_fragments(instance, form)
        return
    needed = form.rows * form.columns * form.frames * form.allocated // 8
    if pixels.present < needed:
        found = f"{pixels.present} bytes of pixels"
        raise instance.refused("PIXELS", "PixelData", found, f"{needed} bytes", "copy the file again")
    if pixels.length > needed + needed % 2:
        more = f"{pixels.length - needed} bytes more than the picture has"
        repairs.append(Repair("DICOM-PIXELS-LONG", "PixelData", more, "left out"))


def _uid(syntax: str) -> str:
    """A transfer syntax as it may be shown: a UID of DICOM's own."""
    return syntax if syntax.startswith("1.2.840.10008.") and len(syntax) < 40 else "an unknown one"


def _frame_fragments(instance: Instance, form: Form) -> list[list[tuple[int, int]]]:
    """The fragments of each frame: all of them, one each, or as the offset table says (PS3.5 A.4)."""
    table, *fragments = instance.pixels.fragments or ((0, 0),)
    starts = [at - 8 - (fragments[0][0] - 8) for at, _ in fragments] if fragments else []
    with instance.opened() as stream:
        stream.seek(table[0])
        raw = stream.read(table[1])
    offsets = np.frombuffer(raw[: len(raw) // 4 * 4], "<u4").tolist()
    if len(fragments) < form.frames:
        found = f"{len(fragments)} pieces"
        raise instance.refused(
            "FRAGMENTS", "PixelData", found, f"one or more for each of {form.frames} frames"
        )
    if offsets and (len(offsets) != form.frames or offsets[0] != 0 or not set(offsets) <= set(starts)):
        raise instance.refused(
            "FRAGMENTS", "PixelData", "an offset table that fits no frames", "one that does"
        )
    if offsets and offsets != sorted(set(offsets)):
        raise instance.refused("FRAGMENTS", "PixelData", "offsets out of order", "ascending ones")
    if form.frames == 1:
        return [fragments]
    if len(fragments) == form.frames:
        return [[fragment] for fragment in fragments]
    if not offsets:
        found = f"{len(fragments)} pieces for {form.frames} frames, and no offset table"
        raise instance.refused("FRAGMENTS", "PixelData", found, "a table that says which belong together")
    cuts = [*(starts.index(offset) for offset in offsets), len(fragments)]
    return [fragments[a:b] for a, b in pairwise(cuts)]


@dataclass(slots=True)
class Reader:
    """Reads the scaled numbers of frames in their order, each file once."""

    frames: list[Frame]
    forms: dict[int, Form]
    dtype: np.dtype[Any] = field(init=False)
    """Of the scaled numbers."""
    padded: int = 0
    """Voxels so far that stand for no picture."""

    def __post_init__(self) -> None:
        self.dtype = _dtype(self.frames, self.forms)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield frames (rows, columns), scaled."""
        self.padded = 0
        for frame, stored in zip(self.frames, self._stored(), strict=True):
            padding = self.forms[id(frame.instance)].padding
            if padding:
                self.padded += int(np.count_nonzero((stored >= padding[0]) & (stored <= padding[1])))
            yield self._scaled(frame, stored)

    def _scaled(self, frame: Frame, stored: NDArray[np.integer]) -> NDArray[Any]:
        if (frame.slope, frame.intercept) == (1.0, 0.0):
            return stored.astype(self.dtype, copy=False)
        if self.dtype.kind == "i":
            return stored.astype(self.dtype) * int(frame.slope) + int(frame.intercept)
        return np.asarray(stored * np.float64(frame.slope) + frame.intercept, self.dtype)

    def _stored(self) -> Iterator[NDArray[np.integer]]:
        if self.forms[id(self.frames[0].instance)].syntax in NATIVE:
            yield from self._native()
            return
        processes = min(usable_cores(), len(self.frames))
        results = decoded(self._compressed(), processes)
        for frame, found in zip(self.frames, results, strict=True):
            if isinstance(found, str):
                fix = "export or copy the file again"
                raise frame.instance.refused("DECODE", "PixelData", found, "a whole picture", fix)
            yield without_foreign_bits(found, self.forms[id(frame.instance)])

    def _native(self) -> Iterator[NDArray[np.integer]]:
        for _, group in groupby(self.frames, key=lambda frame: id(frame.instance)):
            members = list(group)
            instance = members[0].instance
            form = self.forms[id(instance)]
            size = form.rows * form.columns * form.allocated // 8
            with instance.opened() as stream:
                for frame in members:
                    stream.seek(instance.pixels.offset + frame.number * size)
                    content = stream.read(size)
                    if len(content) < size:
                        raise instance.refused(
                            "PIXELS", "PixelData", f"{len(content)} bytes", f"{size} bytes"
                        )
                    yield without_foreign_bits(_numbers(content, form, instance), form)

    def _compressed(self) -> Iterator[tuple[bytes, Form]]:
        for _, group in groupby(self.frames, key=lambda frame: id(frame.instance)):
            members = list(group)
            instance = members[0].instance
            form = self.forms[id(instance)]
            fragments = _frame_fragments(instance, form)
            with instance.opened() as stream:
                for frame in members:
                    content = bytearray()
                    for at, size in fragments[frame.number]:
                        stream.seek(at)
                        content += stream.read(size)
                    _check_codestream(instance, bytes(content), form)
                    yield bytes(content), form


def _numbers(content: bytes, form: Form, instance: Instance) -> NDArray[np.unsignedinteger]:
    if form.allocated == 8 and form.order == ">" and instance.pixels.in_words:
        content = np.frombuffer(content, ">u2").astype("<u2").tobytes()
    numbers = np.frombuffer(content, f"{form.order}u{form.allocated // 8}")
    return numbers.reshape(form.rows, form.columns)


def _check_codestream(instance: Instance, content: bytes, form: Form) -> None:
    """Compare what a compressed frame says of itself with the header: before a decoder allocates for it."""
    said = read_codestream(content)
    if said is None:
        if DECODERS[form.syntax].__name__ != "_rle":
            found = "no header that can be read"
            raise instance.refused("CODESTREAM", "PixelData", found, "a JPEG, JPEG-LS or JPEG 2000 frame")
        return
    if (said.rows, said.columns, said.samples) != (form.rows, form.columns, 1) or said.bits > form.allocated:
        found = f"{said.rows} x {said.columns}, {said.samples} samples of {said.bits} bits"
        wanted = f"{form.rows} x {form.columns}, 1 sample of at most {form.allocated} bits"
        raise instance.refused("CODESTREAM", "PixelData", found, wanted)
    if said.signed not in (None, form.signed):
        words = {True: "signed numbers", False: "numbers without sign"}
        raise instance.refused(
            "SIGN", "PixelData", words[not form.signed], f"{words[form.signed]} as its header"
        )


def without_foreign_bits(numbers: NDArray[np.integer], form: Form) -> NDArray[np.integer]:
    """Return stored numbers with the sign that the header says, without bits above those stored.

    Old scanners keep overlays in the bits above; others leave the sign unextended.

    >>> form = Form(1, 2, 1, 16, 12, True, False, "", "<", None)
    >>> without_foreign_bits(np.array([[0x0F00, 0x10F0]], "u2"), form).tolist()
    [[-256, 240]]
    """
    size = form.allocated // 8
    if numbers.dtype.kind == "i":
        return numbers.astype(f"i{size}", copy=False)
    values = numbers.astype(f"=u{size}", copy=False)
    spare = form.allocated - form.stored
    if not form.signed:
        return values & np.array((1 << form.stored) - 1, values.dtype) if spare else values
    signed = values.view(f"i{size}")
    return (values << np.array(spare, values.dtype)).view(f"i{size}") >> spare if spare else signed


def _dtype(frames: list[Frame], forms: dict[int, Form]) -> np.dtype[Any]:
    """The smallest type that holds every scaled number; whole ones stay whole, others become floats."""
    scales = {(frame.slope, frame.intercept) for frame in frames}
    used = [forms[id(frame.instance)] for frame in frames]
    if scales == {(1.0, 0.0)}:
        kinds = {np.dtype(f"{'i' if form.signed else 'u'}{form.allocated // 8}") for form in used}
        return np.result_type(*kinds)
    bits = max(form.stored for form in used)
    if all(number.is_integer() for scale in scales for number in scale):
        ends = [
            end * slope + intercept
            for slope, intercept in scales
            for end in (
                (-(2 ** (bits - 1)), 2**bits - 1) if any(f.signed for f in used) else (0, 2**bits - 1)
            )
        ]
        for name in ("i2", "i4"):
            if np.iinfo(name).min <= min(ends) and max(ends) <= np.iinfo(name).max:
                return np.dtype(name)
    return np.dtype(np.float32 if bits <= 16 else np.float64)


def slabs(slices: Iterable[NDArray[Any]], thickness: int) -> Iterator[NDArray[Any]]:
    """Stack slices into slabs (Z, Y, X), the last one perhaps thinner."""
    gathered: list[NDArray[Any]] = []
    for one in slices:
        gathered.append(one)
        if len(gathered) == thickness:
            yield np.stack(gathered)
            gathered = []
    if gathered:
        yield np.stack(gathered)
