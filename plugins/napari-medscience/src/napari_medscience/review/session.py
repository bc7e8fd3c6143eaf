"""A sitting: case after case of a run's queue, corrected and decided upon. It knows no window."""

import getpass
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from psygnal import Signal

from medscience.errors import InputError, MedscienceError
from medscience.review.corrections import next_correction, save_correction
from medscience.review.entry import Entry
from medscience.review.queue import Case as Queued
from medscience.review.queue import Reason
from medscience.review.standing import Standing
from medscience.review.verdict import Correction, Decision, Verdict
from napari_medscience.camera import face_the_patient
from napari_medscience.edit.editor import Editor
from napari_medscience.review.autosave import Autosave
from napari_medscience.review.case import Case, Reviewer, open_case
from napari_medscience.review.clock import Clock
from napari_medscience.review.run import Run
from napari_medscience.review.screen import Screen, names, show
from napari_medscience.review.view import View


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
        Whose labels.
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
    """Labels were changed."""

    def __init__(self, viewer: Any, run: Run, model: str, reviewer: Reviewer) -> None:  # noqa: ANN401
        self.viewer, self.run, self.model, self.reviewer = viewer, run, model, reviewer
        self.ledger = run.ledger()
        self.queue: list[Queued] = run.queue(model)
        self.at = -1
        self.case: Case | None = None
        self.screen: Screen | None = None
        self.view: View | None = None
        self.editor: Editor | None = None
        self.clock = Clock()
        self._autosave: Autosave | None = None
        self._later = ThreadPoolExecutor(1, "verdicts")
        self._waiting: dict[str, Future[Any]] = {}
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
        sample = self.queue[self.at].sample
        pending = self._waiting.pop(sample, None)
        if pending is not None:
            pending.exception()  # told already; the draft is ours again
        try:
            self._open(sample)
        finally:
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
        case = self._case
        self._check(decision)
        verdict = {
            "save_id": uuid.uuid4().hex,
            "sample": case.sample,
            "model": case.model,
            "decision": decision,
            "reason": reason,
            "reviewer": self.reviewer.name,
            "time": datetime.now(UTC),
            "shown": case.shown,
            "blind": self.reviewer.blind,
        }
        placeholder = Correction(f"{case.model}/{case.sample}/1.ome.zarr", "0" * 64)
        edits = decision == "accept-with-edits"
        Verdict(**verdict, seconds=0.0, correction=placeholder if edits else None)  # its faults are told now
        verdict["seconds"] = round(self.clock.restart(), 3)
        autosave = self._take_autosave()
        self._clear()
        future = self._later.submit(self._save, case, autosave, verdict, edits=edits)
        self._waiting[case.sample] = future
        self.shown.emit()
        return future

    @property
    def has_edits(self) -> bool:
        """Whether labels of the case on the screen were changed."""
        return bool(self.case and (self.case.resumed or self.case.editable.chunks.changed))

    def start_afresh(self) -> None:
        """Throw the case's draft away and open it again."""
        autosave = self._take_autosave()
        self._case.editable.chunks.take_unsaved()
        if autosave:
            autosave.close()
        self._case.draft.discard()
        self._clear()
        self._open(self.queue[self.at].sample)
        self.shown.emit()

    def standing(self) -> Standing | None:
        """Return what people said of the case on the screen; None to a second reader, who must not know."""
        if self.case is None or self.reviewer.blind:
            return None
        return self.run.standing(self.ledger, self.model, self.case.sample)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the case on the screen stands where it does in the queue, the worst first."""
        return self.queue[self.at].reasons if self.case else ()

    def save(self) -> None:
        """Save the draft now, not in a few seconds."""
        if self._autosave:
            self._autosave.save()

    def close(self) -> None:
        """Put everything on the disk and let go of the files."""
        self._leave()
        self._later.shutdown(wait=True)
        self.ledger.close()
        self.shown.emit()

    @property
    def _case(self) -> Case:
        if self.case is None:
            raise InputError(
                "REVIEW-NO-CASE", field="case", found="none", expected="a case on the screen", fix="open one"
            )
        return self.case

    def _check(self, decision: Decision) -> None:
        found = {
            ("accept", True): ("labels that you changed", "accept them with your edits, or undo these"),
            ("accept-with-edits", False): ("no edits", "accept the labels as they are"),
        }.get((decision, self.has_edits))
        if found:
            raise InputError(
                "REVIEW-DECISION", field="verdict", found=found[0], expected="one that fits", fix=found[1]
            )

    def _open(self, sample: str) -> None:
        case = open_case(self.run, self.ledger, self.model, sample, self.reviewer)
        if case.image.image.meaning.space == "patient":
            face_the_patient(self.viewer)
        self.screen = show(self.viewer, case)
        self.view = View(self.viewer, case, self.screen, self.queue[self.at].places)
        self.editor = Editor(
            self.viewer,
            self.screen.labels,
            self.screen.image,
            frozenset(label.value for label in names(case)),
            self.told.emit,
        )
        self.case = case
        self._autosave = Autosave(case.editable.chunks, case.draft, self._heard)
        self.screen.labels.events.paint.connect(self._on_edit)
        self.view.reset()
        self.view.jump(0)
        self.clock.restart()
        if case.notice:
            self.told.emit(case.notice)

    def _on_edit(self, event: object = None) -> None:
        self.clock.sign()
        self.edited.emit()

    def _heard(self, fault: str | None) -> None:
        if fault:
            self.told.emit(f"Not saved, and tried again: {fault}")

    def _leave(self) -> None:
        """Save the draft and take the case off the screen; a draft without edits is deleted."""
        case, autosave = self.case, self._take_autosave()
        if case is None or autosave is None:
            return
        edits = self.has_edits
        self._clear()
        self._waiting[case.sample] = self._later.submit(self._put_away, case, autosave, edits=edits)

    def _put_away(self, case: Case, autosave: Autosave, *, edits: bool) -> None:
        with self._faults_are_told(case.sample):
            autosave.close()
            autosave.save()
            if not edits:
                case.draft.discard()
            case.draft.close()

    def _save(self, case: Case, autosave: Autosave | None, verdict: dict[str, Any], *, edits: bool) -> Entry:
        with self._faults_are_told(case.sample):
            if autosave:
                autosave.close()
                autosave.save()
            correction = None
            try:
                if edits:
                    target = next_correction(self.run.corrections, case.model, case.sample)
                    correction = save_correction(case.draft, target)
                entry = self.ledger.save(Verdict(**verdict, correction=correction))
            except BaseException:
                case.draft.close()
                raise
            if edits or not case.draft.touched:
                case.draft.discard()
            case.draft.close()
        self.saved.emit(entry)
        return entry

    def _faults_are_told(self, sample: str) -> "_Told":
        return _Told(lambda line: self.told.emit(f"{sample} is not saved: {line}"))

    def _take_autosave(self) -> Autosave | None:
        autosave, self._autosave = self._autosave, None
        return autosave

    def _clear(self) -> None:
        if self.view:
            self.view.close()
        for layer in self.screen.layers if self.screen else ():
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.case = self.screen = self.view = self.editor = None


class _Told:
    """Tells of errors that would end on another thread unseen."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        """Tell of an error; it goes on."""
        if isinstance(fault, MedscienceError | OSError):
            self._tell(str(fault))
