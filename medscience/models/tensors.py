"""The header of a safetensors file, checked before a tensor is believed.

Eight bytes say how long the header is, little-endian; the header is a JSON object with dtype, shape and the
first and last byte of every tensor; then come the tensors, without a gap. The format's own reader checks
most of this, but takes the last of two tensors of one name. Format: github.com/huggingface/safetensors.
"""

import json
import math
from pathlib import Path
from typing import Any

from medscience.errors import ModelError

LARGEST_HEADER = 16 << 20
"""Bytes: some hundred thousand tensors."""
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
"""Bytes of a value, by the dtypes that weights may have; whole numbers only count what a network has seen."""
METADATA = "__metadata__"


def check_tensors(path: Path) -> tuple[str, ...]:
    """Check a safetensors file from its header and its size; return the dtypes of its tensors.

    Raises
    ------
    ModelError
        If it is no such file, is cut or too long, or if its tensors overlap, leave a gap, stand twice or
        are of another type.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(LARGEST_HEADER, size - 8):
                raise ValueError(f"{size} bytes with a header of {length}")
            header = json.loads(file.read(length), object_pairs_hook=_unique)
        entries = {name: entry for name, entry in header.items() if name != METADATA}
        end = 0
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            end = _end(name, entry, end)
        if end != size - 8 - length:
            raise ValueError(f"{size - 8 - length} bytes of tensors, where the header names {end}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ModelError(
            "MODEL-WEIGHTS",
            file=path,
            field="file",
            found=type(fault).__name__ if isinstance(fault, OSError) else fault,
            expected="a safetensors file of float32 tensors",
            fix="convert the weights with `medscience models import`: no other format is read, as those can "
            "carry code",
        ) from fault
    return tuple(sorted({entry["dtype"] for entry in entries.values()}))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that stands twice in the header")
    return found


def _end(name: str, entry: dict[str, Any], start: int) -> int:
    """Where a tensor ends that must begin at `start`."""
    first, last = entry["data_offsets"]
    if entry["dtype"] not in BYTES:
        raise ValueError(f"{name} of the type {entry['dtype']}")
    if any(type(side) is not int or side < 0 for side in entry["shape"]):
        raise ValueError(f"{name} of the shape {entry['shape']}")
    if first != start or last - first != math.prod(entry["shape"]) * BYTES[entry["dtype"]]:
        raise ValueError(f"{name} from byte {first} to {last}, with the shape {entry['shape']}")
    return int(last)
