"""Where a Python project says what its tests need: groups, extras and files of requirements."""

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from wfd.adapters.proposed import below, text, toml

_FILES = (
    "requirements-test.txt", "requirements-tests.txt", "requirements_test.txt",
    "test-requirements.txt", "requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt",
    "requirements/test.txt", "requirements/tests.txt", "requirements/testing.txt",
    "requirements/dev.txt", "requirements.txt",
)  # fmt: skip
_USUAL = ("test", "tests", "testing", "dev", "develop", "development", "all")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class Kind(StrEnum):
    GROUP = "group"  # of [dependency-groups]
    EXTRA = "extra"
    FILE = "file"
    POETRY = "poetry"  # a group that only poetry can install
    PROJECT = "project"  # what the project itself needs


@dataclass(frozen=True)
class Declared:
    """One place that names packages."""

    kind: Kind
    name: str
    packages: frozenset[str] = field(default_factory=frozenset)

    @property
    def words(self) -> str:
        return {
            Kind.GROUP: f"the dependency group '{self.name}'",
            Kind.EXTRA: f"the extra '{self.name}'",
            Kind.FILE: self.name,
            Kind.POETRY: f"poetry's group '{self.name}'",
            Kind.PROJECT: "the project's own dependencies",
        }[self.kind]


class PythonProject:
    """What the files of a checkout say of it."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.pyproject = toml(checkout / "pyproject.toml")
        self.setup_cfg = _ini(checkout / "setup.cfg")

    def has(self, *names: str) -> bool:
        return any((self.checkout / name).is_file() for name in names)

    def is_configured(self, tool: str, *files: str) -> bool:
        sections = (tool, f"tool:{tool}")
        return (
            tool in below(self.pyproject, "tool")
            or self.has(*files)
            or any(self.setup_cfg.has_section(section) for section in sections)
        )

    @property
    def is_installable(self) -> bool:
        return bool(
            below(self.pyproject, "project")
            or below(self.pyproject, "tool", "poetry", "dependencies")
            or self.has("setup.py")
            or self.setup_cfg.has_section("metadata")
        )

    @cached_property
    def declared(self) -> list[Declared]:
        """All places, those with the usual names first."""
        return sorted(self._places(), key=_rank)

    def that_names(self, package: str) -> Declared | None:
        return next((one for one in self.declared if package in one.packages), None)

    def _places(self) -> Iterator[Declared]:
        groups = below(self.pyproject, "dependency-groups")
        for name in groups:
            yield Declared(Kind.GROUP, name, frozenset(_of_group(groups, name, set())))
        for name, listed in below(self.pyproject, "project", "optional-dependencies").items():
            yield Declared(Kind.EXTRA, name, _names(listed))
        if self.setup_cfg.has_section("options.extras_require"):
            for name, lines in self.setup_cfg.items("options.extras_require"):
                yield Declared(Kind.EXTRA, name, _names(lines.splitlines()))
        for name in _FILES:
            if self.has(name):
                yield Declared(Kind.FILE, name, self._in_file(self.checkout / name, set()))
        yield from self._of_poetry()
        own = below(self.pyproject, "project").get("dependencies")
        yield Declared(Kind.PROJECT, "", _names(own))

    def _of_poetry(self) -> Iterator[Declared]:
        poetry = below(self.pyproject, "tool", "poetry")
        for name, group in below(poetry, "group").items():
            packages = frozenset(below(group, "dependencies"))
            yield Declared(Kind.POETRY, name, packages)
        yield Declared(Kind.POETRY, "dev", frozenset(below(poetry, "dev-dependencies")))

    def _in_file(self, file: Path, seen: set[Path]) -> frozenset[str]:
        """The packages of a file of requirements, and of those that it brings in."""
        if file in seen or len(seen) > 20:
            return frozenset()
        seen.add(file)
        found: set[str] = set(_names(text(file).splitlines()))
        for other in re.findall(r"^\s*(?:-r|--requirement)\s*(\S+)", text(file), re.MULTILINE):
            found |= self._in_file(file.parent / other, seen)
        return frozenset(found)


def _rank(one: Declared) -> tuple[int, int]:
    """The usual names before others; what is installed in any case last of all."""
    if one.kind is Kind.PROJECT:
        return (2, 0)
    if one.kind is Kind.FILE:
        return (0, len(_USUAL))
    return (0, _USUAL.index(one.name)) if one.name in _USUAL else (1, 0)


def _of_group(groups: Mapping[str, object], name: str, seen: set[str]) -> Iterator[str]:
    listed = groups.get(name)
    if name in seen or not isinstance(listed, list):
        return
    seen.add(name)
    yield from _names(listed)
    for one in listed:
        if isinstance(one, dict):
            yield from _of_group(groups, str(one.get("include-group")), seen)


def _names(listed: object) -> frozenset[str]:
    if not isinstance(listed, list):
        return frozenset()
    found = (_NAME.match(one.strip()) for one in listed if isinstance(one, str))
    return frozenset(name[0].lower().replace("_", "-") for name in found if name is not None)


def _ini(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text(file))
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser
