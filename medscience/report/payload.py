"""What the page's scripts read: data as JSON in blocks that no browser runs."""

import base64
import json
import math
from typing import Any

import numpy as np
from markupsafe import Markup

from medscience.report.distribution import ENOUGH, Distribution, Group
from medscience.report.figures import EDGES
from medscience.report.preview import Preview
from medscience.report.results import Measurement, Result
from medscience.report.strip import place


def block(name: str, content: object) -> Markup:
    r"""Return a data block of the page: what is in it can neither end the block nor be taken for markup.

    >>> block("a", "</script>&")
    Markup('<script type="application/json" id="a">"\\u003c/script\\u003e\\u0026"</script>')
    """
    text = json.dumps(_plain(content), separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    # text is ASCII without <, > and &: nothing in it is markup
    return Markup('<script type="application/json" id="{}">{}</script>').format(name, Markup(text))  # noqa: S704


def image_id(result: Result) -> str:
    """Return the name of the block with the copy of a result's image; models share it."""
    return f"image-{result.runs[0].digest}"


def result_id(result: Result) -> str:
    """Return the name of a result on the page."""
    return f"{result.model}--{result.sample.name}"


def cohort_data(groups: list[Group]) -> dict[str, Any]:
    """Return what all results share: labels of each group, and how to read a slice."""
    return {
        "edges": EDGES,
        "enough": ENOUGH,
        "groups": [
            {
                "names": [name for _, name, _ in group.legend],
                "colors": [f"rgb({r}, {g}, {b})" for _, _, (r, g, b) in group.legend],
                "samples": len(group.results),
            }
            for group in groups
        ],
    }


def result_data(result: Result, group: Group, number: int) -> dict[str, Any]:
    """Return the small copy of a result's labels, and its measurements in the order of the group's labels."""
    return {
        "group": number,
        "image": image_id(result),
        "labels": preview_data(result.pictures.labels),
        "meeting": result.pictures.meeting,
        "unit": result.value_unit,
        "regions": _columns(
            [_region(*pair) for pair in zip(result.measurements, group.distributions, strict=True)]
        ),
    }


def preview_data(preview: Preview) -> dict[str, Any]:
    """Return a small copy of a volume; `affine` maps (z, y, x, 1) of the copy to RAS+ millimetres."""
    return {
        "shape": preview.grid.shape,
        "spacing": preview.grid.spacing,
        "affine": [[float(f"{value:.7g}") for value in row] for row in preview.grid.affine[:3]],
        "kind": preview.kind,
        "columns": preview.columns,
        "content": base64.b64encode(preview.content).decode("ascii"),
    }


def _region(measurement: Measurement, distribution: Distribution) -> dict[str, Any]:
    region = measurement.region
    volume = region.volume_mm3
    centroid = (region.centroid_x_mm, region.centroid_y_mm, region.centroid_z_mm)
    return {
        "volume": _rounded(volume),
        "centroid": None if None in centroid else [_rounded(part) for part in centroid],
        "mean": _rounded(region.mean_intensity),
        "border": region.touches_border,
        "dice": _rounded(measurement.dice),
        "at": _rounded(place(volume, distribution.range)),
        "z": _rounded(distribution.z_score(volume)),
        "percentile": _rounded(distribution.percentile(volume)),
    }


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return a table as its columns: the names of 104 labels' numbers stand there once."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _rounded(value: float | None) -> float | None:
    """Return six digits of a number; JSON has no infinity, so there is no number then."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def _plain(content: object) -> Any:  # noqa: ANN401 - JSON
    """Return content with plain numbers only."""
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content.item() if isinstance(content, np.generic) else content
