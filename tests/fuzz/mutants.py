"""Mutants of good files: the same seed gives the same one on every machine."""

import json
import re

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
NUMBERS = (
    b"0",
    b"-1",
    b"1e308",
    b"-1e-308",
    b"nan",
    b"inf",
    b"7.5",
    b"4294967296",
    b"9" * 25,
    b"",
    b"1 1",
    b"x",
)
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)
VALUES = (None, True, -1, 0, 0.5, 1e308, 2**70, "", "x", "../x", [], [[]], {}, {"a": 1}, [1, 2, 3, 4, 5])


def mutant(content, random, reach=1024):
    """Return a file's content with one to three things wrong, most of them within its first bytes.

    Parameters
    ----------
    content : bytes
        Of a good file.
    random : random.Random
        Decides what.
    reach : int
        How many bytes count as the header.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = random.choice(CHANGES)(content, random, min(reach, len(content)))
    return content


def other_bytes(content, random, reach):
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        if changed:
            at = random.randrange(reach if random.random() < 0.8 else len(changed))
            changed[min(at, len(changed) - 1)] = random.randrange(256)
    return bytes(changed)


def extreme_field(content, random, reach):
    """A field of two, four or eight bytes gets the least or largest number, or the like."""
    width = random.choice((2, 4, 8))
    at = random.randrange(max(reach - width, 1)) // 2 * 2
    return content[:at] + bytes(random.choice(EXTREMES) for _ in range(width)) + content[at + width :]


def cut(content, random, reach):
    return content[: random.randrange((reach if random.random() < 0.5 else len(content)) + 1)]


def other_number(content, random, reach):
    found = list(NUMBER.finditer(content[:reach]))
    if not found:
        return other_bytes(content, random, reach)
    match = random.choice(found)
    return content[: match.start()] + random.choice(NUMBERS) + content[match.end() :]


def lines_moved(content, random, reach):
    """A line of the header twice, gone, or changed with another."""
    lines, rest = content[:reach].split(b"\n"), content[reach:]
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(3):
        case 0:
            lines.insert(other, lines[one])
        case 1:
            del lines[one]
        case _:
            lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines) + rest


def more_bytes(content, random, reach):
    at = random.randrange(reach + 1)
    return content[:at] + random.randbytes(random.choice((1, 4, 100))) + content[at:]


def other_value(content, random, reach):
    """Another value somewhere in a JSON document."""
    try:
        document = json.loads(content)
    except ValueError:
        return other_bytes(content, random, reach)
    places = list(_places(document))
    if places:
        parent, key = random.choice(places)
        if random.random() < 0.2:
            del parent[key]
        else:
            parent[key] = random.choice(VALUES)
    return json.dumps(document).encode()


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


CHANGES = (other_bytes, extreme_field, cut, other_number, other_number, lines_moved, more_bytes, other_value)
