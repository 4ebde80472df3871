"""Errors: the tree in the docstring, the exit codes, and the way over the socket."""

import re

import pytest

from wfd.domain import errors
from wfd.domain.errors import BadConfig, LeaseLost, NewerStore, WfdError, from_wire, unknown


def tree(cls: type[WfdError] = WfdError) -> list[type[WfdError]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in tree(sub))]


def test_the_tree_that_is_drawn_is_the_tree_that_is_there() -> None:
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"^[│├└─ ]*(\w+) +(\d+)  \S", errors.__doc__, re.MULTILINE))
    there = {
        cls.__name__: str(cls.exit_code) for cls in tree() if cls.__module__ == errors.__name__
    }
    assert drawn == there


@pytest.mark.parametrize("cls", [c for c in tree() if c.__module__ == errors.__name__])
def test_an_error_comes_over_the_wire_as_what_it_was(cls: type[WfdError]) -> None:
    error = from_wire(cls.__name__, "the sentence")
    assert type(error) is cls
    assert (str(error), error.exit_code, error.kind) == (
        "the sentence", cls.exit_code, cls.__name__,
    )  # fmt: skip


def test_a_kind_that_only_a_newer_daemon_knows_is_still_an_error_of_ours() -> None:
    error = from_wire("FromTheFuture", "the sentence")
    assert (type(error), str(error), error.exit_code) == (WfdError, "the sentence", 1)


def test_a_lost_lease_names_its_run() -> None:
    assert LeaseLost(7).run_id == 7
    assert str(LeaseLost(7)) == "the lease of R7 is lost"


def test_a_kind_of_error_is_caught_as_what_it_is_a_kind_of() -> None:
    assert issubclass(BadConfig, errors.BadInput)
    assert issubclass(NewerStore, errors.Broken)
    assert issubclass(LeaseLost, errors.Conflict)


def test_an_unknown_name_is_told_with_the_nearest_one_and_all_of_them() -> None:
    assert unknown("harness", "gemni", ["gemini", "claude"]) == (
        "no harness 'gemni' (did you mean 'gemini'?); known: claude, gemini"
    )
    assert unknown("harness", "zzz", ["claude"]) == "no harness 'zzz'; known: claude"
    assert unknown("harness", "x", []) == "no harness 'x'; known: none"
