"""Corrections are stores like any other, and the newest that was accepted stands."""

import shutil
from dataclasses import replace

import pytest
from numpy.testing import assert_array_equal

from medscience.errors import MismatchError, StoreError
from medscience.review.corrections import (
    filled,
    newest_accepted,
    next_correction,
    open_correction,
    save_correction,
)
from medscience.review.drafts import open_draft
from medscience.review.ledger import Ledger
from medscience.review.verdict import Shown
from medscience.store.images import open_image
from medscience.store.pyramid import majority
from medscience.store.verify import verify
from tests.review.conftest import WHOLE, said, two_boxes
from tests.review.test_drafts import WHO


@pytest.fixture
def root(tmp_path):
    return tmp_path / "corrections"


@pytest.fixture
def ledger(root):
    with Ledger(root / "ledger.db") as ledger:
        yield ledger


def corrected(root, labels, region, value):
    """Draw, commit, and return the correction."""
    with open_draft(root, labels, **WHO) as draft:
        draft.write(region, value)
        correction = save_correction(draft, next_correction(root, "tiny", "s1"))
        draft.discard()
    return correction


CORNER = (slice(0, 30), slice(0, 66), slice(0, 70))


def test_a_correction_is_committed_with_all_its_levels(root, labels):
    correction = corrected(root, labels, CORNER, 2)
    expected = two_boxes()
    expected[CORNER] = 2
    stored = open_correction(root, correction)
    assert correction.path == "tiny/s1/1.ome.zarr"
    assert verify(stored.path) == []
    assert_array_equal(stored.image.read(WHOLE), expected)
    factors = stored.content.levels
    for n in range(1, len(factors)):
        step = tuple(a // b for a, b in zip(factors[n], factors[n - 1], strict=True))
        assert_array_equal(stored.levels[n].read(WHOLE), majority(stored.levels[n - 1].read(WHOLE), step))
    assert len(factors) > 1
    assert stored.content.labels == labels.content.labels
    assert stored.commit.record["edits"]["voxels"] == (expected != two_boxes()).sum()


def test_the_same_edits_after_a_crash_before_the_verdict_are_the_same_correction(root, labels):
    with open_draft(root, labels, **WHO) as draft:
        draft.write(CORNER, 2)
        first = save_correction(draft, next_correction(root, "tiny", "s1"))
        again = save_correction(draft, next_correction(root, "tiny", "s1"))
        assert again == first
        draft.write(CORNER, 1)
        other = save_correction(draft, next_correction(root, "tiny", "s1"))
    assert other.path == "tiny/s1/2.ome.zarr"
    assert other.digest != first.digest


@pytest.mark.parametrize("region, value, word", [((slice(0, 1),) * 3, 0, "edits"), (WHOLE, 255, "looked")])
def test_what_changes_nothing_or_says_nothing_is_no_correction(root, labels, region, value, word):
    with pytest.raises(MismatchError, match=word):
        corrected(root, labels, region, value)
    assert not list((root / "tiny/s1").glob("*.ome.zarr*"))


def test_the_newest_accepted_correction_stands(root, labels, ledger):
    def newest():
        return newest_accepted(ledger, "tiny", "s1")

    first, second = (corrected(root, labels, CORNER, value) for value in (1, 2))
    assert newest() is None  # committed, and nobody accepted it yet
    ledger.save(said("accept-with-edits", correction=second))
    assert newest() == root / second.path
    ledger.save(said("accept-with-edits", correction=first, reviewer="bob"))
    assert newest() == root / first.path
    ledger.save(said("defer"))
    ledger.save(said("accept-with-edits", correction=second, reviewer="eve", blind=True))
    assert newest() == root / first.path
    ledger.save(said("accept", shown=Shown("a" * 64, second.digest, "c" * 64)))
    assert newest() == root / second.path
    ledger.save(said("reject"))
    assert newest() is None
    ledger.save(said("accept"))
    assert newest() is None  # the model's own labels


def test_a_correction_of_another_image_is_kept_and_does_not_stand(root, labels, ledger):
    correction = corrected(root, labels, CORNER, 1)
    entry = ledger.save(said("accept-with-edits", correction=correction))
    assert newest_accepted(ledger, "tiny", "s1", image="a" * 64) == root / correction.path
    assert newest_accepted(ledger, "tiny", "s1", image="d" * 64) is None
    assert ledger.entries("tiny", "s1") == (entry,)


def test_another_store_in_the_place_of_an_accepted_one_is_refused(root, labels):
    first, _ = (corrected(root, labels, CORNER, value) for value in (1, 2))
    for name in ("1.ome.zarr", "1.ome.zarr.commit.json"):
        path = root / "tiny/s1" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        other = path.with_name(name.replace("1", "2", 1))
        other.rename(path)
    with pytest.raises(StoreError, match="CORRECTION-OTHER"):
        open_correction(root, first)


def test_where_nobody_looked_the_models_labels_stand(root, labels):
    with open_draft(root, labels, **WHO) as draft:
        draft.write(WHOLE, 255)
        draft.write(CORNER, 2)
        correction = save_correction(draft, next_correction(root, "tiny", "s1"))
    expected = two_boxes()
    expected[CORNER] = 2
    seen = open_correction(root, correction).image
    assert_array_equal(filled(seen, labels.image).read(WHOLE), expected)
    assert (seen.read(WHOLE) == 255).any()
    with pytest.raises(MismatchError, match="CORRECTION-GRID"):
        filled(seen, on_another_grid(labels.image))


def on_another_grid(image):
    geometry = image.geometry.crop((0, 0, 1), image.geometry.shape)
    return replace(image, meaning=replace(image.meaning, geometry=geometry))


def test_a_correction_of_a_correction_begins_from_it(root, labels):
    first = open_correction(root, corrected(root, labels, CORNER, 1))
    with open_draft(root, first, **WHO) as draft:
        draft.write((slice(0, 2),) * 3, 2)
        second = save_correction(draft, next_correction(root, "tiny", "s1"))
    stored = open_image(root / second.path)
    assert stored.commit.provenance.inputs["labels"] == first.commit.digest
    assert stored.content.labels.image_digest == labels.content.labels.image_digest
