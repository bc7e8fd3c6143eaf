"""The rules of post-processing that a model file can name."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from medscience.postprocess.components import Cleaned, keep_complete, keep_largest
from medscience.postprocess.liver import keep_liver

KEEP: dict[str, Callable[[NDArray[Any]], Cleaned]] = {
    "everything": lambda labels: Cleaned(labels, 0, 0),
    "largest-component": keep_largest,
    "complete-component": keep_complete,
    "liver-and-tumours": keep_liver,
}
"""What is kept of a raw decision, by name."""
