"""Control groups, both versions (cgroups(7)): the limits that Slurm and containers put on a process."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The groups that a process is in, as the kernel shows them."""

    membership: Path = Path("/proc/self/cgroup")
    mount: Path = Path("/sys/fs/cgroup")

    def folders(self, controller: str) -> Iterator[Path]:
        """Yield the folders of the process's group and of all groups around it: each one's limit counts.

        Inside a container the kernel may name a path that only the host sees; the container's own limits then
        lie at the mount.
        """
        for line in _text(self.membership).splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            base = self.mount / controller if controllers else self.mount
            parts = Path(path).parts[1:]
            for count in range(len(parts), -1, -1):
                yield base.joinpath(*parts[:count])


def numbers(file: Path) -> list[int | None]:
    """Return the numbers in a file; None for one that stands for no limit. Empty if there is no such file.

    >>> numbers(Path("no/such/file"))
    []
    """
    try:
        return [None if word in {"max", "-1"} else int(word) for word in _text(file).split()]
    except ValueError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError:
        return ""
