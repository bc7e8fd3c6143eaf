"""WAV files: the sound of a strike, recorded beside it."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from medscience.errors import InputError

LARGEST = 1 << 30
"""Bytes: an hour and a half of two channels."""
RATES = (4000, 400_000)
"""Samples a second, from the least to the most."""


def read_sound(path: Path) -> tuple[NDArray[np.float64], float]:
    """Return the samples of a WAV file, its channels averaged, and their rate in hertz.

    Raises
    ------
    InputError
        If it is missing, no WAV file of plain or floating samples, cut, or silent.
    """
    if not path.is_file():
        raise _refused(path, "no such file", "a WAV file")
    if path.stat().st_size > LARGEST:
        raise _refused(path, f"{path.stat().st_size} bytes", f"at most {LARGEST}")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Reached EOF prematurely", wavfile.WavFileWarning)
            warnings.filterwarnings("ignore", category=wavfile.WavFileWarning)  # chunks of other programs
            rate, found = wavfile.read(path)
    except (ValueError, EOFError, wavfile.WavFileWarning, MemoryError) as fault:
        raise _refused(path, str(fault).partition("\n")[0], "a whole WAV file") from fault
    samples = _mixed(found)
    if not RATES[0] <= rate <= RATES[1]:
        raise _refused(path, f"{rate} samples a second", f"{RATES[0]} to {RATES[1]}")
    if not len(samples) or not np.isfinite(samples).all() or not np.ptp(samples):
        raise _refused(path, "no sound", "finite samples that differ")
    return samples, float(rate)


def _mixed(found: NDArray[Any]) -> NDArray[np.float64]:
    samples = found.astype(np.float64)
    return samples.mean(axis=1) if samples.ndim == 2 else samples


def _refused(path: Path, found: str, expected: str) -> InputError:
    return InputError(
        "AUDIO-WAV", file=path, field="sound", found=found, expected=expected, fix="save it as WAV, PCM, anew"
    )
