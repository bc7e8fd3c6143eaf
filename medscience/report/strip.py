"""A strip plot: a dot for each sample along a line, piled up where they would cover each other."""

from collections import Counter

from medscience.report.distribution import Distribution

WIDTH, HEIGHT = 240, 26
"""Of the drawing, in its own units."""
MARGIN = 6
"""Units that stay free on the left and right."""
FEW = 60
"""Up to so many samples dots are large."""


def dot_size(distribution: Distribution) -> float:
    """Return the diameter of a dot, in units."""
    return 5.0 if len(distribution.values) <= FEW else 3.0


def place(value: float, ends: tuple[float, float]) -> float:
    """Return where a value lies across the strip, in units from its left.

    >>> [place(value, (10.0, 20.0)) for value in (10.0, 15.0, 20.0)]
    [6.0, 120.0, 234.0]
    """
    low, high = ends
    part = (value - low) / (high - low) if high > low else 0.5
    return MARGIN + part * (WIDTH - 2 * MARGIN)


def dots(distribution: Distribution) -> str:
    """Return all samples as one SVG path: dots are lines of no length with round ends.

    A dot that would touch others moves by half its size at most, into a column with them; columns pile up
    from the middle, to both sides in turn, as close as the highest needs.

    >>> dots(Distribution((1.0, 2.0)))
    'M6 13h0M234 13h0'
    """
    ends, size = distribution.range, dot_size(distribution)
    across = [place(value, ends) for value in distribution.values]
    columns = [round((x - MARGIN) / size) for x in across]
    counts = Counter(columns)
    step = min(size, (HEIGHT - size) / 2 / max(max(counts.values()) // 2, 1))
    seen: Counter[int] = Counter()
    path = []
    for exact, column in zip(across, columns, strict=True):
        x = exact if counts[column] == 1 else min(MARGIN + column * size, WIDTH - MARGIN)
        nth = seen[column]
        seen[column] += 1
        y = HEIGHT / 2 + (nth + 1) // 2 * step * (1 if nth % 2 else -1)
        path.append(f"M{x:.4g} {y:.4g}h0")
    return "".join(path)
