"""Whatever the bytes of a file are, it is read or refused with a typed error."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from medscience.errors import MedscienceError
from medscience.ingest.choices import Choices
from medscience.ingest.dicom.read import open_dicom
from tests.ingest.dicom_files import encoded, enhanced, series

MUTANTS = 400
"""Of each seed; `make fuzz` has no end."""
PLANE = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.8, 0.7]}
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)


def seeds():
    """Files of every kind: plain, implicit, big endian, compressed, with frames, a list of a disc."""
    yield encoded(series(1)[0])
    yield encoded(enhanced(np.zeros((4, 8, 8), np.int16), PLANE, [[0, 0, 2 * n] for n in range(4)]))
    for name in ("MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"):
        yield Path(get_testdata_file(name)).read_bytes()


def mutant(content, random):
    """The bytes with a few of them changed, cut out, doubled, or the end lost."""
    content = bytearray(content)
    head = min(len(content), 2600)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(0, head if random.random() < 0.8 else len(content)))
        kind = random.integers(0, 5)
        if kind == 0:
            content[at] = random.integers(0, 256)
        elif kind == 1:
            content[at] = random.choice(INTERESTING)
        elif kind == 2:
            del content[at : at + int(random.integers(1, 9))]
        elif kind == 3:
            content[at:at] = content[at : at + int(random.integers(1, 33))]
        else:
            content[at : at + 4] = b"\xff\xff\xff\xff"
        head = max(min(head, len(content) - 1), 1)
        if len(content) < 2:
            break
    return bytes(content if random.random() < 0.9 else content[: int(random.integers(0, len(content)))])


@pytest.mark.parametrize("number", range(6))
def test_a_damaged_file_is_read_or_refused_with_a_typed_error(number, tmp_path):
    seed = list(seeds())[number]
    random = np.random.default_rng([number, 0xD1C0])
    path = tmp_path / "scan.dcm"
    refused = 0
    for _ in range(MUTANTS):
        path.write_bytes(mutant(seed, random))
        try:
            open_dicom(path, choices=Choices(accept=("single-slice", "no-rescale")))
        except MedscienceError:
            refused += 1
    assert 0 < refused < MUTANTS or number == 5
