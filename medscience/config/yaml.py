"""YAML from people: data only, no aliases, no duplicate keys, no surprises."""

import difflib
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from medscience.errors import ConfigError

LARGEST_FILE = 1 << 20
"""Bytes; a settings file is small, a larger one is a mistake or an attack."""

PLAIN = {
    "bool": re.compile(r"true|false", re.I),
    "int": re.compile(r"[-+]?(0|[1-9][0-9]{0,17})"),
    "float": re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?|[-+]?\.inf|\.nan", re.I),
    "timestamp": None,
    "merge": None,
    "value": None,
}
"""What every program reads alike, by type; without quotes, YAML 1.1 takes `no`, `012`, `12:30` and
`2024-01-01` for something else than YAML 1.2."""


class Strict(BaseModel):
    """A frozen settings value that refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)


class _Loader(yaml.SafeLoader):
    """Safe loader without aliases, tags and surprising values, and with unique keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused("an alias", event.start_mark)
        if getattr(event, "tag", None):
            raise _refused(f"the tag {event.tag}", event.start_mark)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and not _is_plain(node):
            hint = "which programs read differently (quote a text)"
            raise _refused(f"{node.value!r}, {hint}", event.start_mark)
        return node

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's signature
    ) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused below: it is not hashable
            if key.value in seen:
                raise _refused(f"the key {key.value!r} twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _refused(problem: str, mark: Any) -> yaml.YAMLError:  # noqa: ANN401 - PyYAML's two kinds
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _is_plain(node: yaml.ScalarNode) -> bool:
    """Whether a value means the same to every reader of YAML."""
    kind = node.tag.rpartition(":")[2]
    if kind not in PLAIN:
        return True
    form = PLAIN[kind]
    return form is not None and form.fullmatch(node.value) is not None


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Return the settings in a YAML file.

    Raises
    ------
    ConfigError
        If the file is missing, too large, not plain YAML, or does not fit `model`; every fault of a
        file that parses is named in the one error.
    """
    return check(path, parse_yaml(path), model)


def parse_yaml(path: Path) -> object:
    """Return the plain values in a YAML file, before anyone asked what they mean.

    Raises
    ------
    ConfigError
        If the file is missing, too large, or not plain YAML.
    """
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8-sig") if size <= LARGEST_FILE else ""
    except (OSError, UnicodeDecodeError) as fault:
        raise _unreadable(path, type(fault).__name__, "a UTF-8 file") from fault
    if size > LARGEST_FILE:
        raise _unreadable(path, f"{size} bytes", f"at most {LARGEST_FILE} bytes")
    try:
        content: object = yaml.load(text, Loader=_Loader)  # noqa: S506, TID251 - _Loader is a SafeLoader
    except (yaml.YAMLError, RecursionError) as fault:
        problem = str(getattr(fault, "problem", None) or type(fault).__name__)
        mark = getattr(fault, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        found = problem.removeprefix("found ") + where
        raise _unreadable(path, found, "plain YAML with unique keys") from fault
    return content


def write_yaml(content: Strict) -> str:
    """Return settings as YAML text, what is None or empty left out."""
    plain = content.model_dump(mode="json", exclude_none=True)
    filled = {key: value for key, value in plain.items() if value not in ([], {})}
    return yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=100)


def check(path: Path, content: object, model: type[Model]) -> Model:
    """Return `content` as a `model`, or raise one `ConfigError` that names every fault."""
    try:
        return model.model_validate(content)
    except ValidationError as faults:
        lines = [_fault(_keys(fault["loc"], content), fault["msg"], model) for fault in faults.errors()]
        raise ConfigError(
            "CONFIG-INVALID",
            file=path,
            field=f"{len(lines)} setting{'s' * (len(lines) > 1)}",
            found="; ".join(lines),
            expected=f"the keys of {model.__name__}",
            fix="correct the file; docs/glossary.md names the keys",
        ) from faults


def _keys(place: Sequence[int | str], content: Any) -> list[str]:  # noqa: ANN401 - whatever the YAML holds
    """The keys that lead to a fault; the name of one of several forms, which pydantic adds, is none."""
    names = []
    for part in place[:-1]:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            continue
        names.append(str(part))
    return [*names, *map(str, place[-1:])]


def _fault(names: list[str], message: str, model: type[Strict]) -> str:
    """One fault, with the key that was probably meant."""
    known = list(model.model_fields)
    near = difflib.get_close_matches(names[-1], known, n=1) if names else []
    hint = f" (did you mean {near[0]!r}?)" if near and "Extra inputs" in message else ""
    return f"{'.'.join(names) or 'the file'}: {message}{hint}"


def _unreadable(path: Path, found: str, expected: str) -> ConfigError:
    return ConfigError(
        "CONFIG-YAML", file=path, field="the file", found=found, expected=expected, fix="correct it"
    )
