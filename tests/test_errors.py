import copy
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience import errors
from medscience.errors import InputError, MedscienceError, StoreError, one_line

CLASSES = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MedscienceError)
]


def an_error(kind=InputError, **change):
    parts = {"field": "dim[0]", "found": 9, "expected": "3 or 4", "fix": "convert it again"}
    return kind("NIFTI-DIM", **(parts | change))


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_code_field_found_expected_and_what_to_do(kind):
    message = str(an_error(kind, file="a/b.nii"))
    assert message == ("NIFTI-DIM  a/b.nii: dim[0]: found 9, expected 3 or 4; convert it again")


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not MedscienceError])
def test_every_error_is_also_the_built_in_error_that_fits(kind):
    assert issubclass(kind, ValueError | OSError | MemoryError)


@given(found=st.text(), file=st.text(min_size=1))
def test_an_error_is_one_printable_line_whatever_the_file_contains(found, file):
    message = str(an_error(found=found, file=file))
    assert message.isprintable()
    assert len(message.splitlines()) == 1


@given(text=st.text(st.characters(categories=["L", "N", "P"])))
def test_printable_text_stays_as_it_is(text):
    assert one_line(text) == text


def test_a_failure_record_keeps_every_part():
    assert an_error(file="x.nii").record() == {
        "code": "NIFTI-DIM",
        "file": "x.nii",
        "field": "dim[0]",
        "found": "9",
        "expected": "3 or 4",
        "fix": "convert it again",
        "line": "NIFTI-DIM  x.nii: dim[0]: found 9, expected 3 or 4; convert it again",
    }


def test_an_error_without_a_file_names_none():
    assert an_error().record()["file"] is None
    assert str(an_error()).startswith("NIFTI-DIM  dim[0]: ")


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_that_travels_between_processes_arrives_whole(kind):
    sent = an_error(kind, file="x.nii")
    arrived = copy.copy(sent)  # by the same protocol as between processes
    assert type(arrived) is kind
    assert (str(arrived), arrived.record()) == (str(sent), sent.record())


def test_a_store_error_can_be_logged_with_its_trace(caplog):
    try:
        raise an_error(StoreError, file="x.ome.zarr")
    except OSError:
        logging.getLogger(__name__).exception("it failed")
    assert "NIFTI-DIM  x.ome.zarr" in caplog.text
