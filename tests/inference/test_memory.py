"""What a process holds of memory that it has freed."""

import platform
import subprocess
import sys

import pytest

HELD = """
import numpy as np
from pathlib import Path
from medscience.inference.memory import freed_memory_kept, give_back_freed_memory

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def use():
    np.ones(16 << 20, np.uint8)

give_back_freed_memory()
use()
before = held()
use()
alone = held() - before
with freed_memory_kept():
    use()
    within = held() - before
    with freed_memory_kept():
        use()
    still = held() - before
after = held() - before
print(alone, within, still, after)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_is_kept_within_and_given_back_at_the_end():
    found = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    alone, within, still, after = map(int, found.stdout.split())
    assert (alone, after) == (0, 0)
    assert 14 <= within <= 18
    assert still == within


COLLECTED = """
import gc
import weakref
from medscience.inference.memory import leave_imports_uncollected

class Ring:
    def __init__(self):
        self.next = self

before = len(gc.get_objects())
leave_imports_uncollected()
left = len(gc.get_objects())
rings = [Ring() for _ in range(1000)]
alive = [weakref.ref(ring) for ring in rings]
leave_imports_uncollected()
del rings
gc.collect()
print(before, left, sum(ring() is not None for ring in alive))
"""


def test_imports_are_left_out_of_collections_once_and_what_comes_later_is_collected():
    found = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, check=True)
    before, left, alive = map(int, found.stdout.split())
    assert left < before / 10
    assert alive <= 1  # the loop's last one has a name
