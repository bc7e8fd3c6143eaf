"""Acquisition files: what someone knows of a recording that its file cannot say, or says wrongly.

One YAML (or JSON) file serves all sources that were recorded alike; the sample sheet names it in the column
``acquisition``. Which of these forms it has is decided by what the source is.
"""

from math import cos, radians
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medscience.config.yaml import Strict, parse_yaml

Positive = Annotated[float, Field(gt=0)]
Angle = Annotated[float, Field(ge=0, lt=90)]
Side = Annotated[int, Field(ge=1, le=4096)]


class Recording(Strict):
    """How a video, or a series of frames, was recorded."""

    frame_rate_hz: Annotated[float, Field(gt=0, le=1e9)]
    """Frames in a second of the world. What a video's file says is the rate at which it is played."""
    exposure_s: Positive | None = None
    """How long a frame was exposed; no longer than a frame lasts."""
    pixel_size_mm: Positive | tuple[Positive, Positive] | None = None
    """Of a square pixel, or along (y, x); where it is unknown, lengths stay in pixels."""
    wavelength_nm: Annotated[float, Field(ge=100, le=100_000)] | None = None
    """Of the light in an interferometer."""
    illumination_angle_deg: Angle | None = None
    """Between the light that comes in and the surface's normal."""
    observation_angle_deg: Angle | None = None
    """Between the light that is seen and the surface's normal."""
    frames: Annotated[int, Field(ge=1)] | None = None
    """How many were recorded: a source that holds another number is refused."""
    dropped_frames: Literal["keep"] | None = None
    """``keep``: where frames were lost, the others keep their times. Otherwise such a video is refused."""
    grey: Literal["luminance"] | None = None
    """``luminance``: colours become 0.299 R + 0.587 G + 0.114 B. Otherwise they are refused."""

    @property
    def ring_um(self) -> float | None:
        """Displacement in micrometres that is one ring: lambda / (cos theta_i + cos theta_o).

        Half a wavelength at normal incidence; None where wavelength or one of the angles is not known.
        """
        angles = (self.illumination_angle_deg, self.observation_angle_deg)
        if self.wavelength_nm is None or None in angles:
            return None
        return self.wavelength_nm / 1000 / sum(cos(radians(angle)) for angle in angles if angle is not None)

    @model_validator(mode="after")
    def _exposure_fits(self) -> Self:
        if self.exposure_s and self.exposure_s * self.frame_rate_hz > 1 + 1e-6:
            raise ValueError(f"exposure_s: longer than a frame, which lasts {1 / self.frame_rate_hz:.6g} s")
        return self


class Series(Strict):
    """How the volumes of a series follow each other, where their file does not say it."""

    time_step_s: Positive | None = None
    """Seconds between two volumes."""
    phases: bool = False
    """Whether the volumes are the phases of a breath or heartbeat, which have an order but no seconds."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.time_step_s is None) != self.phases:
            raise ValueError("either time_step_s, or phases: true")
        return self


class Scan(Strict):
    """How cone-beam projections were acquired; files are named as they lie beside this one."""

    geometry: str
    """RTK's geometry file: XML with one projection for each view."""
    patient_position: Literal["HFS", "HFP", "FFS", "FFP"]
    """DICOM's words: head or feet first, supine or prone."""
    rotation: Literal["clockwise", "anticlockwise"]
    """Of the gantry, as someone sees it who looks at its front; IEC's angles grow clockwise."""
    fan: Literal["full", "half"]
    """``half``: the detector is shifted sideways, and sees a little more than half of the body."""
    values: Literal["counts", "inverted-counts", "line-integrals"]
    """What the pixels hold. Elekta's ``.his`` are ``inverted-counts``: full scale less the count."""
    water_per_mm: Annotated[float, Field(ge=0.005, le=0.1)]
    """Attenuation of water at the scan's energy; about 0.02."""
    i0: Positive | None = None
    """The count without a patient, where it is the same for all pixels."""
    air: str | None = None
    """Or a MetaImage of it: one view, or several to be averaged."""
    dead_pixels: Literal["interpolate"] | None = None
    """``interpolate``: pixels without a count in air take their neighbours'. Otherwise they are refused."""
    breathing: str | None = None
    """A CSV file: ``time_s`` and ``amplitude`` or ``phase``; without it the projections say it themselves."""
    inhale: Literal["high", "low"] | None = None
    """Where the amplitude is at the end of an inhalation."""
    views_per_second: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Where the breathing file does not say when each view was taken."""
    voxel_mm: Annotated[float, Field(ge=0.1, le=20)] | None = None
    """Of the image that is reconstructed; else the detector's pixel as it is at the axis of rotation."""
    voxels: tuple[Side, Side, Side] | None = None
    """Along the scanner's axis, from the floor up, and across; else all of the field of view."""

    @property
    def files(self) -> dict[str, str]:
        """The files that it names, by their role."""
        named = {"geometry": self.geometry, "air": self.air, "breathing": self.breathing}
        return {role: name for role, name in named.items() if name}

    @model_validator(mode="after")
    def _air_is_known(self) -> Self:
        given = [name for name in ("i0", "air") if getattr(self, name) is not None]
        if self.values == "line-integrals" and given:
            raise ValueError(f"{given[0]}: line integrals are relative to air already")
        if self.values != "line-integrals" and len(given) != 1:
            raise ValueError("counts need i0 or air, one of them")
        return self


def is_scan(acquisition: Path) -> bool:
    """Whether an acquisition file speaks of projections: it names a geometry.

    Raises
    ------
    ConfigError
        If it is not plain YAML.
    """
    content = parse_yaml(acquisition)
    return isinstance(content, dict) and "geometry" in content


class Volume(Strict):
    """What an OME-Zarr store leaves open."""

    orientation: Annotated[str, Field(pattern="^([LRPAIS]{3}|own)$")] | None = None
    """Where the array's axes z, y, x run, as in ``SAR``; ``own``: not in a patient, along its own axes."""
    unit: Literal["micrometer", "millimeter", "centimeter", "meter"] | None = None
    """Of the axes of space."""
    missing_chunks: Literal["fill"] | None = None
    """``fill``: chunks without a file are meant to hold the fill value."""
