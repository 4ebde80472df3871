"""docs/regressions.md names tests that there are."""

import re

from tests.docs.documents import ROOT, table, text_of

NAME = "docs/regressions.md"


def test_every_test_that_is_named_is_there() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    there = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert set(re.findall(r"`(test_\w+)`", text_of(NAME))) - there == set()


def test_every_failure_of_the_list_has_a_test() -> None:
    failures = table(NAME, "failure")
    assert len(failures) == 17
    assert [failure for failure, _, tests in failures if "`test_" not in tests] == []
