import pytest
from tests.rules.rows import a_job, an_assignment

from wfd.rules.commit_message import MAX_SUBJECT, commit_message, subject_of


@pytest.mark.parametrize(
    ("context", "subject"),
    [
        ("make the test green. Then look at the docs.", "Make the test green"),
        ("implement: add a total", "Add a total"),
        ("## Add CSV export\n\nIt also writes a head.", "Add CSV export"),
        ("\n\n- fix hello.py, e.g. its greeting", "Fix hello.py, e.g. its greeting"),
        ("1. Do this first:\n2. and then that", "Do this first"),
        ("hello.py must greet", "hello.py must greet"),
        ("Fix: the parser", "Fix: the parser"),
        ("-rf\x1b[2J\x00 --all", "-rf [2J --all"),
        ("…", "…"),
        ("", ""),
        (" \n#\n", ""),
    ],
)
def test_the_subject_is_the_first_sentence(context: str, subject: str) -> None:
    assert subject_of(context, "implement") == subject


def test_a_long_subject_is_cut_at_a_word() -> None:
    subject = subject_of("Let the export of the monthly report also write a head " * 3, "plan")
    assert subject == "Let the export of the monthly report also write a head Let the export…"
    assert len(subject) <= MAX_SUBJECT


def test_a_subject_without_a_word_is_cut_all_the_same() -> None:
    assert subject_of("ä" * 200, "plan") == "Ä" + "ä" * 70 + "…"


def test_the_body_names_goal_and_job() -> None:
    message = commit_message(a_job(context="add a total"), an_assignment(north_star="Totals\nwork"))
    assert message == "Add a total\n\nGoal A7: Totals work\nJob J1 (implement)"


def test_a_job_that_was_told_nothing_has_the_goal_as_its_subject() -> None:
    message = commit_message(a_job(context=" "), an_assignment(north_star="Totals work."))
    assert message.startswith("Totals work\n\n")
