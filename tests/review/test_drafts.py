"""Drafts keep what was drawn, touch nothing else, and outlive their process."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from medscience.errors import MismatchError, StoreError
from medscience.review.drafts import draft_path, find_drafts, open_draft, set_aside
from medscience.store.commit import commit_path
from medscience.store.images import open_image
from medscience.store.verify import verify
from tests.review.conftest import SHAPE, WHOLE, label_meaning, two_boxes, write

WHO = {"model": "tiny", "sample": "s1", "reviewer": "ada"}


def files(draft):
    return {path for path in (draft.path / "labels.zarr/c").rglob("*") if path.is_file()}


def box(sides):
    return st.tuples(
        *(
            st.tuples(st.integers(0, n), st.integers(0, n)).map(lambda ends: slice(*sorted(ends)))
            for n in sides
        )
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(strokes=st.lists(st.tuples(box(SHAPE), st.sampled_from([0, 1, 2, 255])), max_size=3), part=box(SHAPE))
def test_a_draft_reads_as_the_labels_with_the_strokes_and_writes_only_touched_chunks(
    tmp_path_factory, labels, strokes, part
):
    root = tmp_path_factory.mktemp("corrections")
    expected = two_boxes()
    with open_draft(root, labels, **WHO) as draft:
        for region, value in strokes:
            before = {path: path.stat().st_mtime_ns for path in files(draft)}
            written = draft.write(region, value)
            expected[region] = value
            after = {path: path.stat().st_mtime_ns for path in files(draft)}
            changed = {path for path in after if after[path] != before.get(path)}
            assert changed == {draft.path.joinpath("labels.zarr/c", *map(str, place)) for place in written}
        assert_array_equal(draft[WHOLE], expected)
        assert_array_equal(draft[part], expected[part])
        digest = draft.digest()
    with open_draft(root, labels, **WHO) as again:
        assert_array_equal(again[WHOLE], expected)
        assert again.digest() == digest


def test_the_models_store_is_left_as_it_was(tmp_path, labels):
    commit = commit_path(labels.path).read_bytes()
    with open_draft(tmp_path / "corrections", labels, **WHO) as draft:
        draft.write(WHOLE, 2)
    assert commit_path(labels.path).read_bytes() == commit
    assert verify(labels.path) == []
    assert_array_equal(open_image(labels.path).image.read(WHOLE), two_boxes())


KILLED = """
import os, sys
from pathlib import Path
from medscience.review.drafts import open_draft
from medscience.store.images import open_image
labels = open_image(Path(sys.argv[2]))
draft = open_draft(Path(sys.argv[1]), labels, model="tiny", sample="s1", reviewer="ada")
draft.write((slice(3, 9), slice(60, 70), slice(0, 130)), 2)
os.kill(os.getpid(), 9)
"""


def test_after_a_kill_the_work_is_offered_again(tmp_path, labels):
    root = tmp_path / "corrections"
    killed = subprocess.run([sys.executable, "-c", KILLED, root, labels.path], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = find_drafts(root, "ada")
    assert (left.model, left.sample, left.labels) == ("tiny", "s1", labels.commit.digest)
    expected = two_boxes()
    expected[3:9, 60:70] = 2
    with open_draft(root, labels, **WHO) as draft:
        assert_array_equal(draft[WHOLE], expected)
    assert find_drafts(root, "bob") == ()


def test_a_draft_is_open_once(tmp_path, labels):
    root = tmp_path / "corrections"
    with open_draft(root, labels, **WHO), pytest.raises(StoreError, match="STORE-BUSY"):
        open_draft(root, labels, **WHO)
    with open_draft(root, labels, **WHO | {"reviewer": "bob"}):
        open_draft(root, labels, **WHO).close()


def test_edits_of_other_labels_are_refused_and_kept(tmp_path, image, labels):
    root = tmp_path / "corrections"
    with open_draft(root, labels, **WHO) as draft:
        draft.write(WHOLE, 1)
    other = write(tmp_path / "other.ome.zarr", 1 - np.minimum(two_boxes(), 1), labels=label_meaning(image))
    with pytest.raises(MismatchError, match="DRAFT-OUTDATED"):
        open_draft(root, other, **WHO)
    (origin,) = find_drafts(root)
    kept = set_aside(root, origin)
    assert any((kept / "labels.zarr/c").rglob("*"))
    with open_draft(root, other, **WHO) as fresh:
        assert fresh.touched == ()


def test_a_number_that_is_no_label_is_refused(tmp_path, labels):
    with open_draft(tmp_path / "corrections", labels, **WHO) as draft:
        with pytest.raises(MismatchError, match="DRAFT-LABEL"):
            draft.write(WHOLE, 7)
        assert draft.touched == ()


def test_a_flipped_bit_is_noticed(tmp_path, labels):
    with open_draft(tmp_path / "corrections", labels, **WHO) as draft:
        draft.write((slice(0, 1), slice(0, 1), slice(0, 1)), 2)
        (file,) = files(draft)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with (
        open_draft(tmp_path / "corrections", labels, **WHO) as draft,
        pytest.raises(StoreError, match="DRAFT"),
    ):
        draft[WHOLE]


def test_only_its_owner_can_read_a_draft(tmp_path, labels):
    root = tmp_path / "corrections"
    open_draft(root, labels, **WHO).close()
    assert draft_path(root, "tiny", "s1", "ada").stat().st_mode & 0o077 == 0
