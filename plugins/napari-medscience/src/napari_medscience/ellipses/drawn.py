"""The ellipses of all frames of a recording, as found and as a person changes them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from medscience.antinode import Antinode, Ellipse
from medscience.detections import Detection
from medscience.errors import StoreError
from medscience.store.files import replaced

Frame = list[Antinode]


class Drawn:
    """Ellipses by frame, with steps that can be undone and redone, as many as were made."""

    def __init__(self, found: Iterable[Detection]) -> None:
        self._found: dict[int, list[Detection]] = {}
        for detection in found:
            self._found.setdefault(detection.frame, []).append(detection)
        self._changed: dict[int, Frame] = {}
        self._done: list[tuple[int, Frame]] = []
        self._undone: list[tuple[int, Frame]] = []
        self.is_unsaved = False

    def at(self, frame: int) -> Frame:
        """Return the ellipses of a frame."""
        if frame in self._changed:
            return list(self._changed[frame])
        return [detection.antinode for detection in self._found.get(frame, [])]

    def put(self, frame: int, antinodes: Frame) -> bool:
        """Change a frame; False if nothing differs."""
        before = self.at(frame)
        if antinodes == before:
            return False
        self._done.append((frame, before))
        self._undone.clear()
        self._set(frame, antinodes)
        return True

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps can be undone, and how many redone."""
        return len(self._done), len(self._undone)

    @property
    def changed(self) -> tuple[int, ...]:
        """The frames that were changed."""
        return tuple(sorted(self._changed))

    def undo(self) -> int | None:
        """Take back the last step and return its frame; None if there is none."""
        return self._move(self._done, self._undone)

    def redo(self) -> int | None:
        """Do again what was undone last and return its frame; None if there is nothing."""
        return self._move(self._undone, self._done)

    def detections(self, times: Sequence[float] | None) -> list[Detection]:
        """Return all ellipses, as they are now, sorted by frame.

        What a person drew has the count that the person gave, without an interval; what was left alone stays
        as it was found.

        Parameters
        ----------
        times : sequence of float, optional
            Seconds of every frame; None where the recording has no clock.
        """
        rows = []
        for frame in sorted(self._found.keys() | self._changed.keys()):
            known = {detection.antinode: detection for detection in self._found.get(frame, [])}
            seconds = None if times is None else float(times[frame])
            rows += [
                known.get(one) or Detection(one, one.rings, one.rings, frame, seconds)
                for one in self.at(frame)
            ]
        return rows

    def write(self, path: Path) -> None:
        """Save what was changed as a draft."""
        self.is_unsaved = False
        frames = {
            str(frame): [[*astuple(one.ellipse), one.rings, one.score] for one in antinodes]
            for frame, antinodes in list(self._changed.items())
        }
        try:
            with replaced(path) as temporary:
                temporary.write_text(json.dumps(frames), "utf-8")
        except OSError:
            self.is_unsaved = True
            raise

    def take_up(self, path: Path) -> int:
        """Go on with a draft and return the number of its frames.

        Raises
        ------
        StoreError
            If it is none.
        """
        try:
            for frame, rows in json.loads(path.read_text("utf-8")).items():
                self._changed[int(frame)] = [_antinode(row) for row in rows]
        except (ValueError, TypeError, AttributeError) as fault:
            raise StoreError(
                "DRAFT-DAMAGED",
                file=path,
                field="frames",
                found=fault,
                expected="a draft as it was written",
                fix="move the file away",
            ) from fault
        return len(self._changed)

    def _set(self, frame: int, antinodes: Frame) -> None:
        self._changed[frame] = list(antinodes)
        self.is_unsaved = True

    def _move(self, source: list[tuple[int, Frame]], target: list[tuple[int, Frame]]) -> int | None:
        if not source:
            return None
        frame, before = source.pop()
        target.append((frame, self.at(frame)))
        self._set(frame, before)
        return frame


def with_rings(antinode: Antinode, rings: float) -> Antinode:
    """Return the antinode with the count that a person gave it, of which a person is sure."""
    return replace(antinode, rings=max(rings, 0.0), score=1.0)


def _antinode(row: Sequence[Any]) -> Antinode:
    x, y, a, b, angle, rings, score = map(float, row)
    return Antinode(Ellipse(x, y, a, b, angle), rings, score)
