"""wfctl inbox and the words on what lies in it, as a person and as a program meet them."""

import json
from pathlib import Path

import click
import pytest
from tests.edge.shelf import Call, Shelf

from wfd.commands.ask import NewQuestion
from wfd.commands.closing import cancel_open_jobs
from wfd.commands.inbox import Elsewhere
from wfd.commands.queue import get_assignment
from wfd.commands.settle import stop_and_ask
from wfd.domain.assignment import AssignmentState
from wfd.domain.ids import AssignmentId
from wfd.domain.question import Asker, AtDeadline, Forbidden, Patience, QuestionKind
from wfd.edge.inbox_page import elsewhere_words
from wfd.ports import Tx


def a_question(tx: Tx) -> None:
    """A1 asks for a currency, with an hour's deadline and open gates."""
    assignment = get_assignment(tx, AssignmentId(1))
    cancel_open_jobs(tx, assignment, "so that nothing is open")
    new = NewQuestion(
        QuestionKind.QUESTION,
        Asker.PM,
        "Which currency?\nThe shop has \x1b[2J both.",
        ("EUR", "USD"),
        subject=Forbidden.GATES,
    )
    patience = Patience(3_600_000, AtDeadline.PROCEED)
    stop_and_ask(tx, assignment, AssignmentState.BLOCKED, new.text, new, patience)


@pytest.fixture
def asked(shelf: Shelf) -> Shelf:
    shelf.write("create", namespace="blue", north_star="export prices")
    shelf.work(a_question)
    return shelf


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)


def test_nothing_waits_at_first(shelf: Shelf, wfctl: Call) -> None:
    assert wfctl("inbox").out == ""
    assert json.loads(wfctl("inbox", "--json").out) == []


def test_the_inbox_has_one_line_for_each_question(asked: Shelf, wfctl: Call) -> None:
    [row] = wfctl("inbox").out.splitlines()
    question, assignment, namespace, kind, by, state, deadline, then, _, text, answer = row.split(
        "\t"
    )
    assert (question, assignment, namespace) == ("Q1", "A1", "blue")
    assert (kind, by, state, then) == ("question", "pm", "open", "proceed")
    assert deadline.endswith("Z") and answer == ""
    assert text == "Which currency? The shop has \\u001b[2J both."


def test_the_inbox_counts_what_waits_in_other_repositories(
    asked: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.write("register", name="red", git_dir="/red/.git", checkout="/red", trusted_hash=None)

    said = wfctl("inbox", "--namespace", "red")
    assert (said.out, said.err) == ("", "1 more in 'blue': wfctl inbox --all\n")
    assert wfctl("inbox").err == ""
    assert json.loads(wfctl("inbox", "--namespace", "red", "--json").out) == []
    with monkeypatch.context() as terminal:
        on_a_terminal(terminal)
        shown = click.unstyle(wfctl("inbox", "--namespace", "red").out)
    assert shown.splitlines() == [
        "nothing waits for you in this repository",
        "1 more in 'blue': wfctl inbox --all",
    ]


def test_many_repositories_with_questions_are_not_all_named() -> None:
    found = [Elsewhere(f"n{number}", 2) for number in range(7)]

    assert elsewhere_words(found) == (
        "14 more in 'n0', 'n1', 'n2', 'n3', 'n4' and 2 others: wfctl inbox --all"
    )


def test_a_question_of_another_repository_is_answered_by_its_id(
    asked: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = wfctl("answer", "Q1", "1")

    assert (said.code, said.out) == (0, "Q1\tA1\tactive\n")
    assert said.err == f"Q1 belongs to 'blue', {asked.checkout}\n"


def test_the_inbox_as_a_document(asked: Shelf, wfctl: Call) -> None:
    [one] = json.loads(wfctl("inbox", "--json").out)
    assert (one["id"], one["options"], one["subject"]) == (1, ["EUR", "USD"], "gates")
    assert one["deadline"].endswith("Z") and one["at_deadline"] == "proceed"
    assert one["ways"][0] == {
        "command": "wfctl answer Q1 1", "does": "an option by its number, or words of your own"
    }  # fmt: skip


def test_a_person_is_shown_the_whole_question_and_what_to_type(
    asked: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as terminal:
        on_a_terminal(terminal)
        said = wfctl("inbox").out
    for words in (
        "Which currency?",
        "The shop has \\u001b[2J both.",
        "EUR",
        "USD",
        "then the PM chooses the safest next step",
        "wfctl answer Q1 1",
        "wfctl reject Q1 --reason",
        "wfctl override Q1 --reason",
        "completes it past its open gates",
        "wfctl assignment A1",
    ):
        assert words in said
    assert "wfctl approve" not in said  # yes is none of the options


def test_the_pages_name_the_open_question(
    asked: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.write("insert_job", namespace="blue", assignment=1, type="plan", context="look")
    page = wfctl("assignment", "A1").out
    assert "asks\tQ1 by the PM: Which currency?" in page
    assert "way\twfctl answer Q1 1\t" in page
    assert json.loads(wfctl("assignment", "A1", "--json").out)["questions"][0]["id"] == 1
    assert json.loads(wfctl("queue", "--json").out)[0]["question_id"] == 1
    with monkeypatch.context() as terminal:
        on_a_terminal(terminal)
        said = " ".join(wfctl("queue").out.split())
    assert "1 question for you: wfctl inbox" in said


@pytest.mark.parametrize(
    ("args", "answer", "state"),
    [
        (["answer", "q1", "2"], "USD", "active"),
        (["answer", "A1", "neither"], "neither", "active"),
        (["reject", "A1", "--reason", "too dear"], "no: too dear", "active"),
        (["override", "Q1", "--reason", "fine"], "override: fine", "complete"),
    ],
)
def test_a_word_is_said_and_told(
    asked: Shelf, wfctl: Call, args: list[str], answer: str, state: str
) -> None:
    said = wfctl(*args)
    assert (said.code, said.out) == (0, f"Q1\tA1\t{state}\n")
    assert wfctl("inbox").out == ""
    [closed] = json.loads(wfctl("inbox", "--closed", "--json").out)
    assert (closed["state"], closed["answer"]) == ("answered", answer)


def test_an_answer_can_come_from_stdin_and_be_told_as_a_document(asked: Shelf, wfctl: Call) -> None:
    document = json.loads(wfctl("answer", "Q1", "usd", "--json").out)
    assert document == {
        "namespace": "blue",
        "question": 1,
        "answer": "USD",
        "assignment": 1,
        "state": "active",
    }


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["answer", "Q9", "x"], 3, "no question Q9"),
        (["answer", "1", "x"], 2, "say Q5 or A3"),
        (["answer", "Q1", " "], 2, "empty"),
        (["reject", "Q1"], 2, "--reason"),
        (["approve", "A9"], 3, "no assignment A9"),
    ],
)
def test_a_slip_is_told(asked: Shelf, wfctl: Call, args: list[str], code: int, words: str) -> None:
    said = wfctl(*args)
    assert said.code == code and words in said.err


def test_what_is_not_open_any_more_is_not_allowed(asked: Shelf, wfctl: Call) -> None:
    wfctl("approve", "Q1")
    assert wfctl("approve", "Q1").code == 4
    assert wfctl("approve", "A1").code == 4


@pytest.mark.parametrize("command", ["answer", "approve", "reject", "override"])
def test_an_agent_may_not_answer(
    asked: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("WFD_RUN_ID", "R1")
    args = ["x"] if command == "answer" else ["--reason", "x"]
    said = wfctl(command, "Q1", *args)
    assert said.code == 4 and "a run may only read" in said.err
