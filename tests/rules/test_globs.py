"""Whether two globs can name one path, against a matcher of another make."""

import itertools
import re
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wfd.domain.errors import BadInput
from wfd.rules.globs import MAX_CHARACTERS, MAX_GLOBS, normal, outside, overlap

names = st.lists(
    st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[a-c]", "\\*", "é"]),
    min_size=1,
    max_size=4,
).map("".join)
folders = st.one_of(st.just("**"), names.filter(lambda name: name != "**"))
globs = st.lists(folders, min_size=1, max_size=4).map("/".join)
# few letters and short, so that globs and paths meet often
paths = st.lists(st.text("abcé*", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


def matches(glob: str, path: str) -> bool:
    """By way of a regular expression; a glob that names a folder names all that is in it."""
    return _expression(glob).fullmatch(path + "/") is not None


@cache
def _expression(glob: str) -> re.Pattern[str]:
    parts = ["(?:[^/]+/)*" if folder == "**" else f"{_name(folder)}/" for folder in glob.split("/")]
    return re.compile("".join(parts) + "(?:[^/]+/)*", re.DOTALL)


def _name(glob: str) -> str:
    made, at = "", 0
    while at < len(glob):
        if glob[at] == "\\":
            made, at = made + re.escape(glob[at + 1]), at + 2
        elif glob[at] == "[":
            end = glob.index("]", at + 2)
            made += f"(?!/){glob[at : end + 1].replace('[!', '[^')}"
            at = end + 1
        else:
            made += {"*": "[^/]*", "?": "[^/]"}.get(glob[at], re.escape(glob[at]))
            at += 1
    return f"(?!/){made}" if made else made


@settings(max_examples=600, deadline=None)
@given(globs, globs, paths)
@example("src/**", "src/api/x", "src/api/x")
@example("**/a", "a/**", "a")
@example("a*", "*b", "ab")
def test_two_globs_that_both_name_a_path_overlap(one: str, other: str, path: str) -> None:
    if matches(one, path) and matches(other, path):
        assert overlap([one], [other])
        assert overlap([other], [one])


@settings(max_examples=300, deadline=None)
@given(st.lists(globs, min_size=1, max_size=2), paths)
@example(["\\*"], "*")
@example(["b"], "*")
def test_a_path_is_outside_if_no_glob_names_it(named: list[str], path: str) -> None:
    is_named = any(matches(glob, path) for glob in named)
    assert outside([path], named) == ([] if is_named else [path])


# A path that two such globs name, if there is one, is made of these names and has at most four.
NAMES = ["a", "*", "?", "a*", "*b", "?b", "[ab]", "[!a]b"]
few = st.lists(st.sampled_from(["**", *NAMES]), min_size=1, max_size=2).map("/".join)
EVERY = ["/".join(parts) for n in (1, 2, 3, 4)
         for parts in itertools.product(("a", "b", "ab", "bb"), repeat=n)]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(few, few)
def test_two_globs_that_overlap_do_name_a_path_together(one: str, other: str) -> None:
    """So nobody waits without need."""
    shared = any(matches(one, path) and matches(other, path) for path in EVERY)
    assert overlap([one], [other]) is shared


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("src/api/**", "src/web/**", False),
        ("src/api", "src/api/users.py", True),
        ("src/api/**", "src", True),
        ("**/*.py", "docs/**", True),
        ("**/*.py", "docs/*.md", True),  # a folder may be called a.md, and hold x.py
        ("*.md", "src/*.md", False),
        ("a/**/z", "a/b", True),
        ("[a-f]*", "[g-z]*", False),
        ("[!a]*", "[a]*", False),
        ("a?", "a", False),
        ("*", "anything", True),
        ("\\*", "x", False),
    ],
)
def test_what_overlaps(one: str, other: str, do: bool) -> None:
    assert overlap([one], [other]) is do


def test_any_glob_of_one_may_meet_any_of_the_other() -> None:
    assert overlap(["x", "src/**"], ["y", "src/a"])
    assert not overlap(["x", "src/**"], ["y", "docs/a"])
    assert not overlap([], ["**"])


@settings(max_examples=20, deadline=2000)
@given(st.integers(1, 60))
def test_many_stars_take_no_long_time(count: int) -> None:
    one, other = "/".join(["**", "*a*"] * count), "/".join(["**", "*b*"] * count)
    assert overlap([one[: MAX_CHARACTERS - 2]], [other[: MAX_CHARACTERS - 2]])


@pytest.mark.parametrize(
    ("glob", "kept"),
    [("/src//api/", "src/api"), ("./a/./b", "a/b"), (" x ", "x"), ("**", "**"), ("a b", "a b")],
)
def test_a_glob_is_kept_as_it_is_compared(glob: str, kept: str) -> None:
    assert normal([glob, glob]) == [kept]


@pytest.mark.parametrize(
    ("glob", "says"),
    [
        ("", "names nothing"),
        ("/", "names nothing"),
        ("../x", "leaves the repository"),
        ("a/../b", "leaves the repository"),
        ("!a", "excludes"),
        ("{a,b}/**", "braces"),
        ("a[b", "not closed"),
        ("a[z-a]", "backwards"),
        ("[[:alpha:]]", "named class"),
        ("a\\", "lone backslash"),
        ("a\nb", "control character"),
        ("a" * (MAX_CHARACTERS + 1), "at most"),
    ],
)
def test_a_glob_that_could_not_mean_what_it_says_is_refused(glob: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        normal([glob])


def test_too_many_globs_are_refused() -> None:
    with pytest.raises(BadInput, match="too many"):
        normal([str(n) for n in range(MAX_GLOBS + 1)])
