"""One number a pixel: what becomes of colours is said by the user, never guessed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError

LUMINANCE = (299, 587, 114)
"""Thousandths of red, green and blue in the luminance (ITU-R BT.601)."""


def grey(colours: NDArray[Any], *, luminance: bool) -> NDArray[Any]:
    """Return pixels with one number each, of the same type.

    Parameters
    ----------
    colours : ndarray of unsigned int, shape (..., 1 to 4)
        Grey, or red, green and blue; and perhaps how opaque a pixel is.
    luminance : bool
        Whether colours become their luminance. Where red, green and blue are equal this is the same number.

    Raises
    ------
    InputError
        If there are colours and nobody said what becomes of them, or pixels that are not opaque.

    Examples
    --------
    >>> grey(np.array([[7, 7, 7], [9, 9, 9]], np.uint8), luminance=False).tolist()
    [7, 9]
    """
    numbers = colours.shape[-1]
    if numbers % 2 == 0 and (colours[..., -1] != np.iinfo(colours.dtype).max).any():
        raise InputError(
            "FRAME-TRANSPARENT",
            field="alpha",
            found="pixels that are not opaque",
            expected="opaque pixels: what lies behind the others is not known",
            fix="save the frames without transparency",
        )
    if numbers < 3:
        return colours[..., 0]
    red, green, blue = (colours[..., n] for n in range(3))
    if not luminance:
        if (red != green).any() or (green != blue).any():
            raise in_colour("pixels whose red, green and blue differ")
        return red
    parts = zip(LUMINANCE, (red, green, blue), strict=True)
    total = sum(part.astype(np.uint32) * weight for weight, part in parts)
    return np.asarray((total + 500) // 1000).astype(colours.dtype)


def in_colour(found: str) -> InputError:
    """Return the error for colours that nobody said anything about."""
    return InputError(
        "FRAME-COLOUR",
        field="colour",
        found=found,
        expected="one number a pixel",
        fix="save the frames in grey, or set grey: luminance in the acquisition file",
    )
