"""How the pixels of a DICOM file are stored."""

from dataclasses import dataclass

from medscience.ingest.dicom.header import Instance
from medscience.ingest.dicom.values import Values, refused

COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"}
LARGEST_FRAME = 1 << 30
"""Bytes of a decoded frame."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the pixels of a file are stored."""

    rows: int
    columns: int
    frames: int
    allocated: int
    """Bits of a number in the file."""
    stored: int
    """Bits of it that count."""
    signed: bool
    inverse: bool
    """MONOCHROME1: small numbers are bright."""
    syntax: str
    order: str
    padding: tuple[int, int] | None
    """Lowest and highest stored number that stands for no picture."""


def read_form(instance: Instance) -> Form:
    """Return how an instance's pixels are stored.

    Raises
    ------
    InputError
        If that is not said, or cannot be: colours, unusual bits, sizes that no file holds.
    """
    values = instance.values
    rows, columns = _side(values, "Rows"), _side(values, "Columns")
    frames = values.integer("NumberOfFrames")
    frames = 1 if frames is None else frames
    if frames < 1:
        raise refused("NUMBER", "NumberOfFrames", frames, "1 or more")
    samples = values.binary("SamplesPerPixel")
    photometric = values.code("PhotometricInterpretation")
    if (samples or 1) != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        known = photometric if photometric in COLOURS else "another"
        found = f"{samples} samples a pixel, {known}"
        raise refused("COLOUR", "PhotometricInterpretation", found, "one brightness a pixel", "leave it out")
    if "MOSAIC" in values.text("ImageType").upper().split("\\"):
        fix = "convert the series with dcm2niix, which knows how the scanner laid them out"
        raise refused("MOSAIC", "ImageType", "many slices tiled in one picture", "one slice a picture", fix)
    if values.items("ModalityLUTSequence"):
        raise refused("LUT", "ModalityLUTSequence", "a table", "slope and intercept", "convert the series")
    allocated, stored, signed = _bits(values)
    if rows * columns * allocated // 8 > LARGEST_FRAME:
        raise refused("BUDGET", "Rows", f"{rows} x {columns}", f"frames of at most {LARGEST_FRAME} bytes")
    return Form(
        *(rows, columns, frames, allocated, stored, signed, photometric == "MONOCHROME1"),
        *(instance.content.syntax, instance.content.order, _padding(values, signed=signed)),
    )


def _side(values: Values, name: str) -> int:
    side = values.binary(name)
    if not side:
        raise refused("SIZE", name, side, "1 or more")
    return side


def _bits(values: Values) -> tuple[int, int, bool]:
    allocated = values.binary("BitsAllocated")
    if allocated not in (8, 16, 32):
        raise refused("BITS", "BitsAllocated", allocated, "8, 16 or 32")
    stored = values.binary("BitsStored")
    if stored is None or not 1 <= stored <= allocated:
        raise refused("BITS", "BitsStored", stored, f"1 to {allocated}")
    high = values.binary("HighBit")
    if high is not None and high != stored - 1:
        raise refused("BITS", "HighBit", high, f"{stored - 1}")
    signed = values.binary("PixelRepresentation")
    if signed not in (0, 1):
        raise refused("BITS", "PixelRepresentation", signed, "0 or 1")
    return allocated, stored, signed == 1


def _padding(values: Values, *, signed: bool) -> tuple[int, int] | None:
    value = values.binary("PixelPaddingValue", signed=signed)
    if value is None:
        return None
    limit = values.binary("PixelPaddingRangeLimit", signed=signed)
    return (value, value) if limit is None else (min(value, limit), max(value, limit))
