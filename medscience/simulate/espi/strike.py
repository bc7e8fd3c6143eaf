"""A struck pan, from the blow to the frames: a whole recording whose motion is known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medscience.simulate.espi.camera import Camera, Frame, draw_camera
from medscience.simulate.espi.modes import SHAPE, Wave, between, draw_wave
from medscience.simulate.espi.optics import Interferometer, fringes
from medscience.simulate.espi.oscillators import Motion, Numbers, Oscillators
from medscience.simulate.espi.pan import Note, draw_domes
from medscience.simulate.fields import Field

FINE = 4
"""Times between two frames at which the motion is known, so that onsets are known to microseconds."""

KINDS = ("octave", "twelfth", "double octave", "neighbour", "second octave")
"""What notes beside the struck one are tuned to; the octave is always there, the others are drawn."""

RATIOS = {"octave": 2.0, "twelfth": 3.0, "double octave": 4.0, "second octave": 2.0}


@dataclass(frozen=True, slots=True)
class Strike:
    """One recording: notes, their motion, light and camera. Frames are made when they are asked for."""

    seed: int
    optics: Interferometer
    notes: tuple[Note, ...]
    """The struck note first."""
    oscillators: Oscillators
    """Fundamentals of the notes in their order, then the octave and the twelfth partial of the struck one."""
    motion: Motion
    """In rings; `FINE` times for each frame, and 0 is the blow."""
    blow_s: float
    """When the mallet touches the pan, from the first frame."""
    waves: tuple[tuple[Wave, float, float], ...]
    """Waves over the bowl: amplitude in rings right after the blow, and seconds in which it falls by e."""
    camera: Camera
    dropped: frozenset[int]
    """Frames that the camera lost."""
    blank: frozenset[int]
    """Frames that it recorded black."""
    count: int
    """Number of frames, with those that were lost."""

    def rings(self, frame: int) -> Numbers:
        """Return the signed displacement of each note's middle, half way through the exposure, in rings."""
        return self.motion.place[: len(self.notes), frame * FINE]

    def amplitude(self, note: int) -> Numbers:
        """Return the envelope of a note in every frame, in rings."""
        return self.motion.envelope[note, ::FINE]

    def onset_s(self, note: int) -> float:
        """Return when the envelope of a note reaches 10 % of its maximum, from the first frame."""
        return self.blow_s + self.motion.onset(note)

    def brightness(self, frame: int) -> Field:
        """Return the fringes of a frame, 0 to 2, as the interferometer makes them."""
        rings, swept = np.zeros((2, *SHAPE), dtype=np.float32)
        at, exposure = frame * FINE, self.optics.exposure_s
        places, changes = self.motion.place[:, at], self.motion.speed[:, at] * exposure
        for mode, (note, part) in enumerate(self._modes()):
            region, values = self.notes[note].dome.values(part)
            rings[region] += np.float32(places[mode]) * values
            swept[region] += np.float32(changes[mode]) * values
        since = frame / self.optics.frame_rate_hz - self.blow_s
        rings += self._bowl(since) * between([note.dome for note in self.notes])
        return fringes(rings, swept)

    def _modes(self) -> list[tuple[int, int]]:
        """Return the note and the part of it that each mode moves."""
        return [(number, 0) for number in range(len(self.notes))] + [(0, 1), (0, 2)]

    def _bowl(self, since: float) -> Field:
        """Return waves over the bowl, in rings: the rumble of the room, and what the blow sends out."""
        total = np.zeros(SHAPE, dtype=np.float32)
        for number, (wave, strength, fall) in enumerate(self.waves):
            turn = np.float32(2 * np.pi * wave.frequency_hz * since)
            if number == 0:
                total += np.float32(strength) * np.cos(wave.angle() - turn / 40)
            elif since > 0:
                way = wave.angle() - np.float32(wave.phase) + np.float32(self._way_to(wave))
                front = np.clip((turn - way) / np.float32(np.pi), 0, 1)
                size = np.float32(strength * np.exp(-since / fall))
                total += size * front * np.cos(wave.angle() - turn)
        return total

    def _way_to(self, wave: Wave) -> float:
        """Return the phase in which the blow reaches the place where a wave comes back from."""
        struck = self.notes[0].dome.ellipse
        return float(np.hypot(wave.y - struck.y, wave.x - struck.x)) * 2 * np.pi / wave.length

    def frames(self) -> Iterator[tuple[int, Frame]]:
        """Yield the number and the picture of each frame that was not lost."""
        for number in range(self.count):
            if number in self.dropped:
                continue
            random = np.random.default_rng([self.seed, 0xF4A3E, number])
            if number in self.blank:
                yield number, np.zeros(SHAPE, dtype=np.uint8)
            else:
                drift = 0.3 * number / max(self.count, 600)
                yield number, self.camera.take(self.brightness(number), random, drift)


def simulate_strike(seed: int, frames: int = 600, optics: Interferometer | None = None) -> Strike:
    """Return a recording that differs with every seed and is the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses notes, tuning, coupling, blow, light and camera.
    frames : int
        How long it lasts; the blow comes in the first tenth.
    optics : Interferometer, optional
        Wavelength, angles, exposure; drawn if it is not given.
    """
    random = np.random.default_rng([seed, 0x57217E])
    drawn = _draw_optics(random)
    optics = optics or drawn
    notes = _draw_notes(random)
    oscillators = _draw_oscillators(random, notes)
    blow = float(random.uniform(0.02, 0.1)) * frames / optics.frame_rate_hz
    times = np.arange(frames * FINE) / (FINE * optics.frame_rate_hz) - blow
    camera = draw_camera(random)
    most = np.array([camera.most_rings(note.dome.ellipse) for note in notes])
    most[0] = min(most[0], random.uniform(4, 11))
    motion = _in_rings(_hit(random, notes, oscillators, times), notes, most)
    faults = random.random(2) < (0.5, 0.3)
    return Strike(
        seed,
        optics,
        notes,
        oscillators,
        motion,
        blow,
        _draw_waves(random, notes[0]),
        camera,
        dropped=frozenset(random.integers(1, frames - 1, 2).tolist()) if faults[0] else frozenset(),
        blank=frozenset(random.integers(1, frames - 1, 2).tolist()) if faults[1] else frozenset(),
        count=frames,
    )


def _draw_optics(random: np.random.Generator) -> Interferometer:
    wavelength = float(random.choice([514.5, 532.0, 632.8]))
    incoming, seen = np.round(random.uniform(0, 12, 2), 1).tolist()
    return Interferometer(wavelength, incoming, seen, exposure_s=round(random.uniform(15e-6, 66e-6), 7))


def _draw_notes(random: np.random.Generator) -> tuple[Note, ...]:
    """Return the struck note, its octave and up to three others, tuned as well as tuners can."""
    others = random.permutation(KINDS[1:])[: int(random.integers(0, 4))].tolist()
    domes = draw_domes(random, 2 + len(others), (70.0, 122.0))
    pitch = float(143 * 2 ** random.uniform(0, 1.6))
    notes = [Note("struck", domes[0], pitch)]
    for name, dome in zip(["octave", *others], domes[1:], strict=False):
        ratio = RATIOS.get(name) or 2 ** (int(random.integers(3, 8)) / 12)
        notes.append(Note(name, dome, pitch * ratio * (1 + float(random.normal(0, 0.004)))))
    return tuple(notes)


def _draw_oscillators(random: np.random.Generator, notes: tuple[Note, ...]) -> Oscillators:
    """Couple what is in tune strongly and what is not a little; a double octave is driven by the octave."""
    pitch = notes[0].frequency_hz
    partials = pitch * np.array([2.0, 3.0]) * (1 + random.normal(0, 0.003, 2))
    frequency = np.concatenate([[note.frequency_hz for note in notes], partials])
    n = len(frequency)
    beat, quadratic = np.zeros((2, n, n))
    octave, twelfth = n - 2, n - 1
    for number, note in enumerate(notes[1:], start=1):
        partner = {"neighbour": 0, "twelfth": twelfth, "double octave": twelfth}.get(note.name, octave)
        strength = random.uniform(4, 16) if note.name != "neighbour" else random.uniform(6, 20)
        beat[number, partner] = beat[partner, number] = strength
        if note.name == "double octave":
            quadratic[number, 1] = random.uniform(0.1, 0.4)
    quadratic[octave, 0] = random.uniform(0.0, 0.03)
    decay = random.uniform(4, 14) * (frequency / pitch) ** 0.7 * random.uniform(0.8, 1.3, n)
    return Oscillators(frequency, decay, beat, quadratic)


def _hit(
    random: np.random.Generator, notes: tuple[Note, ...], oscillators: Oscillators, times: Numbers
) -> Motion:
    """Let the mallet touch the struck note off its middle: its partials swing too, its neighbours hardly."""
    force = np.zeros(len(oscillators.frequency_hz))
    force[0] = 1.0
    force[1 : len(notes)] = random.uniform(0, 0.004, len(notes) - 1)
    force[-2:] = random.uniform(0.08, 0.2, 2) * random.choice([-1, 1], 2)
    return oscillators.strike(force, float(random.uniform(0.15, 0.35)) / notes[0].frequency_hz, times)


def _in_rings(motion: Motion, notes: tuple[Note, ...], most: Numbers) -> Motion:
    """From mass-weighted coordinates to displacement: a small note is light, and swings further.

    The blow is as strong as it can be with no note beyond its `most` rings.
    """
    areas = np.array([note.dome.ellipse.area for note in notes] + [notes[0].dome.ellipse.area] * 2)
    moved = motion.scaled(np.sqrt(areas[0] / areas))
    strength = (most / np.abs(moved.place[: len(notes)]).max(axis=1)).min()
    return moved.scaled(np.full(len(areas), strength))


def _draw_waves(random: np.random.Generator, struck: Note) -> tuple[tuple[Wave, float, float], ...]:
    """Return the room's rumble, waves from the blow, and what comes back from the rim."""
    rumble = (draw_wave(random), float(random.uniform(0.03, 0.25)), 1.0)
    sent: list[tuple[Wave, float, float]] = []
    for _ in range(int(random.integers(2, 5))):
        wave = draw_wave(random)
        if not sent:
            ellipse = struck.dome.ellipse
            wave = Wave(ellipse.y, ellipse.x, wave.length, wave.frequency_hz, wave.phase)
        sent.append((wave, float(random.uniform(0.1, 0.9)), float(random.uniform(0.002, 0.012))))
    return (rumble, *sent)
