"""Where the slices of a series lie: one orientation, sorted along the normal, evenly apart, upright on it.

Positions alone decide; thickness, slice location and instance numbers are compared, never used. DICOM's
coordinates are LPS+ millimetres (PS3.3 C.7.6.2.1.1), ours RAS+.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.form import Form
from medscience.ingest.dicom.header import Frame
from medscience.ingest.dicom.series import SAME_PLACE
from medscience.ingest.dicom.stack import Stack, plain, upright
from medscience.ingest.dicom.volumes import choose_volumes
from medscience.ingest.source import Repair

UNIT = 1e-3
"""How far a direction's length and the angle of two may be from 1 and 0 (cosine)."""
SAME = 1e-3
"""Difference of direction cosines, or part of a spacing, that is none."""
JITTER, NOTED_JITTER = 0.01, 1e-3
"""Part of the spacing by which a slice may be off its place, and from which on that is noted."""
LEANING, NOTED_LEANING = 0.01, 1e-4
"""Cosine between the slices' axis and their plane, likewise; 0.01 is 0.6 degrees."""
FINEST = 4
"""An even grid may have this many times the slices."""


def stack(
    path: Path, frames: list[Frame], forms: dict[int, Form], choices: Choices, repairs: list[Repair]
) -> Stack:
    """Sort slices into a volume.

    Parameters
    ----------
    path : Path
        The source, for errors that concern all of it.
    frames : list of Frame
        Slices of one series, in any order.
    forms : dict
        The form of each instance by its `id`.
    choices : Choices
        What to do where they lean or are unevenly apart.
    repairs : list of Repair
        What is noted is added here.

    Raises
    ------
    InputError
        If they make no volume; the file at fault and the numbers are named.
    """
    row, column = _directions(frames, repairs)
    _one_size(frames, forms)
    _note_count(path, frames, choices, repairs)
    normal = np.cross(row, column)
    heights = {id(frame): float(np.array(frame.position) @ normal) for frame in frames}
    found = choose_volumes(path, frames, [heights[id(frame)] for frame in frames], choices)
    volumes = [sorted(volume, key=lambda frame: heights[id(frame)]) for volume in found]
    chosen = volumes[0]
    _one_place_each(volumes)
    points = np.array([frame.position for frame in chosen])
    down, across = chosen[0].spacing
    plane = np.column_stack([column * down, row * across])
    if len(chosen) == 1:
        steps = np.array([normal * _thickness(chosen[0], choices, repairs)])
        return plain(volumes, points[0], steps[0], plane, forms)
    _note_steps(chosen, points @ normal, repairs)
    leaning = _leaning(chosen, points, normal, choices, repairs)
    places = _places(chosen, points @ normal, choices, repairs)
    step = (points[-1] - points[0]) / (len(places) - 1)
    if leaning == "resample":
        return upright(volumes, points, places, plane, normal, forms)
    return plain(volumes, points[0], step, plane, forms, places)


def _directions(
    frames: list[Frame], repairs: list[Repair]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along a row and down a column, the same for all frames."""
    first = np.array(frames[0].orientation)
    for frame in frames:
        if np.abs(np.array(frame.orientation) - first).max() > SAME:
            raise frame.instance.refused(
                "ORIENTATION", "ImageOrientationPatient", "another one", "that of the others"
            )
    row, column = first[:3], first[3:]
    lengths = np.linalg.norm([row, column], axis=1)
    if np.abs(lengths - 1).max() > UNIT:
        found = f"lengths {lengths[0]:.4g} and {lengths[1]:.4g}"
        raise frames[0].instance.refused("ORIENTATION", "ImageOrientationPatient", found, "unit vectors")
    row, column = row / lengths[0], column / lengths[1]
    if abs(row @ column) > UNIT:
        found = f"{np.degrees(np.arccos(row @ column)):.1f} degrees between rows and columns"
        raise frames[0].instance.refused("ORIENTATION", "ImageOrientationPatient", found, "a right angle")
    if np.abs(lengths - 1).max() > 1e-5 or abs(row @ column) > 1e-5:
        found = f"lengths {lengths[0]:.6f}, {lengths[1]:.6f}, cosine {row @ column:.6f}"
        repairs.append(Repair("DICOM-UNIT", "ImageOrientationPatient", found, "unit vectors at right angles"))
    column = column - (row @ column) * row
    return row, column / np.linalg.norm(column)


def _one_size(frames: list[Frame], forms: dict[int, Form]) -> None:
    first, form = frames[0], forms[id(frames[0].instance)]
    for frame in frames:
        other = forms[id(frame.instance)]
        if (other.rows, other.columns) != (form.rows, form.columns):
            found, wanted = f"{other.rows} x {other.columns}", f"{form.rows} x {form.columns} as the others"
            raise frame.instance.refused("SIZE", "Rows", found, wanted)
        if not np.allclose(frame.spacing, first.spacing, rtol=SAME):
            raise frame.instance.refused(
                "SPACING", "PixelSpacing", frame.spacing, f"{first.spacing} as the others"
            )


def _one_place_each(volumes: list[list[Frame]]) -> None:
    """Refuse volumes in time that moved within the slices' plane."""
    for slices in zip(*volumes, strict=True):
        first = np.array(slices[0].position)
        for frame in slices[1:]:
            moved = float(np.abs(np.array(frame.position) - first).max())
            if moved > SAME_PLACE:
                found = f"{moved:.3g} mm beside the same slice of the first volume"
                fix = "take one of the volumes with --volume"
                raise frame.instance.refused(
                    "POSITION", "ImagePositionPatient", found, "volumes on the same positions", fix
                )


def _note_count(path: Path, frames: list[Frame], choices: Choices, repairs: list[Repair]) -> None:
    """Compare with the number of pictures that the scanner says it took."""
    acquisitions: dict[object, list[Frame]] = {}
    for frame in frames:
        acquisitions.setdefault(frame.instance.values.text("AcquisitionNumber"), []).append(frame)
    for members in acquisitions.values():
        promised = members[0].instance.values.loose("ImagesInAcquisition") or 0
        if promised <= len(members):
            continue
        found = f"{len(members)} slices of an acquisition"
        if "missing-slices" not in choices.accept:
            raise InputError(
                "DICOM-MISSING-SLICES",
                file=path,
                field="ImagesInAcquisition (0020,1002)",
                found=found,
                expected=f"{promised:g}, as the header says",
                fix="copy all files, or name --accept missing-slices if the others belong elsewhere",
            )
        repairs.append(Repair("DICOM-MISSING-SLICES", "ImagesInAcquisition", found, "accepted"))
    if not any(frame.instance.values.has("ImagesInAcquisition") for frame in frames):
        repairs.append(Repair("DICOM-END", "slices", f"{len(frames)}", "nothing says how many there were"))


def _thickness(frame: Frame, choices: Choices, repairs: list[Repair]) -> float:
    thickness = frame.step or frame.thickness
    if "single-slice" not in choices.accept or not thickness or thickness <= 0:
        fix = "name the whole series, or --accept single-slice to take it as thick as its header says"
        raise frame.instance.refused(
            "SINGLE-SLICE", "files", "a single slice", "two or more, evenly apart", fix
        )
    repairs.append(
        Repair("DICOM-SINGLE-SLICE", "SliceThickness", "a single slice", f"{thickness:g} mm thick")
    )
    return thickness


def _note_steps(frames: list[Frame], along: NDArray[np.float64], repairs: list[Repair]) -> None:
    step = float(np.median(np.diff(along)))
    said = {"SpacingBetweenSlices": frames[0].step, "SliceThickness": frames[0].thickness}
    for name, value in said.items():
        if value is not None and abs(value - step) > JITTER * step:
            repairs.append(Repair("DICOM-STEP", name, f"{value:g} mm", f"{step:.4g} mm between positions"))


def _leaning(
    frames: list[Frame],
    points: NDArray[np.float64],
    normal: NDArray[np.float64],
    choices: Choices,
    repairs: list[Repair],
) -> str:
    """What to do about slices that are not stacked along their normal; they must lie on one line."""
    span = points[-1] - points[0]
    height = float(span @ normal)
    aside = span - height * normal
    line = points[0] + np.outer((points - points[0]) @ normal / height, span)
    off = np.linalg.norm(points - line, axis=1)
    if off.max() > max(JITTER * height / (len(frames) - 1), JITTER * min(frames[0].spacing)):
        found = f"{off.max():.3g} mm beside the line through the first and the last slice"
        frame = frames[int(off.argmax())]
        raise frame.instance.refused("POSITION", "ImagePositionPatient", found, "positions on one line")
    cosine = float(np.linalg.norm(aside) / np.linalg.norm(span))
    degrees = float(np.degrees(np.arcsin(cosine)))
    if cosine <= LEANING:
        if cosine > NOTED_LEANING:
            repairs.append(Repair("DICOM-LEANING", "ImagePositionPatient", f"{degrees:.3f} degrees", "kept"))
        return "keep"
    if choices.on_tilt == "refuse":
        fix = "name --on-tilt resample for a grid with right angles, or --on-tilt keep for the leaning one"
        found = f"slices that lean by {degrees:.2f} degrees"
        raise frames[0].instance.refused(
            "TILT", "ImagePositionPatient", found, "slices stacked along their normal", fix
        )
    done = {"keep": "the leaning grid is kept", "resample": "linear interpolation within each slice"}
    repairs.append(
        Repair("DICOM-TILT", "ImagePositionPatient", f"{degrees:.2f} degrees", done[choices.on_tilt])
    )
    return choices.on_tilt


def _places(
    frames: list[Frame], along: NDArray[np.float64], choices: Choices, repairs: list[Repair]
) -> NDArray[np.float64]:
    """Where among the frames the slices of an even grid lie."""
    count, span = len(along), float(along[-1] - along[0])
    steps = np.diff(along)
    even = along[0] + np.arange(count) * span / (count - 1)
    off = float(np.abs(along - even).max() / (span / (count - 1)))
    if off <= JITTER:
        if off > NOTED_JITTER:
            repairs.append(
                Repair("DICOM-JITTER", "ImagePositionPatient", f"{off:.2%} of the spacing", "taken as even")
            )
        return np.arange(count, dtype=np.float64)
    if choices.on_gap == "refuse":
        raise _uneven(frames, along, steps)
    step = float(steps.min())
    slices = round(span / step) + 1
    if slices > FINEST * count:
        found = f"steps from {step:.4g} to {steps.max():.4g} mm"
        fix = "take out what does not belong"
        raise frames[int(steps.argmin())].instance.refused(
            "GAP", "ImagePositionPatient", found, "similar steps", fix
        )
    wanted = np.linspace(along[0], along[-1], slices)
    done = f"{slices} slices, {span / (slices - 1):.4g} mm apart, by linear interpolation"
    found = f"{count} slices, {step:.4g} to {steps.max():.4g} mm apart"
    repairs.append(Repair("DICOM-GAP", "ImagePositionPatient", found, done))
    places = np.interp(wanted, along, np.arange(count))
    return np.where(np.abs(places - np.rint(places)) < JITTER, np.rint(places), places)


def _uneven(frames: list[Frame], along: NDArray[np.float64], steps: NDArray[np.float64]) -> InputError:
    widest = int(steps.argmax())
    before, after = frames[widest].instance.file.leaf, frames[widest + 1].instance.file.leaf
    between = f" between {before} and {after}" if before != after else f" before frame {widest + 2}"
    found = f"{steps[widest]:.4g} mm{between} at {along[widest]:.4g} mm along the normal"
    usual = f"steps of {float(np.median(steps)):.4g} mm, as most are"
    fix = "find the missing files, or name --on-gap resample to interpolate"
    return frames[widest + 1].instance.refused("GAP", "ImagePositionPatient", found, usual, fix)
