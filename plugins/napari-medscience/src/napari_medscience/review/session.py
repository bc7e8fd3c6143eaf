"""A sitting: case after case of a run's queue, corrected and decided upon. It knows no window."""

import getpass
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from napari.layers import Layer
from psygnal import Signal

from medscience.errors import InputError, MedscienceError
from medscience.review.entry import Entry
from medscience.review.queue import Case as Queued
from medscience.review.queue import Reason
from medscience.review.standing import Standing
from medscience.review.verdict import Correction, Decision, Verdict
from napari_medscience.ellipses.work import EllipseWork, open_frames
from napari_medscience.review.case import Reviewer, open_case
from napari_medscience.review.clock import Clock
from napari_medscience.review.label_work import LabelWork, read_only
from napari_medscience.review.run import Run
from napari_medscience.review.view import View

Work = LabelWork | EllipseWork


def login() -> str:
    """Return the name under which the person is logged in, or nothing."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


class Session:
    """One person's work on one model's results.

    Corrections and verdicts are saved on a thread of their own, one after another, while the next case is
    looked at. A draft is deleted only once its verdict is in the ledger.

    Parameters
    ----------
    viewer : ViewerModel
        Where cases are shown.
    run : Run
        What is reviewed.
    model : str
        Whose labels or ellipses.
    reviewer : Reviewer
        Who looks.
    """

    shown = Signal()
    """Another case is on the screen, or none."""
    told = Signal(str)
    """Something that the person should read; also from other threads."""
    saved = Signal(object)
    """An `Entry` is in the ledger; on the thread that saved it."""
    edited = Signal()
    """The case on the screen was changed."""

    def __init__(self, viewer: Any, run: Run, model: str, reviewer: Reviewer) -> None:  # noqa: ANN401
        self.viewer, self.run, self.model, self.reviewer = viewer, run, model, reviewer
        self.ledger = run.ledger()
        self.queue: list[Queued] = run.queue(model)
        self.at = -1
        self.work: Work | None = None
        """What is on the screen, and the tools to change it."""
        self.view: View | None = None
        self.clock = Clock()
        self._later = ThreadPoolExecutor(1, "verdicts")
        self._waiting: dict[str, Future[Any]] = {}
        self._stale: list[Layer] = []
        for event in (viewer.dims.events.point, viewer.cursor.events.position, viewer.scene.camera.events):
            event.connect(self.clock.sign)

    def go(self, number: int) -> None:
        """Show a case of the queue.

        Raises
        ------
        MedscienceError
            If it cannot be opened; nothing is shown then.
        """
        self._leave()
        self.at = number % len(self.queue)
        try:
            self._open(self.queue[self.at].sample)
        finally:
            self._remove_stale()
            self.shown.emit()

    def next(self) -> None:
        """Show the next case; after the last the first."""
        self.go(self.at + 1)

    def previous(self) -> None:
        """Show the case before."""
        self.go(self.at - 1)

    def decide(self, decision: Decision, reason: str = "") -> "Future[Entry]":
        """Say what is to become of the labels, and leave the case; the next is for `next`.

        Raises
        ------
        InputError
            If the decision does not fit what was done: nothing is saved, and nothing lost.
        """
        work = self._at_work()
        work.settle()
        self._refuse_unfit(decision)
        verdict: dict[str, Any] = {
            "save_id": uuid.uuid4().hex,
            "sample": work.case.sample,
            "model": work.case.model,
            "decision": decision,
            "reason": reason,
            "reviewer": self.reviewer.name,
            "time": datetime.now(UTC),
            "shown": work.case.shown,
            "blind": self.reviewer.blind,
        }
        edits = decision == "accept-with-edits"
        some = Correction(f"{work.case.model}/{work.case.sample}/1.ome.zarr", "0" * 64)
        Verdict(**verdict, seconds=0.0, correction=some if edits else None)  # its faults are told now
        verdict["seconds"] = round(self.clock.restart(), 3)
        keep = work.has_edits and not edits
        self._clear()
        future = self._later.submit(self._save, work, verdict, edits=edits, keep=keep)
        self._waiting[work.case.sample] = future
        self.shown.emit()
        return future

    @property
    def has_edits(self) -> bool:
        """Whether the case on the screen was changed."""
        return self.work is not None and self.work.has_edits

    def start_afresh(self) -> None:
        """Throw the case's draft away and open it again."""
        work = self._at_work()
        work.let_go(keep=False)
        self._clear()
        self._open(work.case.sample)
        self.shown.emit()

    def standing(self) -> Standing | None:
        """Return what people said of the case on the screen; None to a second reader, who must not know."""
        if self.work is None or self.reviewer.blind:
            return None
        return self.run.standing(self.ledger, self.model, self.work.case.sample)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the case on the screen stands where it does in the queue, the worst first."""
        return self.queue[self.at].reasons if self.work else ()

    def close(self) -> None:
        """Put everything on the disk, let go of the files, and clear the screen."""
        self._leave()
        self._remove_stale()
        self.quit()
        self.shown.emit()

    def quit(self) -> None:
        """Put everything on the disk and let go of the files; the screen may be gone already."""
        work, self.work = self.work, None
        if work:
            work.settle()
            self._put_away(work, keep=work.has_edits)
        self._later.shutdown(wait=True)
        self.ledger.close()

    def _at_work(self) -> Work:
        if self.work is None:
            raise InputError(
                "REVIEW-NO-CASE", field="case", found="none", expected="a case on the screen", fix="open one"
            )
        return self.work

    def _refuse_unfit(self, decision: Decision) -> None:
        if self.ledger.read_only:
            raise read_only()
        found = {
            ("accept", True): ("what you changed", "accept with edits, or undo these"),
            ("accept-with-edits", False): ("no edits", "accept without"),
        }.get((decision, self.has_edits))
        if found:
            raise InputError(
                "REVIEW-DECISION", field="verdict", found=found[0], expected="one that fits", fix=found[1]
            )

    def _open(self, sample: str) -> None:
        pending = self._waiting.pop(sample, None)
        if pending is not None:
            pending.exception()  # told already; from here on the draft is ours again
        if self.run.has_ellipses(self.model):
            frames = open_frames(self.run, self.ledger, self.model, sample, self.reviewer)
            self.work = EllipseWork(self.viewer, frames, self.told.emit, self._on_edit)
        else:
            case = open_case(self.run, self.ledger, self.model, sample, self.reviewer)
            self.work = LabelWork(self.viewer, case, self.told.emit, self._on_edit)
        shown = self.work.case
        self._remove_stale()  # last: napari would fold its sliders away while nothing is shown
        self.view = View(self.viewer, shown, self.work.screen, self.queue[self.at].places)
        self.view.reset()
        self.view.jump(0)
        self.clock.restart()
        if shown.notice:
            self.told.emit(shown.notice)

    def _on_edit(self) -> None:
        self.clock.sign()
        self.edited.emit()

    def _leave(self) -> None:
        """Take the case off the screen; a draft without edits is deleted."""
        work = self.work
        if work is None:
            return
        work.settle()
        keep = work.has_edits
        self._clear()
        self._waiting[work.case.sample] = self._later.submit(self._put_away, work, keep=keep)

    def _put_away(self, work: Work, *, keep: bool) -> None:
        with self._told_of(work):
            work.rest()
            work.let_go(keep=keep)

    def _save(self, work: Work, verdict: dict[str, Any], *, edits: bool, keep: bool) -> Entry:
        with self._told_of(work):
            work.rest()
            correction = work.commit(self.run.corrections) if edits else None
            entry = self.ledger.save(Verdict(**verdict, correction=correction))
            work.let_go(keep=keep)
        self.saved.emit(entry)
        return entry

    @contextmanager
    def _told_of(self, work: Work) -> Iterator[None]:
        """Tell of errors that would end unseen on another thread; the draft is kept."""
        try:
            yield
        except (MedscienceError, OSError) as fault:
            work.let_go(keep=True)
            self.told.emit(f"{work.case.sample} is not saved, its draft is kept: {fault}")
            raise

    def _clear(self) -> None:
        """End the work on the case that is shown; its layers stay until there are others."""
        if self.view:
            self.view.close()
        if self.work:
            self._stale += self.work.screen.layers
            self.work.screen.labels.editable = False
        self.work = self.view = None

    def _remove_stale(self) -> None:
        for layer in self._stale:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._stale = []
