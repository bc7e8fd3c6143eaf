"""Which pictures make the volume: one series, without localizers and copies, and one of its volumes."""

import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.files import Found
from medscience.ingest.dicom.header import Frame, Instance, read_instance
from medscience.ingest.source import Repair

SAME_PLACE = 1e-3
"""Millimetres between two positions that are one."""


@dataclass(frozen=True, slots=True)
class _Series:
    """The pictures with one series UID."""

    uid: str
    instances: list[Instance]

    @property
    def number(self) -> str:
        """The scanner's number of the series."""
        number = self.instances[0].values.text("SeriesNumber")
        return number if re.fullmatch(r"[0-9]{1,12}", number) else "none"

    @property
    def is_volume(self) -> bool:
        """Whether any of its pictures may be a slice."""
        return any(one.has_place and not one.is_localizer for one in self.instances)


def choose_series(path: Path, found: Found, choices: Choices) -> list[Instance]:
    """Return the pictures of one series.

    Parameters
    ----------
    path : Path
        The source, for errors.
    found : Found
        Its files; what is left out is added to its repairs.
    choices : Choices
        Its `series` names one, where there are several.

    Raises
    ------
    InputError
        If there is no picture, or several series and none is named.
    """
    instances = [read_instance(file) for file in found.files]
    scans = [one for one in instances if one.is_scan]
    if not scans:
        raise InputError(
            "DICOM-NO-PIXELS",
            file=path,
            field="PixelData (7FE0,0010)",
            found=f"{len(instances)} DICOM files without a picture of a scan",
            expected="a series of pictures",
            fix="name the folder that holds the scan",
        )
    _note(found, "DICOM-NO-PICTURES", len(instances) - len(scans), "DICOM files that are no scan")
    groups: dict[str, list[Instance]] = defaultdict(list)
    for one in scans:
        groups[one.series].append(one)
    every = [_Series(uid, members) for uid, members in groups.items()]
    every.sort(key=lambda series: (len(series.number), series.number, series.uid))
    chosen = _named(path, every, choices.series) if choices.series else _only(path, every)
    others = len(scans) - len(chosen.instances)
    _note(found, "DICOM-OTHER-SERIES", others, "pictures of other series")
    kept = [one for one in chosen.instances if not one.is_localizer] or chosen.instances
    _note(found, "DICOM-LOCALIZER", len(chosen.instances) - len(kept), "localizers")
    _one_patient(kept)
    return kept


def _note(found: Found, code: str, count: int, what: str) -> None:
    if count:
        found.repairs.append(Repair(code, "files", f"{count} {what}", "left out"))


def _only(path: Path, every: list[_Series]) -> _Series:
    """The one series, or the only one of them that can be a volume."""
    volumes = [series for series in every if series.is_volume]
    if len(every) == 1 or len(volumes) == 1:
        return (volumes or every)[0]
    raise _ask(path, volumes or every, f"{len(every)} series")


def _named(path: Path, every: list[_Series], wish: str) -> _Series:
    """The series with this UID or number, or whose UID alone ends in it."""
    for fits in (
        [series for series in every if series.uid == wish],
        [series for series in every if series.number == wish],
        [series for series in every if series.uid.endswith(wish)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise _ask(path, fits, f"{len(fits)} series of that name")
    raise _ask(path, every, "no series of that name")


def _ask(path: Path, every: list[_Series], found: str) -> InputError:
    """What there is to choose from: numbers and modalities, and of UIDs only the ends that are needed."""
    counts = Counter(series.number for series in every)
    listed = []
    for series in every:
        end = "" if counts[series.number] == 1 else f", UID ends in {_end(series, every)}"
        kind = series.instances[0].modality or "unknown"
        listed.append(f"number {series.number} ({kind}, {len(series.instances)} files{end})")
    return InputError(
        "DICOM-SERIES",
        file=path,
        field="SeriesInstanceUID (0020,000E)",
        found=f"{found}: {'; '.join(listed)}",
        expected="one series",
        fix="name one with --series or in the sheet's column series: its number, or the end of its UID",
    )


def _end(series: _Series, every: list[_Series]) -> str:
    """The shortest end of a UID, of four signs or more, that no other has."""
    for length in range(4, len(series.uid)):
        end = series.uid[-length:]
        if sum(other.uid.endswith(end) for other in every) == 1 and re.fullmatch(r"[0-9.]+", end):
            return end
    return series.uid if re.fullmatch(r"[0-9.]{1,64}", series.uid) else "nothing"


def _one_patient(instances: list[Instance]) -> None:
    """Refuse a series of several patients, or in several frames of reference."""
    for name, code in (("PatientID", "DICOM-PATIENTS"), ("FrameOfReferenceUID", "DICOM-REFERENCE")):
        values: dict[str, Instance] = {}
        for one in instances:
            values.setdefault(one.values.text(name), one)
        if len(values) > 1:
            other = list(values.values())[1]
            fix = "take the files apart: they do not belong to one volume"
            raise other.refused(code[6:], name, f"{len(values)} of them in one series", "one", fix)


def without_copies(frames: list[Frame], repairs: list[Repair]) -> list[Frame]:
    """Return the frames without those that are there twice, pixel for pixel.

    Raises
    ------
    InputError
        If one identifier stands for two different pictures.
    """
    places: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        rounded = tuple(round(p / SAME_PLACE) for p in frame.position)
        places[rounded, frame.separators].append(frame)
    kept: list[Frame] = []
    digests: dict[int, str] = {}
    for group in places.values():
        unique: dict[str, Frame] = {}
        for frame in group:
            unique.setdefault(_digest(frame, digests) if len(group) > 1 else "", frame)
        kept += unique.values()
    _one_picture_each(kept)
    if len(kept) < len(frames):
        copies = f"{len(frames) - len(kept)} copies of other slices"
        repairs.append(Repair("DICOM-COPIES", "SOPInstanceUID", copies, "left out"))
    return kept


def _one_picture_each(frames: list[Frame]) -> None:
    first: dict[tuple[str, int], Frame] = {}
    for frame in frames:
        uid = frame.instance.uid
        if uid and first.setdefault((uid, frame.number), frame) is not frame:
            fix = "find out which of the files is the right one"
            raise frame.instance.refused(
                "IDENTIFIER", "SOPInstanceUID", "one identifier for two pictures", "one", fix
            )


def _digest(frame: Frame, known: dict[int, str]) -> str:
    """Digest of the stored pixels of a file, each read once, and the frame's number in them."""
    instance = frame.instance
    if id(instance) not in known:
        with instance.opened() as stream:
            stream.seek(instance.pixels.offset)
            known[id(instance)] = hashlib.sha256(stream.read(instance.pixels.present)).hexdigest()
    return f"{frame.number} {known[id(instance)]}"
