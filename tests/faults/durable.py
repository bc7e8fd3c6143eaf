"""A disk that keeps what was synced and nothing else: which parts of a tree survive a power cut.

A file's bytes survive once the file was synced; its name, once the folder that holds the name was. The model
knows no order between calls that were not synced, as POSIX promises none.
"""

from dataclasses import dataclass, field
from pathlib import PurePath


@dataclass(eq=False)
class Node:
    """A file, or a folder with the nodes below; `names` says which of their names survive."""

    synced: bool = False
    below: dict[str, "Node"] = field(default_factory=dict)
    names: dict[str, bool] = field(default_factory=dict)


class Disk:
    """Follows the calls of `tests.faults.zygote` below a folder that is there."""

    def __init__(self, root):
        self.root, self.top = PurePath(root), Node(synced=True)

    def follow(self, event, first, second=None):
        """Do one call, unless it is one that failed: they are noted as they are made."""
        there = self._find(first)
        if event == "open" and set(str(second)) & set("wa"):
            if there:
                there.synced = False
            self._add(first, there or Node())
        elif event == "os.mkdir" and not there:
            self._add(first, Node(synced=True))
        elif event == "os.rename" and there:
            self._take(first)
            self._add(second, there)
        elif event == "os.link" and there:
            self._add(second, there)
        elif event in ("os.remove", "os.rmdir") and there:
            self._take(first)
        elif event == "fsync":
            there.synced = True
            there.names = dict.fromkeys(there.below, True)

    def survives(self, path):
        """Whether a file, with all names that lead to it, would be there after a power cut."""
        node = self.top
        for part in PurePath(path).relative_to(self.root).parts:
            if not node.names.get(part):
                return False
            node = node.below[part]
        return node.synced

    def _find(self, path):
        node = self.top
        for part in PurePath(path).relative_to(self.root).parts:
            node = node and node.below.get(part)
        return node

    def _add(self, path, node):
        folder, name = self._find(PurePath(path).parent), PurePath(path).name
        if folder and folder.below.get(name) is not node:
            folder.below[name], folder.names[name] = node, False

    def _take(self, path):
        folder, name = self._find(PurePath(path).parent), PurePath(path).name
        del folder.below[name], folder.names[name]
