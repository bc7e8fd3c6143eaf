"""The tutorial, done by a test as a person would: every command, in order, in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.docs.tutorial import Block, blocks_of, consoles_of, is_in, play

TUTORIAL = REPOSITORY / "docs/tutorials/first-scan.md"

pytestmark = [pytest.mark.workflow, pytest.mark.samples]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What `git clone` and `make setup` leave: the files, and an environment that is ready."""
    copy = tmp_path_factory.mktemp("clone") / "medscience"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, copy / name)
    (copy / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != "ready":
            (copy / ".venv" / entry.name).symlink_to(entry)
    (copy / ".venv/ready").touch()  # newer than what it was made from, so that make has nothing to do
    return copy


@pytest.fixture(scope="module")
def home(tmp_path_factory, samples):
    """A home folder with a scan of one's own, and what brainchop publishes."""
    home = tmp_path_factory.mktemp("home")
    (home / "scans").mkdir()
    (home / "scans/my_t1.nii.gz").symlink_to(samples / "t1/t1_crop.nii.gz")
    (home / "brainchop/public").mkdir(parents=True)
    (home / "brainchop/public/models").symlink_to(samples / "meshnet")
    return home


@pytest.fixture(scope="module")
def played(checkout, home):
    """The checkout after the whole tutorial."""
    environment = {**os.environ, "HOME": str(home)}
    blocks = blocks_of(TUTORIAL.read_text("utf-8"))
    for block, (failed, output) in zip(blocks, play(blocks, checkout, environment), strict=True):
        assert bool(failed) == block.fails, f"{block.commands}\n{output}"
        for line in block.expected:
            assert is_in(line, output), (
                f"{block.commands}\nshould have printed\n{line}\nbut printed\n{output}"
            )
    return checkout


def test_every_command_does_what_the_tutorial_says(played, samples):
    """And the labels that come out are the published network's, on the scan's own grid."""
    scan, labels = (nib.load(path) for path in (samples / "t1/t1_crop.nii.gz", played / "my_labels.nii.gz"))
    np.testing.assert_allclose(labels.affine, scan.affine, atol=1e-5)
    reference = nib.load(samples / "t1/model5_gw_ae_labels.nii.gz")
    # the workflow also removes loose pieces, which the reference keeps
    assert (np.asarray(labels.dataobj) == np.asarray(reference.dataobj)).mean() > 0.999
    brain, mask = (nib.load(played / name).get_fdata() for name in ("my_brain.nii.gz", "my_mask.nii.gz"))
    assert not brain[mask == 0].any()
    assert brain[mask == 1].any()


def test_the_report_has_the_scan_that_went_well_and_no_longer_the_one_that_was_taken_out(played):
    page = (played / "results/report/cohort.html").read_text("utf-8")
    assert "model5_gw_ae" in page
    assert "gone.nii.gz" not in page


def test_what_the_tutorial_opens_in_napari_is_what_our_plugin_reads(played):
    """No window is opened here: napari's own tests of the plugin draw."""
    if os.environ.get("CI"):
        from napari_medscience import reader
    else:
        reader = pytest.importorskip("napari_medscience.reader", reason="the plugin is not installed")
    commands = [line.split() for line in consoles_of(TUTORIAL.read_text("utf-8"))]
    (paths,) = [words[1:] for words in commands if words[0] == "napari"]
    read = reader.get_reader([str(played / path) for path in paths])
    assert [kind for _, _, kind in read([str(played / path) for path in paths])] == ["image", "labels"]


def test_links_of_the_tutorial_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", TUTORIAL.read_text("utf-8"))
    assert links
    missing = [link for link in links if not (TUTORIAL.parent / link).is_file()]
    assert missing == [], "pictures are made by `make pictures`"


def test_a_tutorial_that_is_wrong_is_caught(tmp_path):
    """The checker itself, on small tutorials."""
    parts = [
        ("sh", "echo one\nfalse"),
        ("sh fails", "false"),
        ("sh", "x=7"),
        ("sh", "echo $x y"),
        ("text", "7 …"),
    ]
    blocks = blocks_of("".join(f"```{language}\n{content}\n```\n" for language, content in parts))
    assert blocks[-1] == Block("echo $x y\n", False, ["7 …"])
    found = list(play(blocks, tmp_path, dict(os.environ)))
    assert [bool(failed) for failed, _ in found] == [True, True, False, False]
    assert is_in("7 …", found[-1][1])
    assert not is_in("8 …", found[-1][1])
    with pytest.raises(ValueError, match="python"):
        blocks_of("```python\n1\n```\n")
