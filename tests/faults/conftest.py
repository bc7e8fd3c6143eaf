"""The process that meets the faults."""

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


class Zygote:
    """Does tasks in children of another process."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.faults.zygote"]
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, task, folder, **fault):
        """Do a task in a folder; return what became of it."""
        folder.mkdir(exist_ok=True)
        self.process.stdin.write(json.dumps({"task": task, "folder": str(folder), **fault}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def zygote():
    found = Zygote()
    with found.process:
        yield found
        found.process.stdin.close()
