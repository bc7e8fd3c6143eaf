"""`medscience verify` finds every flipped bit."""

import pytest

from medscience.store.verify import verify
from tests.faults.flips import bits, checks, flipped, is_found, stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flips")


@pytest.fixture(scope="module")
def written(folder):
    return stored(folder)


def test_of_10000_flipped_bits_none_is_missed(written):
    store, _, model = written
    found = checks(store, model)
    assert len(found) > 15
    assert not any(map(is_found, found.values()))
    for file, place in bits(found, 10_000):
        with flipped(file, place):
            assert is_found(found[file]), (file, place)
    assert not any(map(is_found, found.values()))


def test_verify_of_a_folder_names_every_file_in_which_a_bit_flipped(folder, written):
    store, _, model = written
    assert verify(folder) == []
    for file, place in bits(checks(store, model), 60, seed=1):
        with flipped(file, place):
            assert [fault.file for fault in verify(folder)] == [str(file)], place
    assert verify(folder) == []
