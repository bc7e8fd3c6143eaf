"""Nothing of a header but what is listed comes out: a canary in every attribute, looked for in every byte."""

import gzip
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from pydicom.datadict import DicomDictionary

from medscience.errors import InputError
from medscience.ingest.formats import open_source
from medscience.store.images import open_image
from tests.ingest.dicom_files import encoded, series, write

CANARY, NUMBER = "CANARYBIRD", "98765432123456789"
"""Of texts, and of identifiers, times and dates."""
TEXTS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "OB", "UN"}
NUMBERS = {"UI", "AS", "DA", "DT", "TM"}
LONG = {"OB", "SQ", "UC", "UN", "UR", "UT"}
NEEDED = {
    0x00080005,  # character set
    0x00280004,  # MONOCHROME2
    0x7FE00010,
}
"""Without these a file is another one."""


def element(tag, vr, value):
    value += b" " * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    length = struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))
    return head + length + value


def planted(vr):
    return (CANARY if vr in TEXTS else NUMBER).encode()


def planted_elements(groups):
    """Every attribute of the dictionary that can hold a text, with a canary."""
    found = {}
    for tag, (vr, *_) in DicomDictionary.items():
        kind = vr.split(" or ")[0]
        if tag not in NEEDED and tag >> 16 in groups and kind in TEXTS | NUMBERS:
            found[tag] = element(tag, kind, planted(kind))
    return found


GROUPS = {tag >> 16 for tag in DicomDictionary if 0x0008 <= tag >> 16 < 0x7FE0}


def with_canaries(dataset, n):
    """The file of a picture with every attribute, nested and private ones and the preamble planted."""
    own = encoded(dataset)
    at = 144 + int.from_bytes(own[140:144], "little")
    elements = planted_elements(GROUPS)
    keep = {int(tag) for tag in dataset.keys()}  # noqa: SIM118 - a Dataset's own iteration gives elements
    values = {tag: content for tag, content in split(own[at:]).items() if tag in keep}
    texts = {tag for tag in values if tag in elements}
    elements = {**values, **{tag: elements[tag] for tag in elements if tag not in values or tag in texts}}
    item = b"".join(content for tag, content in sorted(planted_elements(GROUPS).items()))
    sequence = b"\xfe\xff\0\xe0" + struct.pack("<I", len(item)) + item
    elements[0x00081110] = element(0x00081110, "SQ", sequence)
    elements[0x00080018] = element(0x00080018, "UI", f"{NUMBER}.{n}".encode())
    elements[0x00091001] = element(0x00091001, "LO", CANARY.encode())
    elements[0x00090010] = element(0x00090010, "LO", CANARY.encode())
    elements[0x00111010] = element(0x00111010, "UN", CANARY.encode())
    elements[0x60004000] = element(0x60004000, "LT", CANARY.encode())
    elements[0xFFFCFFFC] = element(0xFFFCFFFC, "OB", CANARY.encode())
    meta = own[132:at] + element(0x00020016, "AE", CANARY.encode())
    meta = meta[:8] + struct.pack("<I", len(meta) - 12) + meta[12:]
    preamble = (CANARY * 13).encode()[:128]
    return preamble + b"DICM" + meta + b"".join(content for _, content in sorted(elements.items()))


def split(body):
    """The top-level elements of a data set in explicit little endian, by tag."""
    found, at = {}, 0
    while at < len(body):
        group, number, vr, short = struct.unpack("<HH2sH", body[at : at + 8])
        head = 12 if vr.decode() in {*LONG, "OW"} else 8
        length = int.from_bytes(body[at + 8 : at + 12], "little") if head == 12 else short
        found[group << 16 | number] = body[at : at + head + length]
        at += head + length
    return found


@pytest.fixture(scope="module")
def planted_series(tmp_path_factory):
    """A folder of a planted series, its files called after the patient too."""
    folder = tmp_path_factory.mktemp("source") / "scan"
    files = [with_canaries(one, n) for n, one in enumerate(series(4, RescaleIntercept=-1024))]
    assert files[0].count(CANARY.encode()) > 1500
    assert files[0].count(NUMBER.encode()) > 500
    return write(files, folder, f"{CANARY}-{{}}.dcm")


def everything_below(folder):
    """Every byte of a folder's files and of their names, unpacked where packed."""
    for path in folder.rglob("*"):
        yield str(path.relative_to(folder)).encode()
        if path.is_file():
            content = path.read_bytes()
            yield content
            if content.startswith(b"\x1f\x8b"):
                yield gzip.decompress(content)
    for path in folder.rglob("*.ome.zarr"):
        yield np.ascontiguousarray(open_image(path).image.read((slice(None),) * 3)).tobytes()


def medscience(folder, *arguments):
    command = [sys.executable, "-m", "medscience", "--log-level", "debug", *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, check=False, cwd=folder)
    (folder / f"{arguments[-1]}.log").write_bytes(found.stdout + found.stderr)
    return found.returncode


def test_no_canary_is_found_in_any_output(planted_series, tmp_path):
    assert (
        medscience(tmp_path, "--failure-record", "failed.json", "ingest", planted_series, "a.ome.zarr") == 0
    )
    assert medscience(tmp_path, "export", "nifti", "a.ome.zarr", "a.nii.gz") == 0
    for content in everything_below(tmp_path):
        assert CANARY.encode() not in content
        assert NUMBER.encode() not in content


def test_a_refusal_names_the_file_and_nothing_of_its_header(planted_series, tmp_path):
    content = sorted(planted_series.iterdir())[0].read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    for n, old in enumerate(sorted(planted_series.iterdir())):
        content = old.read_bytes()
        (copy / f"{n}.dcm").write_bytes(content.replace(b"-1024.0 ", f"{CANARY[:8]}".encode()))
    out = tmp_path / "out"
    out.mkdir()
    assert medscience(out, "--failure-record", "failed.json", "ingest", copy, "a.ome.zarr") == 1
    record = json.loads((out / "failed.json").read_text())
    assert record["code"] == "DICOM-NUMBER"
    assert record["file"] == str(copy / "0.dcm")
    for content in everything_below(out):
        assert CANARY[:8].encode() not in content
        assert NUMBER.encode() not in content


def test_a_list_of_series_says_nothing_of_their_patients(tmp_path):
    others = series(
        3, SeriesInstanceUID="1.2.3.98765", SeriesNumber=3, SeriesDescription=CANARY, PatientName=CANARY
    )
    path = write([*series(4), *others], tmp_path / "scan")
    with pytest.raises(InputError, match="DICOM-SERIES") as fault:
        open_source(path)
    assert CANARY not in fault.value.line
    assert "UID ends in 8765" in fault.value.line


@pytest.mark.parametrize(
    "tags, code",
    [
        ({"BurnedInAnnotation": "YES"}, "DICOM-BURNED-IN"),
        ({"Modality": "SC"}, "DICOM-BURNED-IN"),
        ({"BodyPartExamined": "HEAD"}, "DICOM-FACE"),
        ({"ProtocolName": "t1_mprage_Neuro"}, "DICOM-FACE"),
        ({}, None),
    ],
)
def test_pictures_that_may_show_who_it_is_are_flagged(tags, code, tmp_path):
    found = {repair.code for repair in open_source(write(series(3, **tags), tmp_path / "scan")).repairs}
    assert found & {"DICOM-BURNED-IN", "DICOM-FACE"} == ({code} if code else set())


def test_what_is_kept_of_a_header_is_listed(tmp_path):
    tags = {"KVP": 120, "ConvolutionKernel": ["Br38f", "3"], "EchoTime": 5, "ImagesInAcquisition": 3}
    source = open_source(write(series(3, **tags), tmp_path / "scan"))
    assert source.facts == {
        "format": "dicom",
        "form_code": 1,
        "modality": "CT",
        "kernel": "Br38f",
        "kvp": 120.0,
        "slice_thickness_mm": 2.0,
        "echo_time_ms": 5.0,
    }
