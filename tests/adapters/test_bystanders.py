"""Looks at the machine's processes pass over those that are no run's, and over no others."""

import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from wfd.adapters import proc, tree
from wfd.adapters.bystanders import Bystanders
from wfd.adapters.marks import Marks
from wfd.adapters.spawn import LocalSpawner

pytestmark = pytest.mark.skipif(not proc.is_there(), reason="trees are found through /proc")

Start = Callable[..., int]


@pytest.fixture
def elsewhere() -> Iterator[Start]:
    """Starts a script outside of this process's tree, as an orphan; its pid."""
    started: list[int] = []

    def start(script: str, env: Mapping[str, str] | None = None) -> int:
        done = subprocess.run(
            ["bash", "-c", f"setsid bash -c '{script}' > /dev/null 2>&1 & echo $!"],
            env={"PATH": os.environ["PATH"], **(env or {})},
            capture_output=True,
            check=True,
        )
        started.append(int(done.stdout))
        return started[-1]

    yield start
    for pid in started:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


@pytest.fixture
def spawner() -> LocalSpawner:
    """One that passes over bystanders. What is started elsewhere is not adopted by this process."""
    return LocalSpawner(owner=uuid.uuid4().hex, adopts=True)


async def child_of(pid: int) -> int:
    with anyio.fail_after(60):
        while not (children := proc.look().by_parent.get(pid)):
            await anyio.sleep(0.005)
    return children[0].pid


async def named(pid: int, name: str) -> None:
    """Wait until the process has executed a program of that name."""
    with anyio.fail_after(60):
        while Path(f"/proc/{pid}/comm").read_text().strip() != name:
            await anyio.sleep(0.005)


async def test_what_stands_elsewhere_and_is_not_marked_is_read_once(elsewhere: Start) -> None:
    pid = elsewhere("exec sleep 60")
    await named(pid, "sleep")
    bystanders = Bystanders()
    table = bystanders.look()
    assert pid in table
    bystanders.learn(table, [])
    assert pid not in bystanders.look()


async def test_what_is_marked_or_hangs_below_that_or_below_us_is_read_each_time(
    elsewhere: Start,
) -> None:
    marked = elsewhere("env -i /bin/sleep 60; true", {"WFD_RUN_ID": uuid.uuid4().hex})
    child = await child_of(marked)
    await named(child, "sleep")
    bystanders = Bystanders()
    async with await anyio.open_process(["sleep", "60"], env={}) as own:
        bystanders.learn(table := bystanders.look(), [])
        again = bystanders.look()
        own.kill()
    assert {marked, child, own.pid, os.getpid(), os.getppid()} <= again.keys() <= table.keys()


async def test_a_later_process_of_the_same_pid_is_read(elsewhere: Start) -> None:
    pid = elsewhere("exec sleep 60")
    inode = proc.look().listed[pid]
    assert pid not in proc.look({pid: inode})
    assert pid in proc.look({pid: inode + 1})


async def test_a_process_keeps_its_inode(elsewhere: Start) -> None:
    pid = elsewhere("exec sleep 60")
    assert proc.look().listed[pid] == proc.look().listed[pid]


async def test_the_tree_of_an_earlier_life_is_found_though_looks_were_taken_before(
    spawner: LocalSpawner, elsewhere: Start
) -> None:
    marks = {"WFD_RUN_ID": "R9", "WFD_OWNER": spawner._owner}
    leader = elsewhere("env -i /bin/sleep 60; true", marks)
    child = await child_of(leader)
    await named(child, "sleep")
    assert await spawner.end_tree("R1") == 0
    assert await spawner.end_tree("R9") == 2
    assert not [pid for pid in (leader, child) if (seen := proc.see(pid)) and seen.is_alive]


async def test_what_nothing_leads_to_any_more_is_looked_at_until_it_is_dead(
    elsewhere: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = elsewhere("exec sleep 60")
    await named(pid, "sleep")
    found = [[seen] if (seen := proc.see(pid)) else []]
    send, sent = tree._send, list[signal.Signals]()

    def first_kill_is_slow(seen: proc.Seen, number: signal.Signals) -> None:
        sent.append(number)
        if sent.count(signal.SIGKILL) > 1 or number != signal.SIGKILL:
            send(seen, number)

    monkeypatch.setattr(tree, "_send", first_kill_is_slow)
    assert tree.end(lambda: found.pop() if found else []) == {pid}
    left = proc.see(pid)
    assert left is None or not left.is_alive


async def test_a_bystander_that_is_named_later_by_its_birth_is_not_taken_for_gone(
    spawner: LocalSpawner, elsewhere: Start
) -> None:
    pid = elsewhere("exec sleep 60")
    await named(pid, "sleep")
    assert await spawner.end_tree("R1") == 0
    assert await spawner.end_tree("R2", proc.birth_of(pid)) == 1


async def test_an_environment_is_read_once_and_again_after_an_exec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "gate")
    reads: list[int] = []
    environ = proc.environ

    def recorded(pid: int) -> bytes:
        reads.append(pid)
        return environ(pid)

    monkeypatch.setattr(proc, "environ", recorded)
    marks = Marks()
    script = "read < gate; WFD_RUN_ID=R1 exec sleep 60"
    async with await anyio.open_process(["bash", "-c", script], cwd=tmp_path, env={}) as child:
        for _ in range(2):
            assert marks.of(look_at(child.pid)) == frozenset()
        (tmp_path / "gate").write_text("go\n")
        await named(child.pid, "sleep")
        for _ in range(2):
            assert marks.of(look_at(child.pid)) == {b"WFD_RUN_ID=R1"}
        child.kill()
    assert reads == [child.pid] * 2


def look_at(pid: int) -> proc.Seen:
    seen = proc.see(pid)
    assert seen is not None
    return seen
