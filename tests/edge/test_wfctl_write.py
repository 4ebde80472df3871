"""wfctl's writing commands, for a program, while no daemon runs."""

import io
import json
import re
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf


def test_create_prints_the_id_alone(shelf: Shelf, wfctl: Call) -> None:
    said = wfctl("create", "make it green")

    assert (said.code, said.out, said.err) == (0, "A1\n", "")


def test_insert_job_prints_the_id_alone(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green")

    assert wfctl("insert-job", "a1", "--type", "plan", "--context", "look").out == "J2\n"


def test_the_same_key_twice_gives_one_job_and_the_same_id(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green")
    args = ["insert-job", "A1", "--type", "plan", "--context", "look", "--key", "k"]

    assert [wfctl(*args).out, wfctl(*args).out] == ["J2\n", "J2\n"]
    assert len(json.loads(wfctl("jobs", "A1", "--json").out)) == 2


def test_a_text_can_come_from_stdin(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("grün\n".encode())))

    wfctl("create", "-")

    assert json.loads(wfctl("assignments", "--json").out)[0]["north_star"] == "grün"


def test_stdin_that_is_no_text_is_refused(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe")))

    assert wfctl("create", "-").code == 2


def test_a_job_for_later_waits_until_then(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green")

    wfctl("insert-job", "A1", "--type", "plan", "--context", "x", "--run-after", "2h30m")

    document = json.loads(wfctl("job", "J2", "--json").out)
    assert document["job"]["waits_for"] == "time"
    assert re.match(r"\d{4}-\d\d-\d\dT", document["job"]["run_after"])


def test_a_time_that_is_none_names_what_one_looks_like(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green")

    said = wfctl("insert-job", "A1", "--type", "plan", "--context", "x", "--run-after", "soon")

    assert said.code == 2
    assert "2h30m" in said.err


def test_pausing_noting_cancelling_and_retrying_by_hand(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green", "--type", "plan", "--context", "look")

    assert wfctl("update-assignment", "A1", "--status", "paused").out == "paused\n"
    assert wfctl("note", "A1", "mind the tests").out == "1\n"
    assert wfctl("cancel", "J1", "--reason", "wrong").out == "cancelled\n"
    assert wfctl("retry", "J1", "--changes", "look closer").out == "J2\n"
    assert "look closer" in json.loads(wfctl("job", "J2", "--json").out)["job"]["context"]


def test_complete_with_open_gates_is_exit_4_and_names_them(shelf: Shelf, wfctl: Call) -> None:
    wfctl("create", "make it green", "--type", "plan", "--context", "look")
    wfctl("cancel", "J1")

    said = wfctl("update-assignment", "A1", "--status", "complete")

    assert said.code == 4
    assert "review" in said.err
    forced = wfctl("update-assignment", "A1", "--status", "complete", "--force")
    assert forced.out == "complete\n"


def test_a_run_may_only_read(shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    wfctl("create", "make it green")
    monkeypatch.setenv("WFD_RUN_ID", "R1")

    assert wfctl("create", "more").code == 4
    assert wfctl("queue").code == 0


def test_an_error_is_a_document_where_documents_are_asked_for(shelf: Shelf, wfctl: Call) -> None:
    said = wfctl("job", "J7", "--json")

    assert said.code == 3
    assert said.out == ""
    error = json.loads(said.err)["error"]
    assert error["kind"] == "NotFound"
    assert "J7" in error["message"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["queu"], "did you mean 'wfctl queue'"),
        (["job", "A7"], "J7 or 7"),
        (["queue", "--nope"], "--nope"),
        (["create", "x", "--type", "implment", "--context", "y"], "did you mean 'implement'"),
        (["update-assignment", "A1", "--status", "paused", "--force"], "--status complete"),
    ],
)
def test_a_slip_is_one_helpful_sentence_and_exit_2(
    shelf: Shelf, wfctl: Call, args: list[str], words: str
) -> None:
    said = wfctl(*args)

    assert said.code == 2
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_without_a_store_the_way_out_is_named(
    wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFD_STATE_DIR", str(tmp_path / "none"))

    said = wfctl("queue")

    assert said.code == 3
    assert "wfd init" in said.err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_is_a_script_of_that_shell(wfctl: Call, shell: str) -> None:
    said = wfctl("completion", shell)

    assert said.code == 0
    assert "_WFCTL_COMPLETE" in said.out


def test_cancel_takes_an_assignment_and_all_that_is_open_in_it(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green")

    assert wfctl("cancel", "A1", "--reason", "no longer needed").out == "cancelled\n"

    assert wfctl("queue").out == ""
    document = json.loads(wfctl("assignment", "A1", "--json").out)
    assert document["assignment"]["reason"] == "no longer needed"


def test_cancel_names_the_right_command_for_a_wrong_kind_of_id(shelf: Shelf, wfctl: Call) -> None:
    for typed, way_out in (("R3", "wfctl cancel J42"), ("q3", "wfctl reject Q3")):
        said = wfctl("cancel", typed)
        assert (said.code, way_out in said.err) == (2, True)
    assert wfctl("cancel", "Jx").code == 2
