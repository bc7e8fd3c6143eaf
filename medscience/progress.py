"""How far work has come: rooms tell it to whoever asked, and know nothing of screens."""

from collections.abc import Callable

Tell = Callable[[int, int], None]
"""Takes how many parts are done, and of how many; called with 0 when the first one begins."""


def nobody(done: int, total: int) -> None:
    """Hear it, and do nothing."""
