"""What kind of file system a path lies on: locks and shared memory are not kept by all."""

import re
from pathlib import Path

NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|lustre|gpfs|beegfs\w*|ceph|glusterfs|fuse\.(?!overlayfs|fuse-overlayfs).*|9p|afs|"
    r"orangefs|pvfs2|panfs|wekafs|davfs\d?|ocfs2|gfs2|vboxsf|vmhgfs|prl_fs|virtiofs|drvfs"
)
"""File systems that several machines may see at once."""


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that holds a path, such as ``ext4``; empty where nobody says.

    The path itself need not be there yet. The table is described in proc_pid_mountinfo(5).
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not Linux
        return ""
    held = path.absolute().resolve()
    best, kind = -1, ""
    for line in lines:
        mounted, _, rest = line.partition(" - ")
        point = Path(_plain(mounted.split(" ")[4]))
        if (held == point or point in held.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split(" ")[0]
    return kind


def is_network(kind: str) -> bool:
    """Whether a type of file system may be seen by several machines.

    >>> [is_network(kind) for kind in ("ext4", "nfs4", "fuse.sshfs", "lustre", "overlay")]
    [False, True, True, True, False]
    """
    return NETWORK.fullmatch(kind) is not None


def _plain(text: str) -> str:
    r"""Undo the octal escapes of the table.

    >>> _plain(r"/a\040b")
    '/a b'
    """
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
