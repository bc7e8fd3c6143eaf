"""TIFF files of several pages: frames of a recording, or slices if a program says so with their spacing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, about
from medscience.geometry import Geometry
from medscience.image import Meaning
from medscience.ingest.decode import decode_tiff
from medscience.ingest.fence import decoding
from medscience.ingest.picture import Look, Picture
from medscience.ingest.recording import check_count, facts_of, meaning_of_frames, read_recording
from medscience.ingest.source import Repair, Source
from medscience.ingest.stamp import Stamp
from medscience.ingest.tiff_axes import Axes, axes_of
from medscience.ingest.tiff_pages import check_tiff, first_tags


def open_tiff(path: Path, acquisition: Path | None = None) -> Source:
    """Open a TIFF file.

    Parameters
    ----------
    path : Path
        ``.tif`` or ``.tiff``, plain or BigTIFF, all its pages alike.
    acquisition : Path, optional
        The acquisition file. With it pages are frames; without it they must be slices, and ImageJ or OME must
        have written their spacing into the file.

    Returns
    -------
    Source
        Frames (T, 1, Y, X), or a volume (Z, Y, X) that has no place in a patient, in the file's own type.

    Raises
    ------
    InputError
        If the file is cut or damaged, its pages differ or lead in a circle, they are in colour, or nobody
        said what they are.
    """
    stamp = Stamp.of(path)
    pages = check_tiff(path)
    first = pages[0]
    for number, page in enumerate(pages):
        if page != first:
            raise _refused(path, f"page {number}", f"{page}", f"{first}, as the first page", "FRAME-DIFFERS")
    axes = axes_of(path, first_tags(path))
    if axes and axes.pages != len(pages):
        raise _refused(path, "pages", f"{len(pages)}", f"{axes}, as its description says")
    if acquisition is None and axes and axes.slices == axes.pages > 1 and axes.spacing:
        return _volume(path, pages, axes, stamp)
    return _recording(path, pages, axes, acquisition, stamp)


def _volume(path: Path, pages: list[Picture], axes: Axes, stamp: Stamp) -> Source:
    look = Look(pages[0], luminance=False)
    repairs = look.repairs()
    geometry = Geometry.own((len(pages), *look.shape), axes.spacing or (1.0, 1.0, 1.0))
    return Source(
        Meaning(geometry, space="own"),
        pages[0].dtype,
        stamp.sha256(),
        {"format": "tiff", "bits": pages[0].bits},
        partial(_slabs, path, len(pages), look, stamp, None),
        repairs,
    )


def _recording(
    path: Path, pages: list[Picture], axes: Axes | None, acquisition: Path | None, stamp: Stamp
) -> Source:
    said = f"{len(pages)} pages, which its description calls {axes}" if axes else f"{len(pages)} pages"
    recording = read_recording(path, acquisition, said)
    if axes and max(axes.slices, axes.times) != axes.pages:
        raise _refused(path, "description", f"{axes}", "frames of one slice and one channel", "TIFF-AXES")
    check_count(path, len(pages), recording)
    look = Look(pages[0], luminance=recording.grey == "luminance")
    repairs = look.repairs()
    if axes and axes.slices > 1:
        repairs.append(Repair("TIFF-AXES", "description", f"{axes}", "frames, by the acquisition file"))
    return Source(
        meaning_of_frames(recording, look.shape),
        pages[0].dtype,
        stamp.sha256(),
        facts_of(recording, format="tiff", bits=pages[0].bits, form=pages[0].form),
        partial(_slabs, path, len(pages), look, stamp, repairs),
        repairs,
        len(pages),
    )


def _slabs(
    path: Path, pages: int, look: Look, stamp: Stamp, repairs: list[Repair] | None, count: int
) -> Iterator[NDArray[Any]]:
    """Decode slab after slab; frames, which have a list of repairs to grow, are looked at."""
    check = look.check()
    for start in range(0, pages, count):
        with about(path):
            slab = look.finished(
                np.stack(
                    [
                        look.checked(decoding().call(decode_tiff, str(path), number, look.luminance))
                        for number in range(start, min(start + count, pages))
                    ]
                )
            )
        check.look(slab)
        yield slab
    if repairs is not None:
        repairs += check.repairs()
    stamp.check()


def _refused(path: Path, field: str, found: str, expected: str, code: str = "TIFF-PAGES") -> InputError:
    return InputError(
        code,
        file=path,
        field=field,
        found=found,
        expected=expected,
        fix="save the frames in a file of their own",
    )
