"""The small form of ``make faults``: people save at once and are killed."""

import subprocess
import sys

from tests.conftest import REPOSITORY


def test_writers_that_are_killed_lose_and_double_nothing():
    command = [sys.executable, "-m", "tests.faults.reviewers", "--writers=4", "--saves=40", "--kills=6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "160 acknowledged saves, 6 kills: 0 lost, 0 doubled" in done.stdout
