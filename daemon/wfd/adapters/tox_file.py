"""Which one environment of tox is the tests'."""

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from wfd.adapters.proposed import below, text, toml

_FACTOR = re.compile(r"^[\w.{},-]+:\s", re.MULTILINE)  # "py310: pytest" is for some of them
_MAX_NAMES = 500


def environment(checkout: Path) -> str | None:
    """The one to run as a check; None where there is no tox or none of them runs tests."""
    settings = toml(checkout / "pyproject.toml")
    table = below(settings, "tool", "tox")
    legacy = table.get("legacy_tox_ini")
    if (checkout / "tox.ini").is_file():
        return _of_ini(text(checkout / "tox.ini"))
    if isinstance(legacy, str):
        return _of_ini(legacy)
    if not table and not (checkout / "tox.toml").is_file():
        return None
    table = table or toml(checkout / "tox.toml")
    names = table.get("env_list")
    listed = [one for one in names if isinstance(one, str)] if isinstance(names, list) else []
    return _chosen(listed, has_usual=bool(below(table, "env_run_base").get("commands")))


def _of_ini(said: str) -> str | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(said)
    except configparser.Error:
        return None
    commands = parser.get("testenv", "commands", fallback="")
    names = parser.get("tox", "envlist", fallback=parser.get("tox", "env_list", fallback=""))
    has_usual = bool(commands.strip()) and not _FACTOR.search(commands)
    return _chosen(list(_expanded(names)), has_usual=has_usual)


def _chosen(names: list[str], *, has_usual: bool) -> str | None:
    """`py`, where its commands are those of all; else one for this Python, and one of tests."""
    if has_usual:
        return "py"
    major, minor = sys.version_info[:2]
    ours = {f"py{major}{minor}", f"py{major}.{minor}", f"{major}.{minor}"}
    tests = [name for name in names if ours & set(name.split("-"))]
    tests.sort(key=lambda name: ("test" not in name, names.index(name)))
    named = [name for name in names if re.search(r"(?<![a-z])(tests?|unit|pytest)(?![a-z])", name)]
    return next(iter([*tests, *named]), None)


def _expanded(names: str) -> Iterator[str]:
    """Each name of an envlist, with its braces and ranges spelled out."""
    due = [name for name in re.split(r"[\n,]\s*(?![^{]*\})", names) if name.strip()]
    for _ in range(_MAX_NAMES):
        if not due:
            return
        name = due.pop(0).strip()
        found = re.search(r"\{([^{}]*)\}", name)
        if found is None:
            yield name
            continue
        begin, end = name[: found.start()], name[found.end() :]
        due = [f"{begin}{part.strip()}{end}" for part in _parts(found[1])] + due


def _parts(inside: str) -> Iterator[str]:
    for part in inside.split(","):
        ends = re.fullmatch(r"\s*(\d+)-(\d+)\s*", part)
        if ends is None or int(ends[2]) - int(ends[1]) > 50:
            yield part
        else:
            yield from (str(n) for n in range(int(ends[1]), int(ends[2]) + 1))
