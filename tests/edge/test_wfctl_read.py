"""wfctl's reading commands, on a store that the real commands wrote."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.shelf import NOW, Call, Shelf, make_repository

from wfd.commands.closing import close_job
from wfd.commands.queue import enqueue_pm, get_assignment, get_job
from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId
from wfd.domain.job import By, Job, JobState
from wfd.domain.outcome import Kind
from wfd.edge.words import iso
from wfd.ports import Tx

ESCAPE = "\x1b]0;owned\x07\x1b[31m\u202egnp.exe"


def test_the_queue_has_plain_columns_off_a_terminal(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.write("insert_job", namespace="blue", assignment=1, type="implement", context="do")

    said = wfctl("queue")

    assert said.code == 0
    assert said.out.split("\n") == [
        "J1\tA1\tblue\tplan\tqueued\t0\t\t\t2027-01-15T08:00:00.000Z\tmain\t",
        "J2\tA1\tblue\timplement\twaiting\t0\t\tlane\t2027-01-15T08:00:00.000Z\tmain\t",
        "",
    ]


def test_the_queue_is_in_the_order_of_taking(shelf: Shelf, wfctl: Call) -> None:
    for number, priority in enumerate([0, 5, 9]):
        shelf.write("create", namespace="blue", north_star=f"n{number}", priority=priority)

    jobs = json.loads(wfctl("queue", "--json").out)

    assert [job["id"] for job in jobs] == [3, 2, 1]
    assert wfctl("queue", "--limit", "1").out.startswith("J3\t")


def test_an_empty_queue_says_nothing_to_a_program(shelf: Shelf, wfctl: Call) -> None:
    assert wfctl("queue").out == ""
    assert json.loads(wfctl("queue", "--json").out) == []


def test_a_person_sees_a_table_and_what_to_do_when_it_is_empty(shelf: Shelf) -> None:
    assert "wfctl create" in on_a_terminal("queue")

    shelf.write("create", namespace="blue", north_star="green")
    shown = on_a_terminal("queue")

    assert "WAITS FOR" in shown
    assert "J1" in shown
    assert "the daemon is not running" in shown


def test_a_list_of_all_namespaces_does_not_ask_where_one_stands(
    shelf: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    monkeypatch.chdir(tmp_path)

    alone = wfctl("queue")
    assert alone.code == 3
    assert "wfd init" in alone.err
    assert "blue" in alone.err
    assert wfctl("queue", "--all").out.startswith("J1\tA1\tblue")
    assert wfctl("queue", "--namespace", "blue").out.startswith("J1\tA1\tblue")


@pytest.fixture
def red(shelf: Shelf, tmp_path: Path) -> Path:
    """Another repository, with A1 and J1."""
    folder = tmp_path / "red"
    make_repository(folder)
    shelf.write(
        "register",
        name="red",
        git_dir=str(folder / ".git"),
        checkout=str(folder),
        trusted_hash=None,
    )
    shelf.write("create", namespace="red", north_star="elsewhere", type="plan")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("assignment", "A1"),
        ("job", "J1"),
        ("evidence", "J1"),
        ("jobs", "A1"),
        ("note", "A1", "hear"),
        ("insert-job", "A1", "--type", "plan", "--context", "x"),
        ("cancel", "J1"),
        ("update-assignment", "A1", "--status", "cancelled"),
    ],
)
def test_an_id_is_found_from_anywhere_and_says_whose_it_is(
    shelf: Shelf,
    red: Path,
    wfctl: Call,
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = wfctl(*command)
    assert (said.code, said.err) == (0, f"{command[1]} belongs to 'red', {red}\n")

    monkeypatch.chdir(tmp_path)  # in no repository at all
    assert "belongs to 'red'" in wfctl(*command).err
    monkeypatch.chdir(red)
    assert "belongs to" not in wfctl(*command).err


def test_a_document_says_by_itself_whose_an_id_is(shelf: Shelf, red: Path, wfctl: Call) -> None:
    for command in (("assignment", "A1"), ("job", "J1"), ("note", "A1", "hear")):
        said = wfctl(*command, "--json")
        assert (json.loads(said.out)["namespace"], said.err) == ("red", "")


def test_an_id_that_does_not_belong_to_the_namespace_that_was_named_is_not_found(
    shelf: Shelf, red: Path, wfctl: Call
) -> None:
    for command in (("assignment", "A1"), ("note", "A1", "hear")):
        said = wfctl(*command, "--namespace", "blue")
        assert said.code == 3
        assert "A1 belongs to namespace 'red', not to 'blue'" in said.err


def test_an_agent_finds_what_is_of_its_own_namespace_alone(
    shelf: Shelf, red: Path, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFD_RUN_ID", "R1")
    monkeypatch.setenv("WFD_NAMESPACE", "blue")
    assert wfctl("assignment", "A1").code == 3

    monkeypatch.setenv("WFD_NAMESPACE", "red")
    assert wfctl("assignment", "A1").code == 0


def test_a_job_in_its_lane_names_the_job_that_goes_first(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.write("insert_job", namespace="blue", assignment=1, type="implement", context="do")

    said = wfctl("job", "J2").out

    assert "waits_for\tits turn: J1 (plan, queued) goes first\n" in said
    assert "'wfctl cancel J1'" in said


def test_a_job_of_a_paused_assignment_says_why_and_who_can_release_it(
    shelf: Shelf, wfctl: Call
) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.write(
        "update_assignment", namespace="blue", assignment=1, status="paused", reason="lunch"
    )

    waits = json.loads(wfctl("job", "1", "--json").out)["waits"]

    assert waits == {
        "waits_for": "A1, which is paused: lunch",
        "released_by": "a person: wfctl update-assignment A1 --status active",
    }


def test_a_job_for_later_says_when(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    shelf.write(
        "insert_job",
        namespace="blue",
        assignment=1,
        type="plan",
        context="look",
        run_after=NOW + 10**12,
    )

    said = wfctl("job", "J2").out

    assert "as it was inserted to" in said
    assert "the clock" in said


def test_a_job_in_its_lane_says_also_when_it_is_due(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    later = {"type": "plan", "context": "look", "run_after": NOW + 10**12}
    shelf.write("insert_job", namespace="blue", assignment=1, **later)

    assert "J1 (plan, queued) goes first; and not before" in wfctl("job", "J2").out


def test_a_run_without_an_agent_yet_says_what_is_being_done(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    begun = {
        "job_id": 1,
        "assignment_id": 1,
        "namespace_id": 1,
        "worker": "w",
        "harness": "sim",
        "now": NOW,
        "ttl_ms": 1000,
        "resumed": None,
        "ai": "sim",
        "account": None,
        "route": None,
        "is_probe": False,
    }
    run_id = shelf.work(lambda tx: tx.insert("add_run", **begun))
    assert "preparing" in wfctl("job", "J1").out
    birth = {"pid": 1, "pid_start": 1, "boot_id": "b", "containment": "bwrap", "now": NOW}
    shelf.work(lambda tx: tx.run("record_spawn", id=run_id, **birth))
    assert "preparing" not in wfctl("job", "J1").out


def test_what_contained_a_run_is_told_with_its_job(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(a_run_that_tries_again)
    assert "contained_by\tbwrap\n" in wfctl("job", "J1").out
    (run,) = json.loads(wfctl("job", "J1", "--json").out)["runs"]
    assert run["containment"] == "bwrap"


def test_what_the_cli_of_a_run_does_instead_of_working_is_shown_where_one_looks(
    shelf: Shelf, wfctl: Call
) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    shelf.work(a_run_that_tries_again)

    said = "the CLI tries again (2) after 4s: \\u001b[2J limit"
    assert f"activity\t{said}\n" in wfctl("job", "J1").out
    assert f"activity\t{said}\n" in wfctl("assignment", "A1").out
    assert said in on_a_terminal("queue")
    assert "tries again (2)" in wfctl("queue").out, "in a pipe too"
    (job,) = json.loads(wfctl("queue", "--json").out)
    (run,) = json.loads(wfctl("job", "J1", "--json").out)["runs"]
    assert job["run_activity"] == run["activity"] == "tries again (2) after 4s: \x1b[2J limit"
    assert run["retries"] == 5


def test_how_often_a_cli_has_tried_again_is_told_when_it_works_and_when_it_has_ended(
    shelf: Shelf, wfctl: Call
) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    shelf.work(a_run_that_tries_again)
    shelf.work(lambda tx: tx.run("record_activity", id=1, activity=None, retries=1))
    assert "activity\tthe CLI tried again 1 time\n" in wfctl("job", "J1").out
    shelf.work(a_run_that_tries_again_ends)
    assert "activity\tthe CLI tried again 5 times\n" in wfctl("job", "J1").out
    assert json.loads(wfctl("queue", "--json").out)[0]["run_activity"] is None


def test_how_a_run_ended_is_not_said_of_the_one_that_follows_it(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    shelf.work(a_run_that_tries_again)
    shelf.work(a_job_that_is_put_back)
    assert wfctl("job", "J1").out.startswith("job\tJ1\tplan\twaiting\tafter auth\n")

    shelf.work(
        lambda tx: tx.run(
            "move_job", id=1, state="queued", was="waiting", waits_for=None, waits_on=None
        )
    )
    shelf.work(
        lambda tx: tx.run(
            "move_job", id=1, state="running", was="queued", waits_for=None, waits_on=None
        )
    )

    assert wfctl("job", "J1").out.startswith("job\tJ1\tplan\trunning\t\n")


def a_job_that_is_put_back(tx: Tx) -> None:
    tx.run(
        "put_back_job", id=1, outcome="auth", answer="", run_after=None, counter=None,
        resume_session=None, waits_on=None, finishes=None, now=NOW,
    )  # fmt: skip


def a_run_that_tries_again(tx: Tx) -> None:
    tx.insert(
        "add_run", job_id=1, assignment_id=1, namespace_id=1, worker="w", harness="sim",
        now=NOW, ttl_ms=1000, resumed=None, ai="sim", account=None, route=None, is_probe=False,
    )  # fmt: skip
    tx.run("move_job", id=1, state="running", was="queued", waits_for=None, waits_on=None)
    tx.run("record_spawn", id=1, pid=1, pid_start=1, boot_id="b", containment="bwrap", now=NOW)
    words = "tries again (2) after 4s: \x1b[2J limit"
    tx.run("record_activity", id=1, activity=words, retries=5)


def test_what_the_daemon_runs_is_shown_with_its_time(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(a_run_that_is_set_up)

    assert "\tset-up: npm ci\t" in wfctl("queue").out
    assert "activity\tset-up: npm ci, " in wfctl("job", "J1").out
    assert "set-up: npm ci, " in wfctl("assignment", "A1").out
    assert "preparing" not in wfctl("job", "J1").out
    (queued,) = json.loads(wfctl("queue", "--json").out)
    assert (queued["run_activity"], queued["run_activity_since"]) == ("set-up: npm ci", iso(NOW))


def a_run_that_is_set_up(tx: Tx) -> None:
    tx.insert(
        "add_run", job_id=1, assignment_id=1, namespace_id=1, worker="w", harness="sim",
        now=NOW, ttl_ms=1000, resumed=None, ai="sim", account=None, route=None, is_probe=False,
    )  # fmt: skip
    tx.run("move_job", id=1, state="running", was="queued", waits_for=None, waits_on=None)
    tx.run("record_command", id=1, activity="set-up: npm ci", now=NOW)


def a_run_that_tries_again_ends(tx: Tx) -> None:
    tx.run("record_activity", id=1, activity="tries again", retries=5)
    nothing = dict.fromkeys(
        ["message", "reset_at", "session_id", "cli_version", "model", "cost_usd", "tokens_in",
         "tokens_cached", "tokens_out", "turns", "structured", "snapshot_commit", "snapshot_tree",
         "answer", "exit_code"]
    )  # fmt: skip
    tx.run("close_run", id=1, now=NOW, outcome="failed", ended_by="none", tools=0, **nothing)


def test_what_waits_is_listed_by_its_priority(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan")
    for priority in (0, -5, 10):
        job = {"type": "plan", "context": "look", "priority": priority}
        shelf.write("insert_job", namespace="blue", assignment=1, **job)

    listed = [line.split("\t")[0] for line in wfctl("queue").out.splitlines()]

    assert listed == ["J1", "J4", "J2", "J3"]


def test_an_assignments_chain_tells_who_decided_each_step_and_why(
    shelf: Shelf, wfctl: Call
) -> None:
    shelf.write("create", namespace="blue", north_star="green\nand clean")
    shelf.write("insert_job", namespace="blue", assignment=1, type="plan", context="look")
    shelf.work(a_run_with_evidence)
    shelf.write("note", namespace="blue", assignment=1, text="mind the tests")

    lines = wfctl("assignment", "A1").out.split("\n")
    tags = [line.split("\t")[0] for line in lines]

    assert lines[0].startswith("assignment\tA1\tactive\tblue\t")
    assert "goal\tgreen" in lines
    assert "goal\tand clean" in lines
    assert "note\tmind the tests" in lines
    assert any(line.startswith("open_gate\treview\t") for line in lines)
    jobs = [line for line in lines if line.startswith("job\t")]
    assert [job.split("\t")[1] for job in jobs] == ["J1", "J2"]
    assert "by person: inserted by hand" in jobs[1]
    assert tags.index("run") > lines.index(jobs[1])
    assert "check\ttest\texit 1\t1s" in lines
    assert "verdict\treview\tfail\t" in lines
    assert "finding\tsecurity a.py:3 a hole" in lines


def test_an_unreported_cost_is_null_and_never_zero(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(a_run_with_evidence)

    document = json.loads(wfctl("assignment", "A1", "--json").out)

    assert document["assignment"]["cost_usd"] is None
    assert document["chain"][0]["runs"][0]["cost_usd"] is None
    assert "cost not reported" in wfctl("job", "J1").out


def test_the_document_of_an_assignment_is_in_iso_time_and_holds_the_gates(
    shelf: Shelf, wfctl: Call
) -> None:
    shelf.write("create", namespace="blue", north_star="green")

    document = json.loads(wfctl("assignment", "1", "--json").out)

    assert document["assignment"]["created_at"] == "2027-01-15T08:00:00.000Z"
    assert document["assignment"]["branch"] == "wfd/A1"
    assert {gate["name"] for gate in document["open_gates"]} >= {"review"}


def test_an_agents_escape_sequences_reach_no_terminal(shelf: Shelf) -> None:
    shelf.write("create", namespace="blue", north_star=f"look {ESCAPE}", type="plan", context="x")
    shelf.work(lambda tx: a_run_with_evidence(tx, answer=ESCAPE))

    for command in (["assignment", "A1"], ["job", "J1"], ["assignments"], ["job", "J1", "--json"]):
        shown = on_a_terminal(*command)
        assert "\x1b]0;" not in shown, command
        assert "\x07" not in shown, command
        assert "\u202e" not in shown, command


def test_the_diff_of_a_job_is_its_patch_byte_by_byte(shelf: Shelf, tmp_path: Path) -> None:
    patch = tmp_path / "p.patch"
    patch.write_bytes(b"+caf\xe9 \x1b[31m\n")
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="x")
    shelf.work(lambda tx: a_run_with_evidence(tx, patch=patch))

    done = subprocess.run(
        [sys.executable, "-m", "wfd.ctl", "diff", "J1"], capture_output=True, check=True
    )

    assert done.stdout == patch.read_bytes()
    assert "\x1b[31m" not in on_a_terminal("diff", "J1").replace("\x1b[32m", "")


def test_the_diff_of_an_assignment_runs_from_its_base_to_its_head(
    shelf: Shelf, wfctl: Call
) -> None:
    def git(*args: str) -> str:
        me = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *args]
        return subprocess.run(
            me, cwd=shelf.checkout, check=True, capture_output=True, text=True
        ).stdout.strip()

    base = git("rev-parse", "HEAD")
    (shelf.checkout / "new.txt").write_text("hello\n")
    git("add", "new.txt")
    git("commit", "-q", "-m", "Second")
    head = git("rev-parse", "HEAD")
    shelf.write("create", namespace="blue", north_star="green")
    assert wfctl("diff", "A1").code == 3

    shelf.work(lambda tx: tx.run("set_base", id=1, commit=base, tree="t1"))
    used = {"wall_ms": 0, "cost_usd": None, "is_unmeasured": False, "tokens": None}
    moved = {"head_commit": head, "head_tree": "t2"}
    shelf.work(lambda tx: tx.all(Assignment, "count_run", id=1, is_pm=False, **used, **moved))

    assert "+hello" in wfctl("diff", "A1").out
    assert "+hello" in json.loads(wfctl("diff", "A1", "--json").out)["patch"]
    assert wfctl("diff", "1").code == 2


def test_a_watch_off_a_terminal_is_refused(shelf: Shelf, wfctl: Call) -> None:
    assert wfctl("queue", "--watch", "1").code == 2


def imported_by(*command: str) -> set[str]:
    """What a wfctl of its own has imported when it ends."""
    script = (
        "import sys; from wfd.ctl import main\n"
        f"sys.argv = ['wfctl', *{command!r}]\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    argv = [sys.executable, "-c", script]
    env = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}  # it imports much
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_quick_commands_import_nothing_slow(shelf: Shelf) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="x")
    shelf.work(a_run_with_evidence)
    slow = ["pydantic", "structlog", "anyio", "jinja2", "asyncio", "rich", "aiosqlite", "yaml"]
    for command in (["queue"], ["jobs"], ["assignments"], ["job", "J1"], ["evidence", "J1"]):
        assert imported_by(*command) & {*slow} == set(), command
    for command in (["queue"], ["jobs"], ["assignments"]):
        assert imported_by(*command) & {"json", "hashlib", "_hashlib"} == set(), command


def test_a_reader_that_leaves_early_is_no_error(shelf: Shelf) -> None:
    for number in range(200):
        shelf.write("create", namespace="blue", north_star=f"{number} " + "x" * 2000)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "wfd.ctl", "assignments", "--limit", "500"],
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    _, stderr = process.communicate(timeout=60)

    assert stderr == b""
    assert process.returncode == 0


def on_a_terminal(*args: str) -> str:
    """What wfctl writes to a real terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wfd.ctl", *args],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the way a terminal says that nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(leader)
    process.wait(timeout=60)
    return shown.decode()


def a_run_with_evidence(tx: Tx, answer: str = "done", patch: Path | None = None) -> None:
    """The newest job has run: red checks, a review that found a hole, no cost told."""
    job_id = tx.all(Job, "jobs_of", assignment_id=1)[-1].id
    run_id = tx.insert(
        "add_run",
        job_id=job_id,
        assignment_id=1,
        namespace_id=1,
        worker="w",
        harness="sim",
        now=NOW,
        ttl_ms=1000,
        resumed=None,
        ai="sim",
        account=None,
        route=None,
        is_probe=False,
    )
    tx.run("record_spawn", id=run_id, pid=1, pid_start=1, boot_id="b", containment="bwrap", now=NOW)
    tx.run("move_job", id=job_id, was="queued", state="running", waits_for=None, waits_on=None)
    nothing = dict.fromkeys(
        ["message", "reset_at", "session_id", "cli_version", "model", "cost_usd", "tokens_in",
         "tokens_cached", "tokens_out", "turns", "structured", "snapshot_commit", "snapshot_tree"]
    )  # fmt: skip
    tx.run(
        "close_run",
        id=run_id,
        now=NOW + 1000,
        outcome="succeeded",
        ended_by="none",
        exit_code=0,
        tools=1,
        answer=answer,
        **nothing,
    )
    close_job(tx, get_job(tx, job_id), JobState.DONE, Kind.SUCCEEDED, answer)
    findings = [{"type": "security", "file": "a.py", "line": 3, "detail": "a hole"}]
    seen = {"run_id": run_id, "assignment_id": 1, "tree": "t", "commit_id": "c", "now": NOW,
            "sha256": None, "bytes": None}  # fmt: skip
    for kind, name, command, code, took, path, tail in (
        ("check", "test", "false", 1, 1000, None, "boom"),
        ("verdict", "review", None, None, None, None, json.dumps(findings)),
        ("diff", "diff", None, None, None, patch and str(patch), " 1 file changed"),
    ):
        tx.insert(
            "add_evidence",
            **seen,
            kind=kind,
            name=name,
            ok=kind == "diff",
            command=command,
            exit_code=code,
            duration_ms=took,
            path=path,
            tail=tail,
        )


def a_refused_pm(tx: Tx) -> None:
    pm = get_job(tx, JobId(1))
    close_job(tx, pm, JobState.CANCELLED)
    job_id = enqueue_pm(tx, get_assignment(tx, pm.assignment_id), By.POLICY)
    close_job(tx, get_job(tx, job_id), JobState.FAILED, Kind.SUCCEEDED)


def test_a_pm_whose_decision_was_refused_is_not_called_succeeded(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    shelf.work(a_refused_pm)
    assert "\tpm\tfailed\trefused\t" in wfctl("jobs").out
    assert wfctl("job", "J2").out.startswith("job\tJ2\tpm\tfailed\trefused\n")
    assert "job\tJ2\tpm\tfailed\trefused\t" in wfctl("assignment", "A1").out
    assert json.loads(wfctl("job", "J2", "--json").out)["job"]["outcome"] == "succeeded"
