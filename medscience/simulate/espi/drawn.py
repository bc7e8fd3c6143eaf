"""Single frames of several styles, mixed: what a detector learns from."""

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import numpy as np

from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.published import published_shots
from medscience.simulate.espi.shots import Shot, drawn_shots

Style = Literal["espi", "spnet", "black"]

STYLES: tuple[Style, ...] = get_args(Style)
"""In the order in which they are drawn from, whatever the order of a recipe's keys."""


def drawn_frames(parts: Mapping[Style, float], seed: int) -> Iterator[Shot]:
    """Yield frames for ever, each of a style that is drawn; the same for the same seed.

    Parameters
    ----------
    parts : mapping
        How often each style comes, in any unit: ``espi`` (`drawn_shots`), ``spnet`` (`published_shots`),
        ``black`` (nothing but the noise of reading).
    """
    random = np.random.default_rng([seed, 0xD4A3])
    sources: dict[str, Iterator[Shot]] = {
        "espi": drawn_shots(seed),
        "spnet": published_shots(seed),
        "black": _black_frames(seed),
    }
    names = [style for style in STYLES if style in parts]
    weights = np.array([parts[style] for style in names]) / sum(parts.values())
    while True:
        yield next(sources[str(random.choice(names, p=weights))])


def _black_frames(seed: int) -> Iterator[Shot]:
    """Yield frames in which the laser was off."""
    random = np.random.default_rng([seed, 0xB1AC])
    while True:
        level = random.uniform(-2, 8) + random.uniform(0, 4) * random.standard_normal(SHAPE, dtype=np.float32)
        yield Shot(np.clip(np.rint(level), 0, 255).astype(np.uint8), ())
