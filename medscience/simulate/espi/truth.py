"""What is known of a simulated strike, as tables."""

from collections.abc import Iterator
from typing import Any

from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.strike import Strike

Row = dict[str, Any]


def note_rows(strike: Strike) -> Iterator[Row]:
    """Yield a row for each note: where it lies, its tuning, when it begins and how far it swings."""
    ring = strike.optics.ring_um
    for number, note in enumerate(strike.notes):
        shape = note.dome.ellipse
        envelope = strike.amplitude(number)
        yield {
            "note": note.name,
            "frequency_hz": round(note.frequency_hz, 4),
            **_place(strike, number),
            "in_frame": round(shape.inside(SHAPE), 4),
            "strike_s": round(strike.blow_s, 7),
            "onset_s": round(strike.onset_s(number), 7),
            "peak_s": round(float(envelope.argmax()) / strike.optics.frame_rate_hz, 7),
            "peak_rings": round(float(envelope.max()), 4),
            "peak_um": round(float(envelope.max()) * ring, 5),
            "decay_per_s": round(float(strike.oscillators.decay_per_s[number]), 4),
        }


def frame_rows(strike: Strike) -> Iterator[Row]:
    """Yield a row for each frame and note, lost and black frames too.

    `stored` is the frame's place in the recording, empty for a lost one.
    """
    ring, stored = strike.optics.ring_um, 0
    envelopes = [strike.amplitude(number) for number in range(len(strike.notes))]
    for frame in range(strike.count):
        is_lost = frame in strike.dropped
        for number, rings in enumerate(strike.rings(frame).tolist()):
            yield {
                "frame": frame,
                "stored": "" if is_lost else stored,
                "time_s": round(frame / strike.optics.frame_rate_hz, 7),
                "blank": int(frame in strike.blank),
                "note": strike.notes[number].name,
                **_place(strike, number),
                "rings": round(abs(rings), 4),
                "displacement_um": round(rings * ring, 5),
                "envelope_um": round(float(envelopes[number][frame]) * ring, 5),
            }
        stored += not is_lost


def _place(strike: Strike, number: int) -> Row:
    shape = strike.notes[number].dome.ellipse
    values = {"x_px": shape.x, "y_px": shape.y, "a_px": shape.a, "b_px": shape.b, "angle_deg": shape.angle}
    return {name: round(value, 3) for name, value in values.items()}
