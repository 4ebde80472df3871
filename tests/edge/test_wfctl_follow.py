"""wfctl tail, logs, transcript and config."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from tests.edge.shelf import NOW, Call, Shelf

from wfd.adapters.place import place
from wfd.ctl import follow as ctl_follow
from wfd.domain.run import Run
from wfd.domain.run_folder import Phase
from wfd.domain.signal import ToolReturned
from wfd.edge import stream
from wfd.layers import hash_of
from wfd.ports import Tx

STREAM: list[dict[str, object]] = [
    {"type": "system", "subtype": "init", "session_id": "s1", "model": "m"},
    {
        "type": "assistant",
        "message": {"id": "1", "content": [{"type": "text", "text": "hi \x1b[2J there"}]},
    },
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "hi",
        "num_turns": 1,
        "session_id": "s1",
    },
]


def lines_of(stream: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in stream)


def a_run(tx: Tx, harness: str) -> int:
    """J1 runs as R1."""
    return tx.insert(
        "add_run", job_id=1, assignment_id=1, namespace_id=1, worker="w", harness=harness,
        now=NOW, ttl_ms=1000, resumed=None, ai=harness, account=None, route=None,
        is_probe=False,
    )  # fmt: skip


def a_run_that_was_spawned(tx: Tx) -> None:
    id_ = a_run(tx, "claude")
    tx.run(
        "record_spawn", id=id_, pid=1, pid_start="1", boot_id="b", containment=None, now=NOW,
        worker="w", session_id=None, agent_version=None, model=None,
    )  # fmt: skip


def a_running_run(shelf: Shelf, harness: str = "claude") -> Path:
    """J1 runs as R1; its transcript."""
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(lambda tx: a_run(tx, harness))
    return place().make_run_folder(1).transcript


def test_tail_of_a_run_that_was_pruned_does_not_say_that_it_never_began(
    shelf: Shelf, wfctl: Call
) -> None:
    place().make_run_folder(1)
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(a_run_that_was_spawned)
    said = wfctl("tail", "J1", "--no-follow")
    assert (said.code, said.out) == (3, "")
    assert "R1 has no transcript; its folder runs/R1 was pruned, or moved away" in said.err


def test_tail_shows_what_the_agent_says_and_tames_it(shelf: Shelf, wfctl: Call) -> None:
    a_running_run(shelf).write_bytes(lines_of(STREAM))

    said = wfctl("tail", "J1", "--no-follow")

    assert "hi \\u001b[2J there" in said.out
    assert "\x1b[2J" not in said.out


def test_tail_as_one_document_names_each_signal(shelf: Shelf, wfctl: Call) -> None:
    a_running_run(shelf).write_bytes(lines_of(STREAM))

    signals = json.loads(wfctl("tail", "J1", "-n", "--json").out)

    assert [one["signal"] for one in signals] == ["session_started", "said", "finished"]


def test_tail_follows_a_run_until_it_is_closed(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_running_run(shelf)
    acts: Iterator[Callable[[], None]] = iter(
        [
            lambda: None,  # the agent has not begun to write
            lambda: append(path, lines_of(STREAM[:2])),
            lambda: append(path, lines_of(STREAM[2:])),
            lambda: close_the_run(shelf),
        ]
    )
    really_closed = ctl_follow._is_closed

    def look(store: Path, run: Run) -> bool:
        next(acts)()
        return really_closed(store, run)

    monkeypatch.setattr(ctl_follow, "_is_closed", look)

    said = wfctl("tail", "J1", "--json")

    signals = [json.loads(line)["signal"] for line in said.out.splitlines()]
    assert signals == ["session_started", "said", "finished"]
    assert next(acts, None) is None


def test_tail_shows_what_the_cli_says_on_stderr_among_the_rest_as_it_comes(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_running_run(shelf, "sim")
    beside = place().run_folder(1).stderr
    acts: Iterator[Callable[[], None]] = iter(
        [
            lambda: append(path, lines_of(STREAM[:1])),
            lambda: append(beside, b"YOLO mode\nAttempt 1 failed: over\x1b[2Jloaded\xff\n  at f\n"),
            lambda: append(path, lines_of(STREAM[1:])),
            lambda: close_the_run(shelf),
        ]
    )
    really_closed = ctl_follow._is_closed

    def look(store: Path, run: Run) -> bool:
        next(acts)()
        return really_closed(store, run)

    monkeypatch.setattr(ctl_follow, "_is_closed", look)

    lines = wfctl("tail", "J1").out.splitlines()

    assert [line.split(" ")[0] for line in lines] == ["session", "stderr", "hi", "finished"]
    assert lines[1] == "stderr the CLI tries again (1): over\\u001b[2Jloaded\ufffd"


def test_tail_shows_set_up_and_checks_while_they_run(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_running_run(shelf)
    folder = place().run_folder(1)
    acts: Iterator[Callable[[], None]] = iter(
        [
            lambda: append(_made(folder.outputs(Phase.SETUP) / "setup-1.log"), b"added 4\x1b[2J\n"),
            lambda: append(path, lines_of(STREAM)),
            lambda: append(_made(folder.outputs(Phase.CHECKS) / "a test.log"), b"one\r\ntwo"),
            lambda: close_the_run(shelf),
        ]
    )
    really_closed = ctl_follow._is_closed

    def look(store: Path, run: Run) -> bool:
        next(acts)()
        return really_closed(store, run)

    monkeypatch.setattr(ctl_follow, "_is_closed", look)

    lines = wfctl("tail", "J1").out.splitlines()

    assert lines[:2] == ["— set-up 1", "  added 4\\u001b[2J"]
    assert lines[-3:] == ["— check a test", "  one", "  two"]
    assert lines[2].startswith("session")


def test_tail_that_comes_late_shows_the_end_of_what_a_command_has_said(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_running_run(shelf)
    log = _made(place().run_folder(1).outputs(Phase.BASELINE) / "test.log")
    append(log, b"early\n" + b"x\n" * 8192 + b"late\n")

    def look(store: Path, run: Run) -> bool:
        return True

    monkeypatch.setattr(ctl_follow, "_is_closed", look)

    said = [json.loads(line) for line in wfctl("tail", "J1", "--json").out.splitlines()]

    assert said[-1] == {
        "signal": "command_output", "of": "check test, before the work", "text": "late",
    }  # fmt: skip
    assert "early" not in [one["text"] for one in said]


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def test_what_was_said_on_stderr_stands_first_where_nothing_tells_its_order(
    shelf: Shelf, wfctl: Call
) -> None:
    a_running_run(shelf, "sim").write_bytes(lines_of(STREAM))
    place().run_folder(1).stderr.write_bytes(b"Attempt 1 failed: overloaded\n")

    signals = json.loads(wfctl("tail", "J1", "-n", "--json").out)

    assert [(one["signal"], one.get("from")) for one in signals] == [
        ("retrying", "stderr"),
        ("session_started", None),
        ("said", None),
        ("finished", None),
    ]
    assert wfctl("tail", "J1", "-n").out.startswith("stderr the CLI tries again")
    assert wfctl("tail", "J1", "-n", "--raw").out.encode() == lines_of(STREAM)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def close_the_run(shelf: Shelf) -> None:
    nothing = dict.fromkeys(
        ["message", "reset_at", "session_id", "cli_version", "model", "cost_usd", "tokens_in",
         "tokens_cached", "tokens_out", "turns", "structured", "snapshot_commit", "snapshot_tree",
         "answer", "exit_code"]
    )  # fmt: skip
    shelf.work(
        lambda tx: tx.run(
            "close_run", id=1, now=NOW, outcome="succeeded", ended_by="none", tools=0, **nothing
        )
    )


def test_tail_raw_gives_the_bytes(shelf: Shelf, wfctl: Call) -> None:
    a_running_run(shelf).write_bytes(lines_of(STREAM))

    assert wfctl("tail", "J1", "--raw", "-n").out.encode() == lines_of(STREAM)


def test_tail_of_a_job_that_never_ran_says_so(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green")

    said = wfctl("tail", "J1")

    assert said.code == 3
    assert "wfctl job J1" in said.err


LOG = (
    b'{"event": "daemon.started", "level": "info", "timestamp": "2026-11-20T12:00:00Z"}\n'
    b"Traceback of somebody else\n"
    b'{"event": "run.closed", "level": "warning", "job_id": 3, "outcome": "failed"}\n'
)


def test_logs_are_shown_readably_and_foreign_lines_too(shelf: Shelf, wfctl: Call) -> None:
    place().log_path.write_bytes(LOG)

    lines = wfctl("logs").out.splitlines()

    assert lines[0] == "2026-11-20 12:00:00 info    daemon.started"
    assert lines[1] == "Traceback of somebody else"
    assert "job_id=3 outcome=failed" in lines[2]


def test_logs_of_one_job_or_level_leave_out_the_rest(shelf: Shelf, wfctl: Call) -> None:
    place().log_path.write_bytes(LOG)

    assert "run.closed" in wfctl("logs", "--job", "J3").out
    assert len(wfctl("logs", "--level", "warning").out.splitlines()) == 1
    assert [one.get("event") for one in json.loads(wfctl("logs", "--json").out)] == [
        "daemon.started",
        None,
        "run.closed",
    ]


def test_logs_of_a_job_that_is_not_there_say_so(shelf: Shelf, wfctl: Call) -> None:
    place().log_path.write_bytes(LOG)
    for way in ((), ("--json",), ("--follow",)):
        said = wfctl("logs", "--job", "J9999", *way)
        assert (said.code, said.out) == (3, "")
        assert "no job J9999; 'wfctl jobs' lists them" in said.err
    pruned = wfctl("logs", "--job", "J3")
    assert (pruned.code, pruned.err) == (0, ""), "the log remembers what the store does not"


def test_logs_of_one_job_or_level_are_found_however_far_back_they_are(
    shelf: Shelf, wfctl: Call
) -> None:
    quiet = b'{"event": "run.leased", "level": "info", "job_id": 4}\n' * 5000
    loud = b"".join(
        b'{"event": "run.closed", "level": "error", "job_id": 3, "n": %d}\n' % n for n in range(3)
    )
    place().log_path.write_bytes(loud + quiet)
    for way in (("--level", "error"), ("--job", "J3")):
        assert len(wfctl("logs", *way).out.splitlines()) == 3
        last = json.loads(wfctl("logs", *way, "-n", "2", "--json").out)
        assert [one["n"] for one in last] == [1, 2]
    assert len(wfctl("logs").out.splitlines()) == 100
    said = wfctl("logs", "--job", "J4", "--level", "error")
    assert (said.code, said.out) == (0, "")
    assert "no line of J4 of level error or above in" in said.err


def test_logs_of_a_job_without_a_line_say_where_they_looked(shelf: Shelf, wfctl: Call) -> None:
    place().log_path.write_bytes(LOG)
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    said = wfctl("logs", "--job", "J1")
    assert (said.code, said.out) == (0, "")
    assert said.err == f"no line of J1 in {place().log_path}\n"
    said = wfctl("logs", "--job", "J1", "--json")
    assert (said.code, json.loads(said.out)) == (0, [])
    shelf.path.unlink()
    assert wfctl("logs", "--job", "J1").code == 0, "there is nobody to ask"


def test_logs_without_a_log_say_what_begins_one(shelf: Shelf, wfctl: Call) -> None:
    assert wfctl("logs").code == 3


def test_a_transcript_tells_its_outcome(shelf: Shelf, wfctl: Call, tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_bytes(lines_of(STREAM))

    said = wfctl("transcript", str(file), "--harness", "claude", "--exit-code", "0", "--json")

    document = json.loads(said.out)
    assert document["outcome"] == {"kind": "succeeded", "reset_at": None, "message": ""}
    assert document["session_id"] == "s1"
    assert document["text"] == "hi"
    assert document["cost_usd"] is None
    cut = wfctl("transcript", str(file), "--harness", "gemni")
    assert cut.code == 2
    assert "known: claude" in cut.err


def test_a_transcript_with_its_stderr_shows_the_retries_told_there(
    shelf: Shelf, wfctl: Call, tmp_path: Path
) -> None:
    file, beside = tmp_path / "t.jsonl", tmp_path / "t.stderr"
    file.write_bytes(lines_of(STREAM))
    beside.write_bytes(b"Attempt 1 failed: overloaded\n    at f\nAttempt 2 failed: refused")
    options = [str(file), "--harness", "sim", "--stderr", str(beside)]

    lines = wfctl("transcript", *options).out.splitlines()

    assert lines[:3] == [
        "stderr the CLI tries again (1): overloaded",
        "stderr the CLI tries again (2): refused",
        "session s1 m",
    ]


def test_config_show_tells_where_each_value_comes_from(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{"checks": {"test": "make test"}}'
    file = shelf.checkout / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text(text)
    monkeypatch.setenv("WFD_LIMITS_JOBS", "7")

    before = wfctl("config", "show", "--origin")
    assert "wfd trust" in before.err
    assert "limits.jobs\t7\tenvironment" in before.out
    assert "checks\t{}\tdefault" in before.out

    shelf.work(
        lambda tx: tx.run(
            "move_namespace", id=1, checkout=str(shelf.checkout), trusted_hash=hash_of(text)
        )
    )
    after = wfctl("config", "show", "--origin")
    assert after.err == ""
    assert f'checks.test\t"make test"\t{file}' in after.out
    assert json.loads(wfctl("config", "show", "--json").out)["limits"]["jobs"] == 7


def test_what_a_tool_gave_back_keeps_its_indentation() -> None:
    told = stream.shown(ToolReturned("t", "\ndef greet():\n    return 1\n", False), NOW)
    assert told is not None
    assert click.unstyle(told) == "  def greet():\n      return 1"
