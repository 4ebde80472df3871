import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.rules.safe_path import MAX_PATH, inside
from wfd.rules.told_word import word
from wfd.rules.verdict import evidence, read

ROOT = "/state/ns/1/A1"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("src/a.py", "src/a.py"),
        (" ./src//a.py ", "src/a.py"),
        (f"{ROOT}/src/a.py", "src/a.py"),
        ("a b/ü.txt", "a b/ü.txt"),
        ("-rf", "./-rf"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
    ],
)
def test_a_path_of_the_repository_is_kept(told: str, kept: str) -> None:
    assert inside(told, ROOT) == kept


@pytest.mark.parametrize(
    "told",
    [
        "/etc/passwd", "../x", "a/../../x", f"{ROOT}/../A2/x", f"{ROOT}-J2/x", "~/.ssh/id", "", ".",
        ".git/hooks/post-checkout", "sub/.GIT/config", "a\0b", "a\nb", "a\x1b[2J", "a\udcffb",
        "a /", "a" * (MAX_PATH + 1), 7, None, ["a"], {"a": 1},
    ],
)  # fmt: skip
def test_what_leaves_the_repository_or_cannot_be_shown_is_no_path(told: object) -> None:
    assert inside(told, ROOT) is None


@given(st.text(alphabet=st.sampled_from("a./\\~-\0\n .git")))
def test_whatever_is_let_through_stays_below_the_top(told: str) -> None:
    kept = inside(told)
    if kept is not None:
        assert not kept.startswith(("/", "~", "-"))
        assert not {"..", ".git"} & set(kept.split("/"))
        assert inside(kept) == kept or kept.startswith("./-")


def test_a_verdict_keeps_a_finding_without_the_path_that_it_may_not_name() -> None:
    wild = [{"detail": "look", "file": file} for file in ("../../etc/passwd", f"{ROOT}/a.py", 7)]
    said = read({"verdict": "fail", "findings": wild}, "", Path(ROOT))
    assert said is not None
    assert [finding.file for finding in said.findings] == [None, "a.py", None]
    told = json.loads(evidence(said, name="review", tree="t", commit_id=None).tail)
    assert [one["file"] for one in told] == [None, "a.py", None]


@pytest.mark.parametrize(
    "told", ["2f1c9d1e-0000-4000-8000-000000000000", "models/gemini-2.5-pro", "opus[1m]", "t_1.a:b"]
)
def test_a_word_of_a_stream_is_kept(told: str) -> None:
    assert word(told) == told


@pytest.mark.parametrize("told", ["--yolo", "a b", "a\0b", "../../x", "", "x" * 201, "a\n", None])
def test_what_could_be_an_option_or_a_way_out_is_no_word(told: str | None) -> None:
    assert word(told) is None
