"""The keys of a review: letters that napari's labels leave free; verdicts need two fingers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medscience.review.verdict import Decision
from napari_medscience.review.session import Session


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what it does, and how people read it."""

    key: str
    text: str
    act: Callable[[Session], object]


def _view(name: str) -> Callable[[Session], object]:
    return lambda session: getattr(session.view, name)() if session.view else None


def _edit(name: str) -> Callable[[Session], object]:
    return lambda session: getattr(session.work.editor, name, _nothing)() if session.work else None


def _nothing() -> None:
    """The tool is of labels, and there are ellipses on the desk."""


KEYS = (
    Key("N", "next case", Session.next),
    Key("Shift-N", "previous case", Session.previous),
    Key("J", "next place to look at", _view("next_place")),
    Key("H", "crosshair here", _view("here")),
    Key("O", "next plane: axial, coronal, sagittal", _view("next_plane")),
    Key("W", "next window of grey (CT)", _view("next_window")),
    Key("Q", "hide or show the labels", _view("labels")),
    Key("C", "show or hide how sure the network was", _view("confidence")),
    Key("T", "next phase or frame", _view("next_time")),
    Key("Shift-T", "previous phase or frame", _view("previous_time")),
    Key("I", "fill in between painted slices", _edit("interpolate")),
    Key("G", "grow from the cursor", _edit("grow")),
    Key("A", "give the part under the cursor the selected label", _edit("merge")),
    Key("S", "split the part under the cursor at its neck", _edit("split")),
    Key("D", "remove the part under the cursor", _edit("remove")),
    Key("Shift-D", "remove small islands around the cursor", _edit("remove_islands")),
)
"""All keys but those of verdicts."""

VERDICTS: dict[str, Decision] = {
    "Control-1": "accept",
    "Control-2": "accept-with-edits",
    "Control-3": "reject",
    "Control-4": "defer",
}


def bind(viewer: Any, session: Session, attempt: Callable[[Callable[[], object]], None]) -> None:  # noqa: ANN401
    """Bind the keys to a session.

    Parameters
    ----------
    viewer : ViewerModel
        Whose keys they are.
    session : Session
        What they act on.
    attempt : callable
        Calls what it is given, and tells of errors.
    """
    for key in KEYS:
        viewer.bind_key(key.key, _bound(key, session, attempt), overwrite=True)


def bind_verdicts(viewer: Any, decide: Callable[[Decision], None]) -> None:  # noqa: ANN401
    """Bind the keys of verdicts to what gives one."""
    for key, decision in VERDICTS.items():

        def pressed(viewer: Any, decision: Decision = decision) -> None:  # noqa: ANN401 - napari's
            decide(decision)

        viewer.bind_key(key, pressed, overwrite=True)


def unbind(viewer: Any) -> None:  # noqa: ANN401 - napari is untyped
    """Give the keys back."""
    for key in (*(key.key for key in KEYS), *VERDICTS):
        viewer.bind_key(key, None, overwrite=True)


def _bound(
    key: Key, session: Session, attempt: Callable[[Callable[[], object]], None]
) -> Callable[[Any], None]:
    def pressed(viewer: Any) -> None:  # noqa: ANN401 - napari's
        attempt(lambda: key.act(session))

    pressed.__doc__ = key.text
    return pressed
