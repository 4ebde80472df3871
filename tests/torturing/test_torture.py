"""A short torture, and a checker that finds what is wrong."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from torturing.checker import scene, violations
from torturing.killer import broken_promises
from torturing.ledger import Call, Ledger, read
from wfd.commands.house import House
from wfd.commands.registry import COMMANDS
from wfd.edge.door import checked
from wfd.rules.policy import Caps, Gates
from wfd.store.alone import write_alone

SCRIPTS = Path(__file__).parents[2] / "scripts"
HOUSE = House(Gates(), Caps(), (), ("implement", "pm", "plan"), ("sim",))


def tortured(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    paths = [str(SCRIPTS), *(path for path in sys.path if path)]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("WFD_")}
    done = subprocess.run(
        [sys.executable, "-m", "torturing", *options],
        env=environ | {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_short_torture_breaks_no_law(tmp_path: Path) -> None:
    done = tortured(tmp_path, "--seconds", "5", "--seed", "11", "--clients", "3")
    assert "every law holds" in done.stdout
    assert "told" in done.stdout.split("calls:")[1].splitlines()[0], "clients were answered"


def test_a_few_kills_break_no_promise(tmp_path: Path) -> None:
    done = tortured(tmp_path, "--kill", "--seconds", "6", "--seed", "1")
    assert " kills, 0 violations" in done.stdout


class Branch:
    """What git says of wfd/A1 where J1 has written its file."""

    def __init__(self, commits: str = "abc", listed: str = "J1.txt") -> None:
        self.answers = {"log": commits, "ls-tree": listed}

    def __call__(self, *words: str) -> str:
        return self.answers.get(words[0], "")


@pytest.mark.parametrize(
    ("state", "branch", "transcripts", "broken"),
    [
        ("done", Branch(), ["success"], []),
        ("failed", Branch("", ""), ["success"], []),
        ("done", Branch("", ""), ["success"], ["edits: J1 is done, and wfd/A1 has no J1.txt"]),
        ("done", Branch("a b"), ["success"], ["edits: J1.txt was brought to wfd/A1 by ['a', 'b']"]),
        ("done", Branch(), ["cut"] * 2, []),
        (
            "done", Branch(), ["success"] * 2,
            ["paid twice: 2 agents of J1 have come to their end"],
        ),
    ],
)  # fmt: skip
def test_a_promise_that_a_kill_has_broken_is_found(
    store: Path,
    tmp_path: Path,
    state: str,
    branch: Branch,
    transcripts: list[str],
    broken: list[str],
) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(
            "update job set type = 'implement', state = ?, waits_for = null, closed_at = 1",
            (state,),
        )
        connection.execute("delete from job where id = 2")
        connection.execute("update assignment set head_commit = 'abc', head_tree = 'def'")
        for number, end in enumerate(transcripts, start=1):
            connection.execute(_RUN.format(number, number))
            folder = tmp_path / "runs" / f"R{number}"
            folder.mkdir(parents=True)
            (folder / "transcript.jsonl").write_text(f'{{"type":"result","subtype":"{end}"}}')
        connection.commit()
    with scene(store, [], [], branch) as left:
        assert broken_promises(left, tmp_path / "runs") == broken


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An assignment with a job by a key, a second job behind it, and a note."""
    path = tmp_path / "wfd.db"

    def send(command: str, **values: object) -> None:
        known = COMMANDS[command]
        want = checked(known.wants, values)
        write_alone(path, lambda tx: known.run(tx, lambda namespace: HOUSE, want))

    send("register", name="repo", git_dir="/g", checkout="/c", trusted_hash=None)
    north = {"namespace": "repo", "north_star": "go", "type": "plan", "key": "c0-0"}
    send("create", **north)
    send("insert_job", namespace="repo", assignment=1, type="plan", context="x", key="c0-1")
    send("note", namespace="repo", assignment=1, text="c0-2")
    return path


CALLS = [
    Call(0, 1, "create", {"key": "c0-0"}, "told", {"assignment": 1, "job": 1, "created": True}),
    Call(0, 2, "insert_job", {"key": "c0-1"}, "unknown", {}),
    Call(0, 3, "note", {"text": "c0-2"}, "told", {"note": 1}),
]


def broken(store: Path, calls: list[Call], survivors: list[int], *sql: str) -> list[str]:
    with closing(sqlite3.connect(store)) as connection:
        for line in sql:
            connection.execute(line)
        connection.commit()
    with scene(store, calls, survivors, lambda *words: "") as left:
        return [words.partition(":")[0] for words in violations(left)]


def test_what_is_well_breaks_no_law(store: Path) -> None:
    assert broken(store, CALLS, []) == []


_RUN = (
    "insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai,"
    " lease_until, started_at, ended_at, outcome) values (1, 1, 1, 'closed', 'w', 'sim', 'sim',"
    " 0, {0}, {1}, 'succeeded')"
)


@pytest.mark.parametrize(
    ("law", "sql"),
    [
        ("nothing_is_left_running", ["update job set state = 'running' where id = 1"]),
        ("nothing_is_left_running", ["update namespace set running = 1"]),
        ("each_key_made_one_job", ["update job set idempotency_key = null where id = 1"]),
        ("each_key_made_one_job", ["update job set idempotency_key = 'x' where id = 2"]),
        ("what_was_told_is_there", ["delete from note"]),
        ("what_was_told_is_there", ["insert into note select null, 1, 'c0-2', 0"]),
        ("each_job_ends_once", [_RUN.format(0, 1), _RUN.format(2, 3)]),
        (
            "each_job_ends_once",
            ["update job set state = 'cancelled', closed_at = 1 where id = 1"],
        ),
        ("no_two_run_in_one_lane", [_RUN.format(0, 5), _RUN.format(4, 9)]),
        (
            "nothing_runs_before_what_it_comes_after",
            [_RUN.format(0, 1), "insert into dependency values (1, 2, 'wait')"],
        ),
        (
            "nobody_runs_on_the_paths_of_another",
            [
                """update job set locks = '["a/**"]' where id = 1""",
                _RUN.format(0, 5),
                _RUN.format(4, 9),
            ],
        ),
        ("counters_count", ["update job set lost = 2 where id = 1"]),
        ("assignments_made_legal_moves", ["update assignment set state='paused', reason='x'"]),
        ("nobody_waits_for_nothing", ["update job set state = 'waiting', waits_for = 'lane'"]),
        ("branches_hold_what_the_rows_say", ["update assignment set head_commit = 'abc'"]),
    ],
)
def test_the_checker_finds_a_row_that_is_wrong(store: Path, law: str, sql: list[str]) -> None:
    assert law in broken(store, CALLS, [], *sql)


@pytest.mark.parametrize(
    ("law", "call"),
    [
        ("each_key_made_one_job", ("create", {"key": "c9-9"}, {"job": 9, "created": True})),
        ("each_key_made_one_job", ("create", {"key": "c0-0"}, {"job": 1, "created": True})),
        ("what_was_told_is_there", ("cancel_job", {"job": 1}, {"state": "cancelled"})),
        ("what_was_told_is_there", ("retry_job", {"job": 1}, {"job": 77})),
    ],
)
def test_the_checker_finds_an_answer_that_was_a_lie(
    store: Path, law: str, call: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    command, values, answer = call
    assert law in broken(store, [*CALLS, Call(1, 1, command, values, "told", answer)], [])


def test_the_checker_finds_a_process_that_is_left(store: Path) -> None:
    assert broken(store, CALLS, [4711]) == ["nothing_is_left_running"]


def test_a_call_without_its_second_line_is_unknown(tmp_path: Path) -> None:
    writing = Ledger(tmp_path / "3.jsonl")
    writing.before(1, "note", {"text": "a"})
    writing.after(1, "told", {"note": 1})
    writing.before(2, "note", {"text": "b"})
    writing.close()
    with (tmp_path / "3.jsonl").open("a") as out:
        out.write('{"after": 2, "end": "to')  # a kill cut it short

    told, unknown = read(tmp_path)

    assert (told.end, told.answer) == ("told", {"note": 1})
    assert (unknown.end, unknown.values) == ("unknown", {"text": "b"})


def test_a_run_that_failed_though_only_the_daemon_was_harmed_is_found(
    store: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(_RUN.format(0, 1).replace("succeeded", "step_failed"))
        connection.commit()
    with scene(store, [], [], Branch()) as left:
        [found] = broken_promises(left, tmp_path)
    assert found.startswith("blamed: R1 (plan) ended step_failed")
