"""What may become of a mutant: a refusal that names its fault, or a volume."""

from pathlib import Path
from random import Random

from medscience.errors import MedscienceError
from medscience.ingest.formats import open_source
from tests.fuzz.mutants import mutant


class Pen:
    """A folder with a good source, of which one file at a time is changed."""

    def __init__(self, seed, folder):
        folder.mkdir(parents=True)
        self.seed = seed
        self.path = seed.make(folder)
        base = self.path if self.path.is_dir() else folder
        files = [base / part for part in seed.parts] or [self.path]
        self.files = {file: file.read_bytes() for file in files}

    def put(self, run, number):
        """Change a file, the same way for the same numbers, and give it back as it was afterwards."""
        return _Put(self, Random(f"{run} {number}"))


class _Put:
    def __init__(self, pen, random):
        self.file = random.choice(list(pen.files))
        self.before = pen.files[self.file]
        if random.random() < 0.5:
            self.after = mutant(self.before, random)
        else:
            self.after = pen.seed.pack(mutant(pen.seed.unpack(self.before), random))

    def __enter__(self):
        replace(self.file, self.after)

    def __exit__(self, *_):
        replace(self.file, self.before)


def replace(file, content):
    """Write a file anew: some systems flush one to the disk that is cut to nothing and written again."""
    file.unlink()
    file.write_bytes(content)


def preflight(path):
    """Open a source as far as its header; return whether it was refused."""
    try:
        source = open_source(Path(path))
    except MedscienceError as fault:
        _check(fault)
        return True
    assert min(source.shape) > 0
    return False


def reading(path):
    """Read a source to its end; return whether it was refused."""
    try:
        source = open_source(Path(path))
        size = sum(slab.size for slab in source.slabs(2))
    except MedscienceError as fault:
        _check(fault)
        return True
    sides = 1
    for side in source.shape:
        sides *= side
    assert size == sides
    return False


def _check(fault):
    """The error says what and where, in one line."""
    assert fault.file
    assert fault.field
    assert fault.found
    assert fault.expected
    assert "\n" not in fault.line
