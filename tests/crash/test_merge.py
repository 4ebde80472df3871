"""kill -9 while a lane is merged: what was done is merged once, and nothing is lost."""

import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.daemon_process import Daemon


def test_killed_during_the_checks_of_a_merge_it_is_done_again_without_doubling(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here, go = (shlex.quote(str(tmp_path / name)) for name in ("here", "go"))
    # in the workspace of the assignment, and not in that of the lane
    slow = f'case "$PWD" in *-J*) exit 0;; esac; test ! -f a.txt -o -e {go} || {{ touch {here};'
    daemon.registers(checks={"slow": f"{slow} sleep 300; }}"})
    daemon.plays({"implement": [[{"edit": {"path": "a.txt", "content": "a\n"}}]]})
    daemon.start()
    one = int(str(daemon.send("create", north_star="Add it")["assignment"]))
    daemon.send(
        "insert_job", assignment=one, type="implement", context="Do it", locks=["a.txt"],
        parallel=True,
    )  # fmt: skip
    daemon.until_there(tmp_path / "here")
    merged = daemon.git("rev-parse", "wfd/A1")
    daemon.kill9()
    (tmp_path / "go").touch()

    daemon.start()
    assert daemon.settled(one).state == "complete"

    work, merge = [job for job in daemon.jobs(one) if job.type != "pm"]
    assert daemon.outcomes(work) == ["succeeded"]
    assert daemon.outcomes(merge) == ["succeeded"], "the same run is brought to its end"
    assert daemon.git("rev-parse", "wfd/A1") == merged
    assert daemon.git("rev-list", "--count", "--merges", "wfd/A1") == "1"
    assert daemon.git("show", "wfd/A1:a.txt") == "a"
    checks = [e for e in daemon.evidence(one) if e.kind == "check" and e.commit_id == merged]
    assert [e.exit_code for e in checks] == [0]
    daemon.assert_sound()


def test_a_merge_whose_branch_could_not_be_moved_goes_on_after_a_kill_once_the_way_is_clear(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here, go = str(tmp_path / "here"), str(tmp_path / "go")
    edit = {"edit": {"path": "a.txt", "content": "a\n"}}
    daemon.plays({"implement": [[{"touch": here}, {"wait_for": go}, edit]]})
    daemon.start()
    one = int(str(daemon.send("create", north_star="Add it")["assignment"]))
    daemon.send(
        "insert_job", assignment=one, type="implement", context="Do it", locks=["a.txt"],
        parallel=True,
    )  # fmt: skip
    daemon.until_there(tmp_path / "here")
    # the user stands on the branch: the daemon does not move it under their feet
    daemon.git("branch", "-f", "wfd/A1", "HEAD")
    daemon.git("checkout", "-q", "wfd/A1")
    (tmp_path / "go").touch()
    assert daemon.settled(one).state == "blocked"
    merge = next(job for job in daemon.jobs(one) if job.type == "merge")
    assert daemon.outcomes(merge) == ["step_failed"]
    daemon.kill9()
    daemon.git("checkout", "-q", "main")

    daemon.start()
    daemon.send("update_assignment", assignment=one, status="active")
    assert daemon.settled(one).state == "complete"
    assert daemon.git("rev-list", "--count", "--merges", "wfd/A1") == "1"
    assert daemon.git("show", "wfd/A1:a.txt") == "a"
    daemon.assert_sound()


def test_a_merge_that_is_cancelled_after_a_kill_leaves_the_branch_where_its_row_says(
    daemon: "Daemon",
) -> None:
    daemon.plays({"implement": [[{"edit": {"path": "a.txt", "content": "a\n"}}]]})
    daemon.sets(WFD_TEST_AT="delivered:2:kill")  # the first is that of the lane
    daemon.start()
    one = int(str(daemon.send("create", north_star="Add it")["assignment"]))
    daemon.send(
        "insert_job", assignment=one, type="implement", context="Do it", locks=["a.txt"],
        parallel=True,
    )  # fmt: skip
    assert daemon.wait() == -signal.SIGKILL
    daemon.sets(WFD_TEST_AT="")
    merge = next(job for job in daemon.jobs(one) if job.type == "merge")
    daemon.send("cancel_job", job=merge.id)
    daemon.start()
    stands = daemon.settled(one)

    assert daemon.outcomes(merge) == ["cancelled"]
    assert daemon.git("rev-parse", "wfd/A1") == stands.head_commit
    daemon.send("update_assignment", assignment=one, status="active")
    daemon.settled(one)
    daemon.assert_sound()
