"""Real processes: what is started, how it is found again, and that nothing of it is left."""

import ctypes
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from wfd.adapters import proc, spawn, tree
from wfd.adapters.proc import Seen
from wfd.adapters.spawn import LocalProcess, LocalSpawner
from wfd.domain.errors import Broken
from wfd.ports import Birth, Command

pytestmark = pytest.mark.skipif(not proc.is_there(), reason="trees are found through /proc")

ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def spawner() -> LocalSpawner:
    return LocalSpawner(owner=uuid.uuid4().hex)


@pytest.fixture
def adopting() -> Iterator[LocalSpawner]:
    assert tree.become_subreaper()
    yield LocalSpawner(owner=uuid.uuid4().hex, adopts=True)
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def command(folder: Path, *argv: str, tag: str = "R1", stdin: Path | None = None) -> Command:
    return Command(
        argv=argv, cwd=folder, env=ENV, tag=tag, stdout=folder / f"{tag}.out", stdin=stdin
    )


def bash(folder: Path, script: str, tag: str = "R1") -> Command:
    return command(folder, "bash", "-c", script, tag=tag)


async def written(path: Path, lines: int = 1) -> list[str]:
    """The file's lines as soon as there are so many."""
    with anyio.fail_after(10):
        while True:
            text = read(path)
            if text.count("\n") >= lines:
                return text.splitlines()
            await anyio.sleep(0.005)


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def pids(folder: Path, lines: int, tag: str = "R1") -> list[int]:
    return [int(line) for line in await written(folder / f"{tag}.out", lines)]


def is_alive(pid: int) -> bool:
    seen = proc.see(pid)
    return seen is not None and seen.is_alive


async def end_and_wait(spawner: LocalSpawner, process: LocalProcess, tag: str = "R1") -> int:
    killed = await spawner.end_tree(tag, process.birth)
    with anyio.fail_after(60):
        await process.wait()
    return killed


async def test_a_process_gets_its_input_and_its_output_goes_to_a_private_file(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text("do it\n")
    process = await spawner.spawn(
        command(tmp_path, "bash", "-c", "cat; echo oops >&2; exit 3", stdin=prompt)
    )
    assert await process.wait() == 3
    assert (tmp_path / "R1.out").read_text() == "do it\noops\n"
    assert (tmp_path / "R1.out").stat().st_mode & 0o777 == 0o600


async def test_stderr_goes_to_a_file_of_its_own_and_both_are_appended(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    both = replace(bash(tmp_path, "echo out; echo err >&2"), stderr=tmp_path / "err")
    for _ in range(2):
        process = await spawner.spawn(both)
        assert await process.wait() == 0
    assert (tmp_path / "R1.out").read_text() == "out\nout\n"
    assert (tmp_path / "err").read_text() == "err\nerr\n"


async def test_the_environment_is_exactly_what_was_given_and_the_marks(tmp_path: Path) -> None:
    process = await LocalSpawner(owner="home").spawn(command(tmp_path, "env"))
    assert await process.wait() == 0
    lines = (tmp_path / "R1.out").read_text().splitlines()
    assert sorted(lines) == [f"PATH={ENV['PATH']}", "WFD_OWNER=home", "WFD_RUN_ID=R1"]


async def test_without_an_input_stdin_is_at_its_end(spawner: LocalSpawner, tmp_path: Path) -> None:
    process = await spawner.spawn(command(tmp_path, "cat"))
    with anyio.fail_after(60):
        assert await process.wait() == 0


async def test_a_process_inherits_no_file_of_the_daemon(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    with (tmp_path / "secret").open("w"):
        process = await spawner.spawn(bash(tmp_path, "readlink /proc/self/fd/*"))
        await process.wait()
    assert "secret" not in (tmp_path / "R1.out").read_text()


async def test_a_birth_finds_the_process_in_a_session_of_its_own(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    process = await spawner.spawn(command(tmp_path, "sleep", "60"))
    seen = proc.see(process.birth.pid)
    assert seen is not None
    assert (process.birth.pid_start, seen.session) == (seen.start, seen.pid)
    assert process.birth.boot_id == read(Path("/proc/sys/kernel/random/boot_id")).strip()
    await end_and_wait(spawner, process)


async def test_a_name_with_brackets_and_blanks_does_not_confuse_the_start_time(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    process = await spawner.spawn(command(tmp_path, str(odd), "60"))
    seen = proc.see(process.birth.pid)
    assert seen is not None and seen.parent == os.getpid()
    await end_and_wait(spawner, process)


async def test_an_unknown_binary_is_a_file_not_found(spawner: LocalSpawner, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-agent"):
        await spawner.spawn(command(tmp_path, "no-such-agent"))
    with pytest.raises(FileNotFoundError):
        await spawner.spawn(command(tmp_path, str(tmp_path / "no-such-agent")))


async def test_a_binary_that_is_not_executable_is_a_permission_error(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    (tmp_path / "agent").write_text("#!/bin/sh\n")
    with pytest.raises(PermissionError):
        await spawner.spawn(command(tmp_path, str(tmp_path / "agent")))


async def test_a_missing_folder_or_prompt_is_not_taken_for_a_missing_binary(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    with pytest.raises(Broken, match="no folder"):
        await spawner.spawn(replace(command(tmp_path, "true"), cwd=tmp_path / "gone"))
    with pytest.raises(Broken, match=r"prompt\.md"):
        await spawner.spawn(command(tmp_path, "true", stdin=tmp_path / "prompt.md"))


async def test_a_signal_reaches_the_process_itself_and_not_its_children(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    process = await spawner.spawn(bash(tmp_path, "sleep 60 & echo $!; wait"))
    [child] = await pids(tmp_path, 1)
    await process.signal(signal.SIGTERM)
    assert await process.wait() == -signal.SIGTERM
    assert is_alive(child)
    await process.signal(signal.SIGTERM)  # it is gone: nothing happens
    assert await spawner.end_tree("R1", process.birth) == 1


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60 & echo $!; wait",
        "sleep 60 & echo $!",  # its parent is gone
        "setsid sleep 60 & echo $!; wait",
        "(setsid bash -c 'echo $$; exec sleep 60' &) ; sleep 60",
        "(trap '' TERM HUP INT; setsid bash -c 'echo $$; sleep 60' &) ",
        "env -i setsid /bin/sleep 60 & echo $!; wait",  # known by descent alone
        "env -i bash -c '/bin/sleep 60 & echo $!' ",  # known by its session alone
    ],
)
async def test_end_tree_leaves_nothing_alive(
    spawner: LocalSpawner, tmp_path: Path, script: str
) -> None:
    process = await spawner.spawn(bash(tmp_path, script))
    [child] = await pids(tmp_path, 1)
    assert await end_and_wait(spawner, process) >= 1
    assert not is_alive(child)
    assert not is_alive(process.birth.pid)


async def test_end_tree_counts_what_it_killed_and_nothing_the_second_time(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    process = await spawner.spawn(bash(tmp_path, "sleep 60 & sleep 60 & echo 1; wait"))
    await written(tmp_path / "R1.out")
    assert await end_and_wait(spawner, process) == 3
    assert await spawner.end_tree("R1", process.birth) == 0


async def test_many_trees_are_ended_at_once_and_the_others_left(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    script = "setsid sleep 60 & echo $!; wait"
    runs = {f"R{n}": await spawner.spawn(bash(tmp_path, script, f"R{n}")) for n in range(9)}
    for tag in runs:
        await pids(tmp_path, 1, tag)
    other = runs.pop("R0")
    assert await spawner.end_trees({tag: run.birth for tag, run in runs.items()}) == 16
    for run in runs.values():
        assert await run.wait() == -signal.SIGKILL
    assert await end_and_wait(spawner, other, "R0") == 2


async def test_end_tree_touches_neither_another_run_nor_another_daemons_run(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    others = LocalSpawner(owner=uuid.uuid4().hex)
    theirs = await others.spawn(command(tmp_path, "sleep", "60"))
    eleven = await spawner.spawn(command(tmp_path, "sleep", "60", tag="R11"))
    one = await spawner.spawn(command(tmp_path, "sleep", "60"))
    assert await end_and_wait(spawner, one) == 1
    assert is_alive(theirs.birth.pid) and is_alive(eleven.birth.pid)
    await end_and_wait(others, theirs)
    await end_and_wait(spawner, eleven, "R11")


async def test_after_a_restart_a_tree_is_found_by_its_birth_and_by_its_marks(
    tmp_path: Path,
) -> None:
    owner = uuid.uuid4().hex
    script = "setsid sleep 60 & echo $!; env -i setsid /bin/sleep 60 & echo $!; wait"
    process = await LocalSpawner(owner=owner).spawn(bash(tmp_path, script))
    children = await pids(tmp_path, 2)
    assert await end_and_wait(LocalSpawner(owner=owner), process) == 3
    assert not any(map(is_alive, children))


async def test_after_a_restart_a_living_leader_still_tells_its_session(tmp_path: Path) -> None:
    owner = uuid.uuid4().hex
    script = "env -i bash -c '/bin/sleep 60 & echo $!'; sleep 60"
    process = await LocalSpawner(owner=owner).spawn(bash(tmp_path, script))
    [orphan] = await pids(tmp_path, 1)
    assert await end_and_wait(LocalSpawner(owner=owner), process) == 2
    assert not is_alive(orphan)


@pytest.mark.parametrize(
    "stale",
    [
        {"pid_start": 1},
        {"pid_start": None},
        {"boot_id": "another boot"},
        {"boot_id": None},
    ],
)
async def test_a_stale_birth_is_never_killed_by_its_pid(
    spawner: LocalSpawner, tmp_path: Path, stale: dict[str, int | str | None]
) -> None:
    stranger = await spawner.spawn(bash(tmp_path, "sleep 60 & echo $!; wait", "R2"))
    await pids(tmp_path, 1, "R2")
    birth = stranger.birth
    stale_birth = Birth(
        **({"pid": birth.pid, "pid_start": birth.pid_start, "boot_id": birth.boot_id} | stale)  # type: ignore[arg-type]
    )
    assert await LocalSpawner().end_tree(uuid.uuid4().hex, stale_birth) == 0
    assert is_alive(birth.pid)
    assert await end_and_wait(spawner, stranger, "R2") == 2


async def test_the_caller_and_those_above_it_are_never_killed(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    (tmp_path / "inner.py").write_text(
        "import anyio, os\n"
        "from wfd.adapters import proc\n"
        "from wfd.adapters.spawn import LocalSpawner\n"
        "tag = os.environ['WFD_RUN_ID']\n"
        "print(anyio.run(LocalSpawner().end_tree, tag, proc.birth_of(os.getppid())))\n"
    )
    outer = LocalSpawner(owner=mark)
    script = f"sleep 60 & env -i /bin/sleep 60 & '{sys.executable}' inner.py; echo $?; wait"
    process = await outer.spawn(
        replace(
            bash(tmp_path, script, mark),
            env=ENV | {"PYTHONPATH": ":".join(sys.path)},
            stderr=tmp_path / "err",
        )
    )
    killed, code = await written(tmp_path / f"{mark}.out", 2)
    assert (killed, code) == ("1", "0")
    await end_and_wait(outer, process, mark)


async def test_what_starts_itself_anew_when_killed_does_not_outrun_the_end(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    (tmp_path / "bomb.sh").write_text(
        "echo $$; trap '' TERM\nwhile :; do bash -c 'echo $$; sleep 0.01' & sleep 0.01; done\n"
    )
    script = "for i in {1..30}; do (while :; do setsid bash bomb.sh; done) & done; wait"
    process = await spawner.spawn(bash(tmp_path, script))
    await written(tmp_path / "R1.out", 100)
    assert await end_and_wait(spawner, process) > 30
    assert not [
        seen
        for seen in proc.look().values()
        if seen.is_alive and f"WFD_OWNER={spawner._owner}".encode() in proc.environ(seen.pid)
    ]


async def test_all_stand_still_before_the_first_is_killed(
    spawner: LocalSpawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[signal.Signals] = []
    send = tree._send

    def recorded(seen: Seen, number: signal.Signals) -> None:
        sent.append(number)
        send(seen, number)

    monkeypatch.setattr(tree, "_send", recorded)
    process = await spawner.spawn(bash(tmp_path, "sleep 60 & sleep 60 & echo 1; wait"))
    await written(tmp_path / "R1.out")
    await end_and_wait(spawner, process)
    assert sent[:6] == [signal.SIGSTOP] * 3 + [signal.SIGKILL] * 3


HIDES = "env -i setsid bash -c '(/usr/bin/setsid bash -c \"echo \\$\\$; exec /bin/sleep 60\" &)'"


async def test_an_orphan_without_marks_is_ended_with_the_last_run(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    process = await adopting.spawn(bash(tmp_path, HIDES))
    [orphan] = await pids(tmp_path, 1)
    await process.wait()
    assert await adopting.end_tree("R1", process.birth) == 1
    assert proc.see(orphan) is None  # reaped as well


async def test_an_orphan_without_marks_is_left_alone_while_it_may_be_another_runs(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    other = await adopting.spawn(command(tmp_path, "sleep", "60", tag="R2"))
    process = await adopting.spawn(bash(tmp_path, HIDES))
    [orphan] = await pids(tmp_path, 1)
    await process.wait()
    assert await adopting.end_tree("R1", process.birth) == 0
    assert is_alive(orphan)
    assert await end_and_wait(adopting, other, "R2") == 2
    assert not is_alive(orphan)


async def test_what_was_observed_as_a_descendant_is_known_when_it_hides_later(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    other = await adopting.spawn(command(tmp_path, "sleep", "60", tag="R2"))
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = "env -i setsid bash -c 'echo $$; exec /bin/sleep 60' & cat gate"
    process = await adopting.spawn(bash(tmp_path, script))
    [orphan] = await pids(tmp_path, 1)
    await adopting.observe()
    gate.write_text("go\n")
    await process.wait()
    assert await adopting.end_tree("R1", process.birth) == 1
    assert not is_alive(orphan) and is_alive(other.birth.pid)
    await end_and_wait(adopting, other, "R2")


async def test_what_was_observed_is_known_even_in_a_session_that_it_made_since(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    other = await adopting.spawn(command(tmp_path, "sleep", "60", tag="R2"))
    for gate in ("inner", "outer"):
        os.mkfifo(tmp_path / gate)
    script = (
        "env -i bash -c 'echo $$; read < inner; exec /usr/bin/setsid /bin/sleep 60' & cat outer"
    )
    process = await adopting.spawn(bash(tmp_path, script))
    [orphan] = await pids(tmp_path, 1)
    await adopting.observe()
    (tmp_path / "inner").write_text("go\n")
    with anyio.fail_after(60):
        while (seen := proc.see(orphan)) is None or seen.session != orphan:
            await anyio.sleep(0.005)
    (tmp_path / "outer").write_text("go\n")
    await process.wait()
    assert await adopting.end_tree("R1", process.birth) == 1
    assert not is_alive(orphan) and is_alive(other.birth.pid)
    await end_and_wait(adopting, other, "R2")


async def test_the_daemons_own_children_are_no_strays(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    prober = LocalSpawner(owner=uuid.uuid4().hex)
    probe = await prober.spawn(command(tmp_path, "sleep", "60", tag="probe"))
    async with await anyio.open_process(["sleep", "60"]) as git_like:
        process = await adopting.spawn(command(tmp_path, "true"))
        await process.wait()
        assert await adopting.end_tree("R1", process.birth) == 0
        assert is_alive(git_like.pid) and is_alive(probe.birth.pid)
        git_like.kill()
    await end_and_wait(prober, probe, "probe")


async def test_while_a_spawn_is_under_way_nothing_is_a_stray(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    process = await adopting.spawn(bash(tmp_path, HIDES))
    [orphan] = await pids(tmp_path, 1)
    await process.wait()
    with spawn._announced():
        assert await adopting.end_tree("R1", process.birth) == 0
    assert is_alive(orphan)
    assert await adopting.end_tree("R1", process.birth) == 1


async def test_orphans_that_end_by_themselves_are_reaped(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    process = await adopting.spawn(bash(tmp_path, "setsid bash -c 'echo $$' & "))
    [orphan] = await pids(tmp_path, 1)
    await process.wait()
    with anyio.fail_after(60):
        while proc.see(orphan) is not None:
            await adopting.reap_adopted()
            await anyio.sleep(0.005)


async def test_reaping_steals_no_exit_code(adopting: LocalSpawner, tmp_path: Path) -> None:
    codes: list[int] = []

    async def one(code: int) -> None:
        process = await adopting.spawn(bash(tmp_path, f"(setsid true &); exit {code}", f"R{code}"))
        codes.append(await process.wait())

    async def git_like(code: int) -> None:
        ended = await anyio.run_process(["bash", "-c", f"exit {code}"], check=False)
        codes.append(ended.returncode)

    async with anyio.create_task_group() as group:
        for code in range(20):
            group.start_soon(one, code)
            group.start_soon(git_like, code)
        while len(codes) < 40:
            await adopting.reap_adopted()
            await anyio.lowlevel.checkpoint()
    assert sorted(codes) == sorted([*range(20)] * 2)


async def test_a_spawn_beside_an_end_of_the_last_run_is_not_taken_for_a_stray(
    adopting: LocalSpawner, tmp_path: Path
) -> None:
    done: list[int] = []

    async def one(number: int) -> None:
        tag = f"R{number}"
        process = await adopting.spawn(command(tmp_path, "true", tag=tag))
        done.append(await process.wait())
        await adopting.end_tree(tag, process.birth)

    for batch in range(10):
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(one, batch * 3 + number)
    assert done == [0] * 30


async def test_what_survives_every_kill_is_named(
    spawner: LocalSpawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await spawner.spawn(command(tmp_path, "sleep", "60"))
    with monkeypatch.context() as patch:
        patch.setattr(tree, "_send", lambda seen, number: None)
        patch.setattr(tree, "_MAX_SECONDS", 0.05)
        with pytest.raises(Broken, match=rf"\b{process.birth.pid}\b"):
            await spawner.end_tree("R1", process.birth)
    assert await end_and_wait(spawner, process) == 1


async def test_a_cancelled_spawn_leaves_no_unknown_process(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await spawner.spawn(command(tmp_path, "sleep", "60"))
    assert await spawner.end_tree("R1") == 1
    with anyio.fail_after(60):
        while any(process.is_running for process in spawn._spawned.values()):
            await anyio.sleep(0.005)
