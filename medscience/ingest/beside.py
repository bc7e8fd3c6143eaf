"""The data file that a header names: a plain file beside it, never one elsewhere."""

import stat
from pathlib import Path

from medscience.errors import InputError


def file_beside(header: Path, name: str, *, kind: str, field: str) -> Path:
    """Return the path of the data file that a header names.

    Parameters
    ----------
    header : Path
        The header's file.
    name : str
        What it says, taken as one name.
    kind : str
        The format in capitals, as its codes begin.
    field : str
        The header's field.

    Raises
    ------
    InputError
        If the name leads to another folder, or to anything but a plain file: a link, a device, a pipe.
    """
    plain = name.removeprefix("./")
    path = header.with_name(plain) if plain and Path(plain).name == plain and "\\" not in plain else None
    found = name
    if path is not None:
        try:
            mode = path.lstat().st_mode
        except (OSError, ValueError):
            found = f"{name}, which is not there"
        else:
            if stat.S_ISREG(mode):
                return path
            found = f"{name}, which is a link" if stat.S_ISLNK(mode) else f"{name}, which is no plain file"
    raise InputError(
        f"{kind}-{field.upper().replace(' ', '')}",
        file=header,
        field=field,
        found=found,
        expected="the name of a plain file beside the header",
        fix="put the data beside the header and name it there, or convert both to one file",
    )
