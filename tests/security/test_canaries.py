"""What must be found in no output, planted wherever a scan or a machine can hold it.

S4: text fields of a NIfTI header and its extensions. S23, S24: the user, the host, the home folder and
secrets of the environment. T34: the run may reach no network, and needs none.
"""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medscience.testing.phantoms import orientations
from tests.conftest import save_tiny_model

CANARY = "CANARY7QX"
SHEET = "sample\ttrack\tsource\na\tbrain_mri\tscans/scan.nii.gz\n"
SETTINGS = "samples: samples.tsv\nmodels: {brain_mri: [tiny]}\n"

RUN = """
import platform
import socket
import sys
from pathlib import Path

socket.gethostname = platform.node = lambda: "CANARY7QX-host"

def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        raise RuntimeError(f"the network was asked for: {event} {arguments}")

sys.addaudithook(refuse)
from medscience.steps.ingest import ingest
from medscience.steps.measure import measure
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.steps.report import report
from medscience.steps.verify import verify

image, raw, labels = (Path(f"results/{name}/a.ome.zarr") for name in
                      ("images", "predictions/tiny", "labels/tiny"))
ingest(Path("scans/scan.nii.gz"), image)
predict(image, "tiny", raw)
postprocess(raw, "tiny", labels)
measure(labels, image, Path("results/measurements/tiny/a.parquet"))
report(Path("config.yaml"), Path("results/report/cohort.html"))
verify([Path("results")])
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """All that a run writes, by its place: also what it says."""
    folder = tmp_path_factory.mktemp("project")
    save_tiny_model(folder / "config/models")
    for name, text in (("samples.tsv", SHEET), ("config.yaml", SETTINGS)):
        (folder / name).write_text(text, "utf-8")
    (folder / "scans").mkdir()
    plant(folder / "scans/scan.nii.gz")
    home = folder / f"{CANARY}-home"
    home.mkdir()
    secrets = dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PASSWORD"), f"{CANARY}-secret")
    secrets |= {"HOME": str(home), "USER": f"{CANARY}-user", "LOGNAME": f"{CANARY}-user"}
    found = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env={**os.environ, **secrets},
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr.decode()
    written = {path: path.read_bytes() for path in (folder / "results").rglob("*") if path.is_file()}
    assert len(written) > 10
    return written | {"said": found.stdout + found.stderr}


def plant(path):
    """Write a scan whose every field of text holds the canary."""
    values = np.random.default_rng(0).integers(0, 250, (34, 36, 38), np.int16)
    affine = np.asarray(orientations(values.shape, (1.0, 1.0, 1.0))[0].affine)[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(values, affine)
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = CANARY.encode()
    for code in (0, 2, 4, 6):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, CANARY.encode() * 8))
    with path.open("wb") as file, gzip.GzipFile(CANARY, "wb", fileobj=file) as stream:
        stream.write(image.to_bytes())


def places(outputs, text):
    return [
        str(place) for place, content in outputs.items() if text.encode() in content or text in str(place)
    ]


def test_s4_no_text_of_a_scan_is_in_any_output(outputs):
    assert places(outputs, CANARY) == []


def test_s5_the_path_of_a_scan_is_in_the_page_alone_which_says_how_to_make_it_again(outputs):
    assert {Path(place).name for place in places(outputs, "scan.nii")} == {"cohort.html"}


@pytest.mark.parametrize("field", ["CANARY7QX-secret", "CANARY7QX-home", "CANARY7QX-user", "CANARY7QX-host"])
def test_s23_and_s24_no_secret_home_user_or_host_is_in_any_output(outputs, field):
    assert places(outputs, field) == []


def test_t34_the_run_would_have_failed_on_its_first_connection(tmp_path):
    code = RUN.partition("from medscience")[0] + "import socket; socket.create_connection(('127.0.0.1', 9))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "the network was asked for" in found.stderr
