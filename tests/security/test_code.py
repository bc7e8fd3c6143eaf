"""What our code never does with what it reads, by the numbers of the security list.

The linter bans some of it in new code; this looks at every module, the workflow and the way in which they
are released.
"""

import ast
import re
import tomllib

import pytest
from packaging.version import Version

from tests.conftest import REPOSITORY

MODULES = {
    path.relative_to(REPOSITORY).as_posix(): ast.parse(path.read_text("utf-8"))
    for folder in ("medscience", "plugins")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
}
EXECUTES = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
NETWORK = {
    "urllib.request",
    "http.client",
    "requests",
    "httpx",
    "aiohttp",
    "ftplib",
    "smtplib",
    "fsspec",
    "boto3",
}
ARCHIVES = {"zipfile", "tarfile"}
XML = {"xml", "lxml"}


def imported(tree):
    """Names of all modules that a module imports, also inside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree):
    """Names of all functions that a module calls, with the names of their arguments and what these are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


def importers(names):
    return [place for place, tree in MODULES.items() if names & set(imported(tree))]


def test_s10_nothing_that_is_read_can_execute():
    assert importers(EXECUTES) == []
    for place, tree in MODULES.items():
        for name, words in calls(tree):
            assert name not in {"eval", "exec", "os.system", "os.popen"}, place
            assert not name.endswith(".extractall"), place
            assert words.get("shell") != "True", place
            assert words.get("allow_pickle") != "True", place
            assert words.get("weights_only") != "False", place
            assert name not in {"torch.load", "np.load", "numpy.load"} or "allow_pickle" in words, place


def test_s11_weights_come_from_files_that_are_there_and_never_from_a_network():
    assert importers(NETWORK) == []


def test_s12_archives_are_unpacked_in_one_place_at_most():
    assert len(importers(ARCHIVES)) <= 1


def test_s14_yaml_is_read_in_one_place_and_xml_in_one_that_follows_nothing():
    found = [(place, name) for place, tree in MODULES.items() for name, _ in calls(tree)]
    readers = {place for place, name in found if re.fullmatch(r"yaml\.\w*load\w*", name)}
    assert readers == {"medscience/config/yaml.py"}
    parsers = {
        place for place, tree in MODULES.items() if any(n.split(".")[0] in XML for n in imported(tree))
    }
    assert parsers == {"medscience/ingest/rtk_geometry.py"}  # G23: entities and other files are refused there
    handlers = (REPOSITORY / "medscience/ingest/rtk_geometry.py").read_text("utf-8")
    assert all(name in handlers for name in ("EntityDeclHandler", "ExternalEntityRefHandler", "StartDoctype"))


def rules():
    """Yield the shell lines of the workflow, with their params."""
    for path in sorted((REPOSITORY / "workflows").glob("*.smk")):
        for shell in re.findall(r'shell:\n((?: +".*"\n)+)', path.read_text("utf-8")):
            yield path.name, shell


PATTERNED = {"output", "log", "params.failed", "params.digest", "params.maps", "threads"}
PATTERNED |= {"input.image", "input.model", "input.prediction", "input.labels", "output.page"}
PATTERNED |= {"params.reference", "params.truth", "params.labels", "resources.mem_mb"}
PATTERNED |= {"params.precision", "params.device", "input.restored", "output.lesions", "output.liver"}
"""What is made of names that match a strict pattern, of digests, numbers and fixed words."""


def test_s15_text_of_a_user_reaches_a_shell_in_quotes_only():
    found = list(rules())
    assert len(found) >= 6
    for place, shell in found:
        for name in re.findall(r"\{([^}]+)\}", shell):
            assert name in PATTERNED or name.endswith(":q"), (place, name)


FLOORS = {"pydicom": "3.0.2", "torch": "2.10", "distributed": "2026.1.0", "zarr": "3.1.3", "pillow": "11.3"}


@pytest.mark.parametrize("name", FLOORS)
def test_s25_no_version_with_a_known_hole_is_pinned_or_allowed(name):
    lock = (REPOSITORY / "envs/requirements.lock").read_text("utf-8")
    (pinned,) = re.findall(rf"^{name}==(.+)$", lock, re.MULTILINE | re.IGNORECASE)
    assert Version(pinned) >= Version(FLOORS[name])
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    every = project["dependencies"] + project["optional-dependencies"]["dev"]
    (least,) = (line for line in every if re.match(rf"{name}\b", line))
    assert Version(re.split("[>=]=", least)[1]) >= Version(FLOORS[name])


def test_s25_every_dependency_is_pinned():
    lock = (REPOSITORY / "envs/requirements.lock").read_text("utf-8").splitlines()
    assert [line for line in lock if line and "==" not in line] == []
