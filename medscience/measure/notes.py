"""Tables of a strike: a row for each antinode, and beside it a row for each antinode and moment."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from medscience.antinode import Ellipse
from medscience.measure.lags import Lag, lag
from medscience.measure.motion import INSIDE, NUMBERS, Interval
from medscience.measure.sound import Heard
from medscience.measure.strike import Note, Strike

MEASURED = (*NUMBERS, "peak_um", "envelope_lag_s", "phase_deg")
"""Columns that have a second and a third one, `_low` and `_high`: between them it lies with 90 %."""

COLORS = ("#e69f00", "#56b4e9", "#f0e442", "#cc79a7", "#009e73", "#d55e00", "#0072b2")
"""Of antinodes in pictures, in turn: the palette of Okabe and Ito, which the colour-blind can tell apart."""


def color_of(antinode: int) -> str:
    """Return the colour of an antinode, by its number from 1."""
    return COLORS[(antinode - 1) % len(COLORS)]


NOTE_COLUMNS: "list[pa.Field[Any]]" = [  # quoted: pyarrow knows its types only as text
    pa.field("sample", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    pa.field("antinode", pa.int32(), nullable=False),
    *(pa.field(f"{name}_px", pa.float64(), nullable=False) for name in "xyab"),
    pa.field("angle_deg", pa.float64(), nullable=False),
    pa.field("centre_spread_px", pa.float64(), nullable=False),
    pa.field("axes_spread_px", pa.float64(), nullable=False),
    pa.field("in_frame", pa.float64(), nullable=False),
    pa.field("frames_seen", pa.int64(), nullable=False),
    pa.field("first_seen_s", pa.float64(), nullable=False),
    pa.field("last_seen_s", pa.float64(), nullable=False),
    *(pa.field(f"{name}{end}", pa.float64()) for name in MEASURED for end in ("", "_low", "_high")),
    pa.field("phase_multiple", pa.int32()),
    pa.field("phase_steadiness", pa.float64()),
    pa.field("audio_frequency_hz", pa.float64()),
    pa.field("audio_onset_s", pa.float64()),
]

NOTES = pa.schema(NOTE_COLUMNS)
"""Columns of the table of notes. What could not be measured is null."""

MOTION_COLUMNS: "list[pa.Field[Any]]" = [
    pa.field("sample", pa.string(), nullable=False),
    pa.field("model", pa.string(), nullable=False),
    pa.field("antinode", pa.int32(), nullable=False),
    pa.field("time_s", pa.float64(), nullable=False),
    pa.field("frame", pa.int64()),
    pa.field("rings", pa.float64()),
    *(
        pa.field(f"{name}_rings{end}", pa.float64())
        for name in ("displacement", "envelope")
        for end in ("", "_low", "_high")
    ),
    pa.field("displacement_um", pa.float64()),
    pa.field("envelope_um", pa.float64()),
]

MOTION = pa.schema(MOTION_COLUMNS)
"""Columns of the table of motion: `frame` is the stored frame, null where it was lost; `rings` what was
counted in it, null where the antinode was not found; the others are fitted, null where there is no fit."""


def notes_table(
    owner: tuple[str, str],
    strike: Strike,
    shape: tuple[int, int],
    ring_um: float | None,
    heard: Mapping[int, Heard],
) -> pa.Table:
    """Return the notes of a strike as a table of `NOTES`.

    Parameters
    ----------
    owner : tuple of str
        Sample and model.
    shape : tuple of int
        Height and width of the frames.
    ring_um : float, optional
        Displacement that is one ring.
    heard : dict
        What the sound says, by the place of the note in the strike.
    """
    rows = []
    for number, note in enumerate(strike.notes):
        behind = lag(note, strike.notes[0]) if number else Lag(None, None, None, None)
        sound = heard.get(number, Heard(None, None))
        rows.append(
            {"sample": owner[0], "model": owner[1], "antinode": number + 1}
            | _place(note, shape)
            | _numbers(note, behind, ring_um)
            | {"phase_multiple": behind.multiple, "phase_steadiness": behind.steadiness}
            | {"audio_frequency_hz": sound.frequency_hz, "audio_onset_s": sound.onset_s}
        )
    return pa.Table.from_pylist(rows, schema=NOTES)


def _place(note: Note, shape: tuple[int, int]) -> dict[str, Any]:
    trace, step = note.trace, note.rings.step_s
    ellipse: Ellipse = trace.ellipse
    return {
        **{f"{name}_px": getattr(ellipse, name) for name in "xyab"},
        "angle_deg": ellipse.angle,
        "centre_spread_px": trace.centre_px,
        "axes_spread_px": trace.axes_px,
        "in_frame": ellipse.inside(shape),
        "frames_seen": len(trace.rows),
        "first_seen_s": note.first * step,
        "last_seen_s": note.last * step,
    }


def _numbers(note: Note, behind: Lag, ring_um: float | None) -> dict[str, float]:
    measured: dict[str, Interval] = dict(note.motion.numbers) if note.motion else {}
    if ring_um is not None and "peak_rings" in measured:
        peak = measured["peak_rings"]
        measured["peak_um"] = Interval(peak.value * ring_um, peak.low * ring_um, peak.high * ring_um)
    if behind.envelope_s:
        measured["envelope_lag_s"] = behind.envelope_s
    if behind.phase_deg:
        measured["phase_deg"] = behind.phase_deg
    return {
        f"{name}{end}": value
        for name, interval in measured.items()
        for end, value in (("", interval.value), ("_low", interval.low), ("_high", interval.high))
    }


def motion_table(owner: tuple[str, str], strike: Strike, ring_um: float | None) -> pa.Table:
    """Return the motion of all notes as a table of `MOTION`; arguments as in `notes_table`."""
    parts = [
        _motion(note).append_column("antinode", pa.array([number] * len(note.rings.values), pa.int32()))
        for number, note in enumerate(strike.notes, start=1)
    ]
    table = pa.concat_tables(parts) if parts else MOTION.empty_table()
    count = len(table)
    for name, value in zip(("sample", "model"), owner, strict=True):
        table = _with(table, name, pa.array([value] * count, pa.string()))
    for name in ("displacement", "envelope"):
        rings = np.array(table[f"{name}_rings"].to_pylist(), dtype=float)
        scaled = rings * (np.nan if ring_um is None else ring_um)
        table = _with(table, f"{name}_um", _known(scaled))
    return table.select(MOTION.names).cast(MOTION)


def _with(table: pa.Table, name: str, column: "pa.Array[Any]") -> pa.Table:
    kept = table.drop_columns([name]) if name in table.schema.names else table
    return kept.append_column(name, column)


def _motion(note: Note) -> pa.Table:
    rings = note.rings
    count = len(rings.values)
    stored = np.where(rings.taken, np.cumsum(rings.taken) - 1, -1)
    columns = {
        "time_s": pa.array(np.arange(count) * rings.step_s),
        "frame": pa.array(stored, pa.int64(), mask=stored < 0),
        "rings": pa.array(rings.values, pa.float64(), mask=~rings.seen),
    }
    nothing = pa.nulls(count, pa.float64())
    for name, part in (("displacement", "place"), ("envelope", "envelope")):
        for end in ("", "_low", "_high"):
            columns[f"{name}_rings{end}"] = nothing
        if note.motion:
            value, again = getattr(note.motion.found, part), getattr(note.motion.again, part)
            low, high = np.percentile(again, INSIDE, axis=0)
            ends = (value, np.minimum(low, value), np.maximum(high, value))
            for end, numbers in zip(("", "_low", "_high"), ends, strict=True):
                columns[f"{name}_rings{end}"] = _known(numbers)
    return pa.table(columns)


def _known(numbers: Any) -> "pa.Array[Any]":  # noqa: ANN401
    return pa.array(numbers, pa.float64(), mask=~np.isfinite(numbers))


def ellipses_of(notes: pa.Table) -> dict[int, Ellipse]:
    """Return the outline of each antinode of a table of `NOTES`, by its number."""
    return {
        row["antinode"]: Ellipse(row["x_px"], row["y_px"], row["a_px"], row["b_px"], row["angle_deg"])
        for row in notes.to_pylist()
    }


def seen_in_frames(motion: pa.Table, frames: int) -> list[dict[int, float]]:
    """Return the displacement in rings of the antinodes found in each stored frame, by their numbers.

    Where there is no fit it is what was counted, without a sign.
    """
    found: list[dict[int, float]] = [{} for _ in range(frames)]
    columns = ("frame", "antinode", "rings", "displacement_rings")
    for frame, antinode, rings, place in zip(*(motion[name].to_pylist() for name in columns), strict=True):
        if frame is not None and rings is not None:
            found[frame][antinode] = rings if place is None else place
    return found
