"""What all files of volumes have in common: how they become a source, and how volumes follow in time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.config.acquisition import Series
from medscience.config.yaml import read_yaml
from medscience.errors import InputError
from medscience.image import Meaning
from medscience.ingest.source import Repair, Source, unused
from medscience.ingest.stamp import Stamp
from medscience.ingest.voxels import VoxelFile


def volume_source(
    voxels: VoxelFile,
    meaning: Meaning,
    stamp: Stamp,
    repairs: list[Repair],
    facts: dict[str, Any],
    acquisition: Path | None,
    convert: Callable[[NDArray[Any]], NDArray[np.float32]] | None = None,
) -> Source:
    """Return the source of voxels that lie in one file.

    Parameters
    ----------
    voxels : VoxelFile
        Where they are.
    meaning : Meaning
        What they mean.
    stamp : Stamp
        Of the header, from before it was read.
    repairs : list of Repair
        What was found so far; grows while voxels are read.
    facts : dict
        What an exporter needs.
    acquisition : Path or None
        What someone says of volumes in time.
    convert : callable, optional
        From stored numbers to float32; without it they keep their type.

    Raises
    ------
    InputError
        If the file is too short for them, or someone says something of the time of a single volume.
    """
    if acquisition and "t" not in meaning.axes:
        raise unused(acquisition, "a single volume")
    voxels.check_size()
    if voxels.path not in stamp.files:
        stamp = stamp.also(voxels.path)
    dtype = np.dtype(np.float32) if convert else voxels.dtype.newbyteorder("=")
    slabs = partial(voxels.slabs, stamp, repairs, convert=convert)
    return Source(meaning, dtype, stamp.sha256(), facts, slabs, repairs, voxels.times)


def time_step(
    path: Path,
    kind: str,
    field: str,
    said: str,
    seconds: float | None,
    acquisition: Path | None,
    repairs: list[Repair],
) -> float | None:
    """Return the seconds from volume to volume; None for phases, which have an order and no seconds.

    Parameters
    ----------
    path : Path
        The file, for errors.
    kind : str
        Its format in capitals, as codes begin.
    field, said : str
        Where its header speaks of time, and what it says.
    seconds : float or None
        The same as seconds; None if readers would take it differently.
    acquisition : Path or None
        What someone says of it, which counts more.
    repairs : list of Repair
        Grows if someone does.

    Raises
    ------
    InputError
        If neither says it.
    """
    if acquisition:
        series = read_yaml(acquisition, Series)
        told = "phases" if series.phases else f"{series.time_step_s:g} s"
        repairs.append(Repair(f"{kind}-TIME", field, said, f"{told}, by the acquisition file"))
        return series.time_step_s
    if seconds is None:
        raise InputError(
            f"{kind}-TIME",
            file=path,
            field=field,
            found=said,
            expected="seconds from volume to volume, without doubt",
            fix="give an acquisition file with time_step_s, or with phases: true",
        )
    return seconds
