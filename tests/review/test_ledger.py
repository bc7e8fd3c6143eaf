"""What the ledger keeps is what was said, in that order, once; and what was altered is refused."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medscience.errors import InputError, MismatchError, StoreError
from medscience.review import ledger as module
from medscience.review.ledger import Ledger
from medscience.review.standing import standing
from medscience.review.verdict import Correction, Shown, Verdict
from tests.review.conftest import said

DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@st.composite
def verdicts(draw):
    decision = draw(st.sampled_from(["accept", "accept-with-edits", "reject", "defer"]))
    sample, model = draw(NAMES), draw(NAMES)
    edits = Correction(f"{model}/{sample}/{draw(st.integers(1, 99))}.ome.zarr", draw(DIGESTS))
    return Verdict(
        save_id=draw(st.uuids()).hex,
        sample=sample,
        model=model,
        decision=decision,
        reason=draw(TEXT) + "." * (decision == "reject"),
        reviewer=draw(st.sampled_from(["ada", "bob", "öz.türk@lab"])),
        time=draw(st.datetimes(timezones=st.just(UTC))),
        seconds=draw(st.floats(0, 1e6)),
        shown=Shown(*(draw(DIGESTS) for _ in range(3))),
        correction=edits if decision == "accept-with-edits" else None,
        blind=draw(st.booleans()),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "corrections/ledger.db"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(said=st.lists(verdicts(), max_size=6, unique_by=lambda verdict: verdict.save_id))
def test_what_was_said_comes_back_as_it_was_in_its_order(tmp_path_factory, said):
    path = tmp_path_factory.mktemp("any") / "ledger.db"
    with Ledger(path) as ledger:
        saved = [ledger.save(verdict) for verdict in said]
        for verdict, entry in zip(said, saved, strict=True):
            assert ledger.save(verdict) == entry  # J9
    with Ledger(path) as ledger:
        assert ledger.entries() == tuple(saved)
        assert [entry.verdict for entry in saved] == said
        assert [entry.sequence for entry in saved] == list(range(1, len(said) + 1))
        assert ledger.verify() == len(said)
        assert [Verdict.from_json(entry.verdict.as_json()) for entry in saved] == said


def test_another_verdict_under_the_same_save_id_is_refused(path):
    with Ledger(path) as ledger:
        first = said()
        ledger.save(first)
        with pytest.raises(MismatchError, match="LEDGER-SAVE-ID"):
            ledger.save(replace(first, decision="defer"))
        assert len(ledger.entries()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": float("nan")},
        {"seconds": -1.0},
        {"seconds": True},
        {"decision": "maybe"},
        {"sample": "../x"},
        {"model": "a b"},
        {"reviewer": "a/b"},
        {"save_id": "1"},
        {"time": datetime(2026, 1, 1)},
        {"time": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
        {"shown": Shown("a" * 63, "b" * 64, "c" * 64)},
        {"decision": "reject", "reason": " "},
        {"reason": "x" * (64 << 10) + "x"},
        {"reason": "\ud800"},
        {"decision": "accept-with-edits"},
        {"correction": Correction("tiny/s1/1.ome.zarr", "d" * 64)},
        {
            "decision": "accept-with-edits",
            "correction": Correction("../s1/1.ome.zarr", "d" * 64),
        },
    ],
)
def test_a_verdict_without_its_form_is_refused_at_birth(change):
    with pytest.raises(InputError, match="VERDICT-FORM"):
        said(**{"decision": "accept"} | change)


def test_writers_in_many_threads_lose_and_double_nothing(path):
    ledgers = [Ledger(path) for _ in range(4)]
    everything = [[said(sample=f"s{n}") for n in range(15)] for _ in ledgers]

    def write(ledger, verdicts):
        for verdict in verdicts:
            ledger.save(verdict)

    threads = [threading.Thread(target=write, args=pair) for pair in zip(ledgers, everything, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Ledger(path) as ledger:
        kept = [entry.verdict.save_id for entry in ledger.entries()]
    assert sorted(kept) == sorted(verdict.save_id for verdicts in everything for verdict in verdicts)
    for ledger in ledgers:
        ledger.close()


def test_no_row_can_be_changed_or_deleted_even_by_sqlite(path):
    with Ledger(path) as ledger:
        ledger.save(said())
    with closing(sqlite3.connect(path)) as database:
        for change in ("UPDATE verdicts SET decision = 'defer'", "DELETE FROM verdicts"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                database.execute(change)


def test_a_row_that_was_taken_out_with_its_digest_is_missed(path):
    with Ledger(path) as ledger:
        for _ in range(3):
            ledger.save(said())
    for place in (3, 2):  # the last one, then one in the middle
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            trigger = database.execute("SELECT sql FROM sqlite_master WHERE name='never_deleted'").fetchone()[
                0
            ]
            database.execute("DROP TRIGGER never_deleted")
            database.execute(f"DELETE FROM verdicts WHERE sequence = {place}")
            database.execute(trigger)
        with pytest.raises(StoreError, match=r"LEDGER-(CUT|ALTERED)"):
            Ledger(path)


def test_a_full_disk_is_said_and_saves_nothing(path):
    with Ledger(path) as ledger:
        ledger.save(said())
        ledger._database.execute("PRAGMA max_page_count=1")
        for _ in range(200):
            try:
                ledger.save(said(reason="x" * 60_000))
            except StoreError as fault:
                assert fault.code == "LEDGER-NOT-SAVED"  # noqa: PT017 - it may take several
                break
        else:
            pytest.fail("the disk never was full")
        count = len(ledger.entries())
        assert ledger.verify() == count


def test_on_a_file_system_of_several_machines_one_writer_holds_it(path, monkeypatch):
    monkeypatch.setattr(module, "file_system", lambda _: "nfs4")
    with pytest.raises(StoreError, match=r"LEDGER-NETWORK.*nfs4"):
        Ledger(path)
    with Ledger(path, alone=True) as ledger:
        ledger.save(said())
        assert ledger._database.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        with pytest.raises(StoreError, match="STORE-BUSY"):
            Ledger(path, alone=True)
    assert not list(path.parent.glob("*-wal"))
    with Ledger(path, alone=True) as ledger:
        assert len(ledger.entries()) == 1


def test_only_its_owner_can_read_it(path):
    with Ledger(path) as ledger:
        ledger.save(said())
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file


def test_two_reviewers_are_both_kept_and_told(path):
    edits = Correction("tiny/s1/1.ome.zarr", "d" * 64)
    with Ledger(path) as ledger:
        ledger.save(said("accept"))
        assert standing(ledger.entries()).conflict == ()
        ledger.save(said("accept-with-edits", reviewer="bob", correction=edits))
        found = standing(ledger.entries("tiny", "s1"))
        assert [(e.verdict.reviewer, e.verdict.decision) for e in found.conflict] == [
            ("ada", "accept"),
            ("bob", "accept-with-edits"),
        ]
        ledger.save(said("accept", shown=Shown("a" * 64, edits.digest, "c" * 64)))  # ada approves
        assert standing(ledger.entries()).conflict == ()
