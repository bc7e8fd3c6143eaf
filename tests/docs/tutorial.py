"""A tutorial as a test reads it: blocks of commands, and what is said to come out of them.

``sh`` blocks are run, ``sh fails`` ones must fail; each line of a ``text`` block must be in the output of
the block before it, an ellipsis standing for anything. ``console`` blocks are for people only.
"""

import os
import re
import subprocess
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """Commands, and lines that they are said to print."""

    commands: str
    fails: bool
    expected: list[str]


def blocks_of(text):
    """The blocks of a tutorial that are run, in order."""
    found = []
    for language, word, content in FENCE.findall(text):
        if language == "sh":
            found.append(Block(content, word == "fails", []))
        elif language == "text":
            found[-1].expected += content.splitlines()
        elif language != "console":
            raise ValueError(f"```{language}: neither run (sh), nor checked (text), nor for people (console)")
    return found


def consoles_of(text):
    """The commands that only people type."""
    blocks = [content for language, _, content in FENCE.findall(text) if language == "console"]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def play(blocks, folder, environment):
    """Run blocks in one shell, as a person does, and yield (exit code, output) of each."""
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    mark = f"end-of-block-{os.getpid()}"
    with shell:
        for block in blocks:
            # every line must succeed, as a person would stop at the first that does not
            shell.stdin.write(f"trap 'failed=1' ERR; failed=0\n{block.commands}\necho; echo {mark} $failed\n")
            shell.stdin.flush()
            output = []
            for line in shell.stdout:
                if line.startswith(mark):
                    break
                output.append(line)
            yield int(line.split()[1]), "".join(output)
        shell.stdin.close()


def is_in(expected, output):
    """Whether a line, in which an ellipsis stands for anything, is a line of the output."""
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.search(f"^{pattern}$", output, re.MULTILINE) is not None
