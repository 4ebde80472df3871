"""The front matter of a prompt template: what its job type may do and must show."""

from dataclasses import dataclass
from typing import Any

import yaml

from wfd.domain.ai import is_name
from wfd.domain.errors import Broken, unknown
from wfd.domain.template import Writes

_FENCE = "---"
_KEYS = ("writes", "checks", "verdict", "fresh_session", "labels", "capabilities")


@dataclass(frozen=True)
class FrontMatter:
    writes: Writes
    checks: tuple[str, ...] | None  # None: all
    verdict: bool
    fresh_session: bool
    labels: tuple[str, ...]
    capabilities: tuple[str, ...]
    body: str
    body_line: int


def read(path: str, text: str) -> FrontMatter:
    """The front matter of a template file and what follows it.

    Raises Broken with file, line, reason and nearest known key.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        return _front_matter(path, {}, {}, "\n".join(lines), 1)
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == _FENCE), None)
    if end is None:
        raise Broken(f"{path}:1: the front matter has no closing '---'")
    # the opening fence stays in as a blank line, so that YAML counts lines as the file does
    fields, places = _fields(path, "\n".join(["", *lines[1:end]]))
    return _front_matter(path, fields, places, "\n".join(lines[end + 1 :]), end + 2)


def _fields(path: str, front: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        node = yaml.compose(front, Loader=yaml.SafeLoader)
        fields = yaml.safe_load(front)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Broken(f"{path}:{line}: {error.problem or 'is not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Broken(f"{path}: {error}") from None
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise Broken(f"{path}:2: the front matter must be 'key: value' lines")
    places = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return {str(key): value for key, value in fields.items()}, places


def _front_matter(
    path: str, fields: dict[str, Any], places: dict[str, int], body: str, body_line: int
) -> FrontMatter:
    for key in fields:
        if key not in _KEYS:
            raise Broken(f"{path}:{places.get(key, 1)}: {unknown('key', key, _KEYS)}")
    try:
        writes = _writes(fields.get("writes", Writes.MAY))
        # what may change the tree is checked, or no gate could ever close behind it
        default_checks = "none" if writes is Writes.NEVER else "all"
        return FrontMatter(
            writes=writes,
            checks=_checks(fields.get("checks", default_checks)),
            verdict=_flag("verdict", fields.get("verdict", False)),
            fresh_session=_flag("fresh_session", fields.get("fresh_session", True)),
            labels=_names("labels", fields.get("labels", [])),
            capabilities=_names("capabilities", fields.get("capabilities", [])),
            body=body,
            body_line=body_line,
        )
    except _BadValue as error:
        raise Broken(f"{path}:{places[error.key]}: {error}") from None


class _BadValue(Exception):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


def _writes(value: object) -> Writes:
    try:
        return Writes(str(value))
    except ValueError:
        raise _BadValue("writes", unknown("value", str(value), Writes)) from None


def _checks(value: object) -> tuple[str, ...] | None:
    if value == "all":
        return None
    if value == "none":
        return ()
    if isinstance(value, list) and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    raise _BadValue("checks", "must be all, none or a list of names of checks")


def _names(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) and is_name(name) for name in value):
        return tuple(value)
    raise _BadValue(key, "must be a list of names, of letters, digits and . _ -")


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _BadValue(key, "must be true or false")
