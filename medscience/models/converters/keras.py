"""Arrays of weights that Keras 2 writes as HDF5, without Keras.

``save_weights`` writes a group for each layer, ``save`` the same below ``model_weights``; a model within the
model is a group of its own. Someone else's HDF5 may lead to other files, or to whatever a filter computes: so
links, external and virtual data, and filters are refused, and the library runs where the caller says, which
should be behind a fence. Format: keras-team/keras 2.0.8, ``engine/topology.py``; the HDF Group's "HDF5 File
Format Specification".
"""

import math
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import ModelError

if TYPE_CHECKING:
    import h5py

DEEPEST = 8
"""Groups within groups."""
MOST = 20_000
"""Arrays of a file."""
LARGEST = 1 << 30
"""Bytes of all arrays."""
VARIABLE = re.compile(r"(?:.*_)?(kernel|bias|gamma|beta|moving_mean|moving_variance)(?::0)?")
"""The last part of an array's path; layers of the authors' own put the layer's name before it."""

Call = Callable[..., Any]
"""Calls a function with arguments, such as behind a fence."""


def read_keras(path: Path, layers: Collection[str], call: Call) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a file by layer and variable, as in ``conv1/kernel``.

    Parameters
    ----------
    path : Path
        What ``save_weights`` or ``save`` wrote.
    layers : collection of str
        Names of layers that may be there. An array belongs to the innermost group of such a name; one that
        belongs to none keeps its path, so that it can be named.
    call : callable
        Calls the functions that touch the file: ``medscience.ingest.fence.decoding().call``.

    Raises
    ------
    ModelError
        If two arrays have the same name.
    InputError, ModelError
        If it is no such file, or holds anything but plain float32 arrays.
    """
    listed = [(str(name), tuple(int(n) for n in shape)) for name, shape in call(listing, str(path))]
    values: NDArray[np.float32] = call(joined, str(path))
    ends = np.cumsum([math.prod(shape) for _, shape in listed])
    if not listed or values.size != ends[-1]:
        raise _refused(path, "file", "arrays that change while they are read, or none")
    arrays: dict[str, NDArray[np.float32]] = {}
    for (place, shape), part in zip(listed, np.split(values, ends[:-1]), strict=True):
        name = _name(place, layers)
        if name in arrays:
            raise _refused(path, name, "two arrays of that name")
        arrays[name] = part.reshape(shape)
    return arrays


def listing(path: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return path and shape of every array of a file, in order."""
    return [(name, array.shape) for name, array in _arrays(path)]


def joined(path: str) -> NDArray[np.float32]:
    """Return the numbers of all arrays, one after another."""
    return np.concatenate([array[()].reshape(-1) for _, array in _arrays(path)]).astype(np.float32)


def _name(place: str, layers: Collection[str]) -> str:
    *groups, last = place.split("/")
    layer = next((group for group in reversed(groups) if group in layers), None)
    variable = VARIABLE.fullmatch(last)
    return f"{layer}/{variable[1]}" if layer and variable else place


def _arrays(path: str) -> Iterator[tuple[str, "h5py.Dataset"]]:
    """Yield the arrays of weights that are nothing but numbers in this very file."""
    try:
        import h5py  # noqa: PLC0415 - an extra, needed to convert only
    except ImportError as fault:
        raise ModelError(
            "MODEL-H5PY",
            file=path,
            field="h5py",
            found="not installed",
            expected="the package that reads HDF5",
            fix="pip install 'medscience[keras]'",
        ) from fault
    try:
        with h5py.File(path, "r") as file:
            yield from _checked(path, file)
    except OSError as fault:
        raise _refused(Path(path), "file", "no HDF5 file, or a damaged one") from fault


def _checked(path: str, file: "h5py.File") -> Iterator[tuple[str, "h5py.Dataset"]]:
    bytes_left, arrays_left = LARGEST, MOST
    for name, array in _walked(path, file, "model_weights" if "model_weights" in file else "", 0):
        bytes_left -= array.size * array.dtype.itemsize
        arrays_left -= 1
        if min(bytes_left, arrays_left) < 0:
            raise _refused(Path(path), "file", f"more than {MOST} arrays or {LARGEST} bytes")
        yield name, array


def _walked(path: str, file: "h5py.File", place: str, depth: int) -> Iterator[tuple[str, "h5py.Dataset"]]:
    import h5py  # noqa: PLC0415

    group = file[place] if place else file
    for key in group:
        name = f"{place}/{key}" if place else str(key)
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise _refused(Path(path), name, "a link")
        found = group[key]
        if isinstance(found, h5py.Dataset):
            _check_plain(path, name, found)
            yield name, found
        elif depth < DEEPEST:
            yield from _walked(path, file, name, depth + 1)
        else:
            raise _refused(Path(path), name, f"groups deeper than {DEEPEST}")


def _check_plain(path: str, name: str, array: "h5py.Dataset") -> None:
    filters = array.id.get_create_plist().get_nfilters()
    if array.is_virtual or array.external or filters:
        raise _refused(Path(path), name, "numbers in other files, or behind a filter")
    if array.dtype != np.float32 or array.shape is None:
        raise _refused(Path(path), name, f"numbers of the type {array.dtype}")


def _refused(path: Path, field: str, found: str) -> ModelError:
    return ModelError(
        "KERAS-UNKNOWN",
        file=path,
        field=field,
        found=found,
        expected="HDF5 as Keras 2 writes it: groups of plain float32 arrays",
        fix="save the weights again with save_weights",
    )
