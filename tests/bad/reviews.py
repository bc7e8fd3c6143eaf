"""Ledgers of verdicts, and exports of them, that cannot be what was written. Group J."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medscience.errors import about
from medscience.review import ledger as module
from medscience.review.corrections import newest_accepted, next_correction, open_correction, save_correction
from medscience.review.drafts import find_drafts, open_draft
from medscience.review.entry import COLUMNS
from medscience.review.exchange import read_entries, to_json
from medscience.review.ledger import Ledger
from medscience.review.standing import standing
from medscience.review.verdict import Correction, Shown
from tests.review.conftest import label_meaning, said, two_boxes, write

COUNT = 5


def kept(folder, *verdicts):
    """Return the path of a closed ledger with some verdicts."""
    path = folder / "corrections/ledger.db"
    with Ledger(path) as ledger:
        for verdict in verdicts or [said(sample=f"s{n}") for n in range(COUNT)]:
            ledger.save(verdict)
    return path


def opening(path, **how):
    """Return an attempt that opens a ledger and reads all of it."""

    def attempt():
        with Ledger(path, **how) as ledger:
            ledger.entries()
        return []

    return attempt


def altered(folder, change):
    path = kept(folder)
    change(path)
    return opening(path)


def no_database(folder):
    return altered(folder, lambda path: path.write_bytes(b"PK\x03\x04" + bytes(500)))


def empty(folder):
    return altered(folder, lambda path: path.write_bytes(b""))


def half(folder):
    return altered(folder, lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096))


def flipped_bit(folder):
    def flip(path):
        content = path.read_bytes()
        place = content.rindex(b"accept")
        path.write_bytes(content[:place] + b"`ccept" + content[place + 6 :])

    return altered(folder, flip)


def every_flipped_bit(folder):
    """Flip one bit of every third byte of a row in turn: none goes through unseen."""
    path = kept(folder, said())
    whole = path.read_bytes()
    start = whole.rindex(said().model.encode(), 0, whole.rindex(b"accept"))
    missed = []
    for place in range(start, start + 300, 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            opening(path)()
        except OSError:
            continue
        missed.append(str(place))
    path.write_bytes(whole)
    return lambda: missed


def without_its_log(folder):
    """Copied while it was open, and without the files beside it."""
    path = folder / "corrections/ledger.db"
    copy = folder / "copy/ledger.db"
    with Ledger(path) as ledger:
        for n in range(COUNT):
            ledger.save(said(sample=f"s{n}"))
        copy.parent.mkdir()
        shutil.copy(path, copy)
    return opening(copy)


def without_its_log_but_with_the_chain(folder):
    path = folder / "corrections/ledger.db"
    copy = folder / "copy/ledger.db"
    with Ledger(path) as ledger:
        for n in range(COUNT):
            ledger.save(said(sample=f"s{n}"))
        copy.parent.mkdir()
        for file in (path, ledger.chain.path):
            shutil.copy(file, copy.with_name(file.name))
    return opening(copy)


def put_back_from_an_older_copy(folder):
    path = kept(folder)
    old = path.read_bytes()
    with Ledger(path) as ledger:
        ledger.save(said())
    path.write_bytes(old)
    return opening(path)


def deleted(folder):
    return altered(folder, Path.unlink)


def _run(text):
    def change(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.executescript(text)

    return change


def newer(folder):
    return altered(folder, _run("PRAGMA user_version = 9"))


def older(folder):
    return altered(folder, _run("PRAGMA user_version = 0"))


def foreign_trigger(folder):
    text = "CREATE TRIGGER x AFTER INSERT ON verdicts BEGIN DELETE FROM verdicts; END;"
    return altered(folder, _run(text))


def foreign_view(folder):
    return altered(folder, _run("CREATE VIEW x AS SELECT * FROM verdicts"))


def someone_elses_database(folder):
    path = kept(folder)
    path.unlink()
    _run("CREATE TABLE notes (a)")(path)
    return opening(path)


def verdict_on_another_image(folder):
    """It is kept, does not stand, and is told."""
    correction = Correction("tiny/s1/1.ome.zarr", "d" * 64)
    path = kept(folder, said("accept-with-edits", correction=correction), said("reject", reviewer="bob"))

    def attempt():
        with Ledger(path) as ledger:
            assert newest_accepted(ledger, "tiny", "s1", image="e" * 64) is None
            case = standing(ledger.entries("tiny", "s1"), image="e" * 64)
        assert case.decision is None
        assert len(case.entries) == 2
        return ["OUTDATED" for _ in case.outdated][:1]

    return attempt


def not_a_number(folder):
    def attempt():
        with about(folder):
            said(seconds=float("nan"))

    return attempt


def not_a_number_past_the_checks(folder):
    """Written by another program: the table itself takes a duration, and nothing that is none."""
    path = kept(folder, said(save_id="a" * 32))
    columns = [
        name for name in COLUMNS if name not in ("sequence", "save_id", "seconds", "previous", "digest")
    ]
    row = f"99, '{'b' * 32}', %s, 'x', '{'0' * 64}', {', '.join(columns)}"
    names = f"sequence, save_id, seconds, previous, digest, {', '.join(columns)}"

    def taken(database, seconds):
        database.execute("BEGIN")
        try:
            database.execute(f"INSERT INTO verdicts ({names}) SELECT {row % seconds} FROM verdicts")
        except sqlite3.IntegrityError:
            return False
        finally:
            database.execute("ROLLBACK")
        return True

    def attempt():
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            found = [seconds for seconds in ("1.5", "NULL", "-1", "1e999") if taken(database, seconds)]
        return [] if found == ["1.5"] else found

    return attempt


def _drawing(folder, value):
    image = write(folder / "image.ome.zarr", two_boxes().astype("int16"))
    labels = write(folder / "labels.ome.zarr", two_boxes(), labels=label_meaning(image))
    root = folder / "corrections"
    who = {"model": "tiny", "sample": "s1", "reviewer": "ada"}
    open_draft(root, labels, **who).close()

    def attempt():
        with open_draft(root, labels, **who) as draft:
            draft.write((slice(0, 4),) * 3, value)

    return attempt


def unknown_label(folder):
    return _drawing(folder, 9)


def strange_reasons(folder):
    """Kept to the letter."""
    reasons = ["a\0b", "\u202eabc", "<script>alert(1)</script>", "'; DROP TABLE verdicts; --", "é" * 32_768]
    path = kept(folder, *(said(reason=reason) for reason in reasons))

    def attempt():
        with Ledger(path) as ledger:
            return [] if [e.verdict.reason for e in ledger.entries()] == reasons else ["changed"]

    return attempt


def reason_of_ten_megabytes(folder):
    def attempt():
        with about(folder):
            said(reason="x" * 10_000_000)

    return attempt


def same_save_again(folder):
    verdict = said()
    path = kept(folder, verdict)

    def attempt():
        with Ledger(path) as ledger:
            ledger.save(verdict)
            return [] if len(ledger.entries()) == 1 else ["kept twice"]

    return attempt


def clocks_that_are_wrong(folder):
    """The order is that of saving."""
    times = [datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 9999, 1, 2025)]
    path = kept(folder, *(said(time=time) for time in times))

    def attempt():
        with Ledger(path) as ledger:
            return [] if [e.verdict.time for e in ledger.entries()] == times else ["another order"]

    return attempt


def _import(folder, text):
    path = folder / "all.json"
    path.write_text(text)

    def attempt():
        read_entries(path)

    return attempt


def deep_json(folder):
    return _import(folder, "[" * 100_000 + "]" * 100_000)


def deep_inside(folder):
    depth = '{"a":' * 10_000 + "1" + "}" * 10_000
    return _import(folder, f'{{"format": "medscience-reviews-1", "verdicts": [{depth}]}}')


def json_with_nan(folder):
    with Ledger(kept(folder, said(seconds=0.25)), read_only=True) as ledger:
        text = to_json(ledger.entries())
    return _import(folder, text.replace("0.25", "NaN"))


def json_with_a_key_twice(folder):
    with Ledger(kept(folder, said()), read_only=True) as ledger:
        text = to_json(ledger.entries())
    return _import(folder, text.replace('"sample"', '"sample": "x", "sample"', 1))


def json_of_points(folder):
    points = json.dumps([[1, 2]] * 100_000)
    return _import(folder, f'{{"format": "medscience-reviews-1", "verdicts": {points}}}')


def huge_json(folder):
    path = folder / "all.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)  # a hole: it takes no room

    def attempt():
        read_entries(path)

    return attempt


def crash_between_correction_and_verdict(folder):
    """The pair that was acknowledged stands, and the work is offered again."""
    image = write(folder / "image.ome.zarr", two_boxes().astype("int16"))
    labels = write(folder / "labels.ome.zarr", two_boxes(), labels=label_meaning(image))
    root = folder / "corrections"
    who = {"model": "tiny", "sample": "s1", "reviewer": "ada"}
    shown = Shown(image.commit.digest, labels.commit.digest, "c" * 64)
    with Ledger(root / "ledger.db") as ledger, open_draft(root, labels, **who) as draft:
        draft.write((slice(0, 9),) * 3, 1)
        first = save_correction(draft, next_correction(root, "tiny", "s1"))
        ledger.save(said("accept-with-edits", correction=first, shown=shown))
        draft.write((slice(0, 9),) * 3, 2)
        second = save_correction(draft, next_correction(root, "tiny", "s1"))

    def attempt():
        with Ledger(root / "ledger.db") as ledger:
            assert newest_accepted(ledger, "tiny", "s1") == root / first.path
            assert find_drafts(root, "ada")
            with open_draft(root, labels, **who) as draft:
                assert save_correction(draft, next_correction(root, "tiny", "s1")) == second
            ledger.save(said("accept-with-edits", correction=second, shown=shown))
            assert newest_accepted(ledger, "tiny", "s1") == root / second.path
        return []

    return attempt


def another_store_than_was_accepted(folder):
    image = write(folder / "image.ome.zarr", two_boxes().astype("int16"))
    labels = write(folder / "labels.ome.zarr", two_boxes(), labels=label_meaning(image))
    root = folder / "corrections"
    with open_draft(root, labels, model="tiny", sample="s1", reviewer="ada") as draft:
        draft.write((slice(0, 9),) * 3, 1)
        found = save_correction(draft, next_correction(root, "tiny", "s1"))

    def attempt():
        open_correction(root, replace(found, digest="f" * 64))

    return attempt


def on_a_network(folder):
    path = kept(folder)
    return _with(module, "file_system", lambda _: "nfs4", opening(path))


def on_a_network_alone(folder):
    path = kept(folder)
    return _with(module, "file_system", lambda _: "lustre", opening(path, alone=True))


def read_only(folder):
    """It can be read to its end, and says that it cannot be written."""
    path = kept(folder)

    def attempt():
        with Ledger(path) as ledger:
            assert len(ledger.entries()) == COUNT
            assert ledger.read_only
        return []

    return _with(module, "_writable", lambda _: False, attempt)


def saving_where_nothing_can_be_written(folder):
    path = kept(folder)

    def attempt():
        with Ledger(path) as ledger:
            ledger.save(said())

    return _with(module, "_writable", lambda _: False, attempt)


def _with(owner, name, value, attempt):
    """Return an attempt during which a part of the system is another."""

    def changed():
        was = getattr(owner, name)
        setattr(owner, name, value)
        try:
            return attempt()
        finally:
            setattr(owner, name, was)

    return changed
