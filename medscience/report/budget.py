"""How many bytes each picture may take, so that the page opens at once and can be mailed."""

from dataclasses import dataclass

PAGE = 20_000_000
"""Bytes that the page of a cohort of 200 samples stays below."""
PICTURES = 14_000_000
"""Bytes of it for all pictures together; the others are for the 3D viewer (1.1 MB) and for tables, which take
4 MB with 104 labels."""


@dataclass(frozen=True, slots=True)
class Share:
    """Most bytes of a result's pictures, before base64 makes them a third longer."""

    still: int
    """The three slices that are printed."""
    image: int
    """The small copy of the image, which all models of a sample share."""
    labels: int
    """The small copy of the labels."""


def share(samples: int, results: int) -> Share:
    """Return what each picture may take.

    An image gets twice what its labels get: brightness has more to tell.

    Parameters
    ----------
    samples, results : int
        Number of images, and of labels that were made from them.

    Examples
    --------
    >>> share(samples=200, results=200)
    Share(still=13125, image=26250, labels=13125)
    """
    part = PICTURES * 3 // 4 // max(2 * samples + 2 * results, 1)
    return Share(part, 2 * part, part)
