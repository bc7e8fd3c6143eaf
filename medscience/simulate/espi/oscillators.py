"""Coupled, decaying oscillators: how long after the strike another note answers is what comes out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Oscillators:
    """x'' + 2 g x' + ω² x = C x + ω² Q x² + force, for n modes x in mass-weighted coordinates.

    C moves energy between modes of nearly the same frequency. Q is the quadratic stiffness of a hammered
    shell, by which a note drives its octave (Achong 1996, J. Sound Vib. 197(4)).
    """

    frequency_hz: Numbers
    """Of each mode alone, shape (n,)."""
    decay_per_s: Numbers
    """g of each mode: its amplitude falls by e in 1 / g seconds; shape (n,)."""
    beat_hz: Numbers
    """Coupling of each pair as the frequency at which two modes in tune would beat; symmetric, (n, n)."""
    quadratic: Numbers
    """Q[i, j]: square of mode j in the force on mode i, for ω² of mode i; shape (n, n)."""

    @property
    def coupling(self) -> Numbers:
        """C: two modes of ω with C beat at C / (2 π ω) hertz, and hand over all energy in half a beat."""
        omega = 2 * np.pi * self.frequency_hz
        return np.asarray(2 * np.pi * self.beat_hz * np.sqrt(np.outer(omega, omega)))

    def strike(self, force: Numbers, contact_s: float, times: Numbers) -> "Motion":
        """Return the motion after a mallet that touches the pan from time 0 for `contact_s`.

        Parameters
        ----------
        force : ndarray
            Share of each mode, shape (n,); a mode alone, in step with a short blow, swings as far.
        contact_s : float
            The force is a sin² of this length; a soft mallet leaves out high partials.
        times : ndarray
            Seconds from the blow, rising; before 0 everything is at rest.
        """
        n = len(self.frequency_hz)
        omega = 2 * np.pi * self.frequency_hz
        stiffness, coupling = omega**2, self.coupling
        push = force * omega * 2 / contact_s  # the integral of sin² is half its length

        def change(now: float, state: Numbers) -> Numbers:
            x, speed = state[:n], state[n:]
            bent = coupling @ x + stiffness * (self.quadratic @ (x * x) - x) - 2 * self.decay_per_s * speed
            if now < contact_s:
                bent = bent + push * np.sin(np.pi * now / contact_s) ** 2
            return np.concatenate([speed, bent])

        after = times > 0
        span, rest = (0.0, float(times[-1])), np.zeros(2 * n)
        states = np.zeros((2 * n, len(times)))
        solved = solve_ivp(
            change, span, rest, "DOP853", times[after], rtol=1e-7, atol=1e-9, max_step=contact_s
        )
        states[:, after] = solved.y
        return Motion(times, states[:n], states[n:], np.hypot(states[:n], states[n:] / omega[:, None]))

    def energy(self, motion: "Motion") -> Numbers:
        """Return the energy of all modes at each time, shape (times,); without Q it never grows."""
        omega = 2 * np.pi * self.frequency_hz[:, None]
        apart = motion.speed**2 + (omega * motion.place) ** 2
        shared = np.einsum("it,ij,jt->t", motion.place, self.coupling, motion.place)
        return np.asarray((apart.sum(axis=0) - shared) / 2)


@dataclass(frozen=True, slots=True)
class Motion:
    """Where each mode is at each time; arrays of shape (n, times)."""

    times: Numbers
    """Seconds from the blow, shape (times,)."""
    place: Numbers
    """Displacement."""
    speed: Numbers
    """Its change, for each second."""
    envelope: Numbers
    """Amplitude of the oscillation: the square root of place² + (speed / ω)²."""

    def scaled(self, factors: Numbers) -> "Motion":
        """Return it in another unit for each mode."""
        by = factors[:, None]
        return Motion(self.times, self.place * by, self.speed * by, self.envelope * by)

    def onset(self, mode: int, part: float = 0.1) -> float:
        """Return when a mode's envelope first reaches a part of its maximum, in seconds from the blow."""
        envelope = self.envelope[mode]
        wanted = part * envelope.max()
        first = int(np.argmax(envelope >= wanted))
        if first == 0:
            return float(self.times[0])
        low, high = envelope[first - 1 : first + 1]
        step = self.times[first] - self.times[first - 1]
        return float(self.times[first - 1] + step * (wanted - low) / (high - low))
