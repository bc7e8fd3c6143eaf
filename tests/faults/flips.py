"""Single bits that flip in what is stored: stores, their commits, tables and weights."""

import random
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from medscience.description import checked_beside, read_model
from medscience.errors import MedscienceError
from medscience.store.commit import check_object, commit_path, read_commit
from medscience.store.tables import write_table
from tests.conftest import save_tiny_model
from tests.store.conftest import write as write_store

SIDES = (9, 70, 70)
"""Voxels of a store that has a pyramid, and more than one shard in blocks of 32."""


def stored(folder):
    """Write one of each; return the store, the table and the model file."""
    voxels = np.random.default_rng(0).integers(0, 999, SIDES).astype(np.int16)
    store = write_store(folder / "results/x.ome.zarr", voxels, block=(9, 32, 32))
    write_table(folder / "results/x.parquet", pa.table({"volume_mm3": np.arange(99.0)}), {"labels": "a" * 64})
    return store, folder / "results/x.parquet", save_tiny_model(folder / "models")


def checks(store, model):
    """Return, for every file in which no bit may flip unseen, what `medscience verify` checks it with."""
    commit, description = read_commit(store), read_model(model)
    found = {
        store / key: lambda key=key: check_object(store, key, commit.objects[key]) for key in commit.objects
    }
    found[commit_path(store)] = lambda: read_commit(store)
    for entry in (description.weights, description.known_answer):
        file = model.parent / entry.file
        found[file] = lambda entry=entry: checked_beside(model, entry.file, entry.sha256)
    return found


def is_found(check):
    """Whether a check finds fault."""
    try:
        check()
    except MedscienceError:
        return True
    return False


@contextmanager
def flipped(file, place):
    """Flip a bit of a file, and then flip it back."""
    flip(file, place)
    try:
        yield
    finally:
        flip(file, place)


def flip(file, place):
    with file.open("r+b") as stream:
        stream.seek(place // 8)
        byte = stream.read(1)[0]
        stream.seek(place // 8)
        stream.write(bytes([byte ^ 1 << place % 8]))


def bits(files, count, seed=0):
    """Yield files and places in them: each file as often, each bit as likely."""
    draw = random.Random(seed)
    sizes = {file: 8 * file.stat().st_size for file in files}
    for number in range(count):
        file = list(sizes)[number % len(sizes)]
        yield file, draw.randrange(sizes[file])
