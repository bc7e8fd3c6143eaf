"""All errors: a stable code, and one line that says what was found, what was wanted and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any


class MedscienceError(Exception):
    """Something that the user can act on; `exit_code` is what the command line ends with.

    Parameters
    ----------
    code : str
        Stable name of the fault, such as ``NIFTI-TRUNCATED``; scripts may match it.
    field : str
        Which part of the file or setting is at fault.
    found, expected : object
        What was there, and what would have been accepted.
    fix : str
        What the user can do about it.
    file : Path, optional
        The file or store at fault.

    Examples
    --------
    >>> print(InputError("NIFTI-DIM", field="dim[0]", found=9, expected="3", fix="convert it again"))
    NIFTI-DIM  dim[0]: found 9, expected 3; convert it again
    """

    exit_code = 1

    def __init__(
        self,
        code: str,
        *,
        field: str,
        found: object,
        expected: object,
        fix: str,
        file: Path | str | None = None,
    ) -> None:
        self.code = code
        self.field = field
        self.found = one_line(found) or "nothing"
        self.expected = one_line(expected)
        self.fix = fix
        self.file = None if file is None else str(file)
        super().__init__(self.line)

    def __reduce__(self) -> tuple[Any, ...]:
        keys = ("field", "found", "expected", "fix", "file")
        parts = {key: getattr(self, key) for key in keys}
        return partial(type(self), self.code, **parts), (), self.__dict__

    def __str__(self) -> str:
        return self.line

    @property
    def line(self) -> str:
        """The one line that a user reads."""
        where = f"{self.file}: " if self.file else ""
        what = f"{self.field}: found {self.found}, expected {self.expected}; {self.fix}"
        return f"{self.code}  {one_line(where + what)}"

    def record(self) -> dict[str, Any]:
        """Return what a failure record keeps of this error."""
        keys = ("code", "file", "field", "found", "expected", "fix")
        return {key: getattr(self, key) for key in keys} | {"line": self.line}


class GeometryError(MedscienceError, ValueError):
    """A grid that cannot lie in the world as described."""


class InputError(MedscienceError, ValueError):
    """A source that would be read wrongly."""


class ConfigError(MedscienceError, ValueError):
    """A fault of the sample sheet or the settings."""


class ModelError(MedscienceError, ValueError):
    """A model file, weights or a network that do not fit together."""


class MismatchError(MedscienceError, ValueError):
    """Two things that do not belong together, such as labels and another scan."""


class StoreError(MedscienceError, OSError):
    """A store that is missing, incomplete, altered or in use."""


class MemoryPromiseError(MedscienceError, MemoryError):
    """Work that does not fit into the memory that was promised."""


class SystemFaultError(MedscienceError, OSError):
    """The operating system refused: a full disk, a read-only folder."""


class BatchError(MedscienceError, ChildProcessError):
    """Some of many failed; each said why."""


class WorkerError(MedscienceError, ChildProcessError):
    """A process that shared the work and is gone."""


class StallError(MedscienceError, TimeoutError):
    """Work that does not go on."""


class TrainingError(MedscienceError, ValueError):
    """A training that leads nowhere."""


class StoppedError(MedscienceError, InterruptedError):
    """Work that was told to stop before it was finished.

    Its exit code is 75, EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again. It is not the 143 that a
    shell shows for a process that SIGTERM killed, since that one had no time to keep what it had done.
    """

    exit_code = 75


@contextmanager
def about(file: Path | str) -> Iterator[None]:
    """Name the file at fault in errors of rooms that see arrays only.

    >>> with about("scan.nii"):
    ...     raise InputError("IMAGE-CONSTANT", field="voxels", found=7, expected="contrast", fix="look")
    Traceback (most recent call last):
        ...
    medscience.errors.InputError: IMAGE-CONSTANT  scan.nii: voxels: found 7, expected contrast; look
    """
    try:
        yield
    except MedscienceError as fault:
        fault.file = fault.file or str(file)
        raise


def one_line(value: object) -> str:
    r"""Return a value as text without line breaks or control characters.

    >>> one_line("a\nb\x1b[31m")
    'a b [31m'
    """
    return "".join(c if c.isprintable() else " " for c in str(value)).strip()
