"""Text: whether names with letters of any language come through."""

import locale
import sys

from medscience.doctor.finding import Finding, State


def text(files: str | None = None, content: str | None = None) -> Finding:
    """Whether file names and files are UTF-8."""
    files = files or sys.getfilesystemencoding()
    content = content or locale.getencoding()
    if {files.lower(), content.lower()} <= {"utf-8", "utf8"}:
        return Finding("text", State.OK, "UTF-8")
    return Finding("text", State.WARNING, f"{content}, file names {files}", "run: export LANG=C.UTF-8")
