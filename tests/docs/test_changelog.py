"""CHANGELOG.md keeps up with the version."""

import re

from tests.docs.documents import text_of

import wfd


def test_the_newest_release_is_the_version_of_the_package() -> None:
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE)

    assert released[0] == wfd.__version__


def test_there_is_a_place_for_what_comes_next() -> None:
    assert CHANGELOG.index("## [Unreleased]") < CHANGELOG.index(f"## [{wfd.__version__}]")


CHANGELOG = text_of("CHANGELOG.md")
