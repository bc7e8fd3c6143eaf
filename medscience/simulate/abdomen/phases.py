"""Hounsfield units of tissues before contrast agent, and in three phases after it."""

from typing import Literal, get_args

import numpy as np

Phase = Literal["native", "arterial", "portal", "delayed"]
PHASES: tuple[Phase, ...] = get_args(Phase)

Range = tuple[float, float]

UNCHANGED: dict[str, Range] = {
    "fat": (-115, -90),
    "muscle": (45, 66),
    "liver": (42, 64),
    "fluid": (0, 28),
    "stool": (10, 70),
    "marrow": (110, 260),
    "cortical": (380, 900),
    "disc": (60, 110),
    "cartilage": (80, 140),
    "lung": (-900, -780),
    "lesion core": (8, 38),
}
"""The same in all phases; the liver's is that before contrast agent, without fat."""

ENHANCED: dict[str, dict[Phase, Range]] = {
    "liver gain": {"native": (0, 0), "arterial": (3, 22), "portal": (18, 52), "delayed": (10, 36)},
    "muscle gain": {"native": (0, 0), "arterial": (2, 12), "portal": (8, 22), "delayed": (8, 22)},
    "spleen": {"native": (40, 58), "arterial": (75, 150), "portal": (92, 140), "delayed": (72, 105)},
    "cortex": {"native": (25, 42), "arterial": (130, 220), "portal": (140, 210), "delayed": (110, 170)},
    "medulla": {"native": (24, 40), "arterial": (40, 85), "portal": (100, 190), "delayed": (105, 180)},
    "aorta": {"native": (32, 48), "arterial": (190, 380), "portal": (115, 190), "delayed": (85, 130)},
    "portal vein": {"native": (32, 48), "arterial": (45, 125), "portal": (120, 200), "delayed": (85, 125)},
    "hepatic vein": {"native": (32, 48), "arterial": (42, 75), "portal": (110, 190), "delayed": (85, 125)},
    "cava": {"native": (32, 48), "arterial": (45, 120), "portal": (95, 170), "delayed": (85, 125)},
    "pancreas": {"native": (28, 48), "arterial": (75, 130), "portal": (70, 115), "delayed": (55, 90)},
    "gut wall": {"native": (28, 48), "arterial": (60, 120), "portal": (65, 115), "delayed": (55, 90)},
    "heart": {"native": (32, 50), "arterial": (120, 280), "portal": (100, 170), "delayed": (80, 125)},
    "lesion gain": {"native": (0, 12), "arterial": (5, 85), "portal": (5, 60), "delayed": (5, 45)},
}
"""By phase; ranges about as in textbooks of abdominal CT at 120 kV."""

FATTY = 0.4
"""Part of the livers that hold fat, which makes them darker by up to so much:"""
FATTIEST = 32.0


def draw_hu(random: np.random.Generator, phase: Phase) -> dict[str, float]:
    """Return the Hounsfield units of every tissue of a body in a phase."""
    drawn = {name: random.uniform(*between) for name, between in UNCHANGED.items()}
    drawn |= {name: random.uniform(*by_phase[phase]) for name, by_phase in ENHANCED.items()}
    fat = random.uniform(5, FATTIEST) * (random.random() < FATTY)
    drawn["liver"] += drawn["liver gain"] - fat
    drawn["muscle"] += drawn["muscle gain"]
    return drawn
