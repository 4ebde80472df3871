"""PID namespaces around real processes: what is as it was, and that nothing leads out."""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.measured import measured

from wfd.adapters import containment, proc, tree
from wfd.adapters.containment import Containment, Level, Missed
from wfd.adapters.spawn import LocalProcess, LocalSpawner
from wfd.domain.errors import Broken
from wfd.ports import Command

pytestmark = pytest.mark.skipif(not proc.is_there(), reason="only Linux has PID namespaces")

ENV = {"PATH": os.environ["PATH"]}
NAMESPACES = [Level.BWRAP, Level.UNSHARE]
# Without an environment, in a session of its own, without its parent, and deaf to TERM
HIDES = (
    "env -i setsid bash -c"
    ' \'(trap "" TERM INT HUP; /usr/bin/setsid bash -c "exec /bin/sleep {seconds}" &)\''
)


def by_hand(level: Level) -> list[str]:
    """The least by which a person would see whether the machine can do it."""
    if level is Level.BWRAP:
        return ["bwrap", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "true"]
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
    return ["unshare", *user, "--pid", "--fork", "--mount-proc", "true"]


@pytest.fixture(params=NAMESPACES, ids=str)
async def contained(request: pytest.FixtureRequest) -> Containment:
    try:
        await anyio.run_process(by_hand(request.param))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine cannot: {error}")
    found = await containment.tried(request.param)
    assert isinstance(found, Containment), str(found)
    return found


@pytest.fixture
async def spawner(contained: Containment) -> AsyncIterator[LocalSpawner]:
    yield LocalSpawner(owner=uuid.uuid4().hex, containment=contained)


@pytest.fixture
def seconds() -> Iterator[str]:
    """How long a process sleeps that can be told from all others by it."""
    made = f"300.{uuid.uuid4().int % 10**9:09}"
    yield made
    for pid in sleepers(made):
        os.kill(pid, signal.SIGKILL)


def sleepers(seconds: str) -> list[int]:
    found = []
    for seen in proc.look().values():
        line = proc._read(f"/proc/{seen.pid}/cmdline").split(b"\0")
        if line[:2] == [b"/bin/sleep", seconds.encode()] and seen.is_alive:
            found.append(seen.pid)
    return found


async def until_sleeping(seconds: str) -> int:
    with anyio.fail_after(20):
        while not (found := sleepers(seconds)):
            await anyio.sleep(0.005)
    return found[0]


async def until_none(seconds: str) -> None:
    with anyio.fail_after(20):
        while sleepers(seconds):
            await anyio.sleep(0.002)


def command(folder: Path, *argv: str, tag: str = "R1") -> Command:
    return Command(argv=argv, cwd=folder, env=ENV, tag=tag, stdout=folder / f"{tag}.out")


def bash(folder: Path, script: str, tag: str = "R1") -> Command:
    return command(folder, "bash", "-c", script, tag=tag)


async def until_said(folder: Path, word: str, tag: str = "R1") -> None:
    out = folder / f"{tag}.out"
    with anyio.fail_after(20):
        while not out.exists() or word not in out.read_text():
            await anyio.sleep(0.002)


async def end(spawner: LocalSpawner, process: LocalProcess, tag: str = "R1") -> int:
    await spawner.end_tree(tag, process.birth)
    with anyio.fail_after(20):
        return await process.wait()


async def test_its_files_its_folder_its_input_and_its_environment_are_its_own(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    (tmp_path / "prompt.md").write_text("do it\n")
    script = "cat; pwd; echo work > made; id -u; env | grep -c ^WFD_; echo oops >&2"
    process = await spawner.spawn(
        replace(bash(tmp_path, script), stdin=tmp_path / "prompt.md", stderr=tmp_path / "err")
    )
    assert await process.wait() == 0
    said = ["do it", str(tmp_path), str(os.getuid()), "2"]
    assert (tmp_path / "R1.out").read_text().splitlines() == said
    assert (tmp_path / "err").read_text() == "oops\n"
    made = tmp_path / "made"
    assert (made.read_text(), made.stat().st_uid) == ("work\n", os.getuid())


async def test_it_may_do_what_its_user_may(spawner: LocalSpawner, tmp_path: Path) -> None:
    process = await spawner.spawn(command(tmp_path, "grep", "^CapEff", "/proc/self/status"))
    assert await process.wait() == 0
    own = Path("/proc/self/status").read_text().splitlines()
    assert (tmp_path / "R1.out").read_text().splitlines() == [
        line for line in own if line.startswith("CapEff")
    ]


async def test_it_sees_no_process_but_its_own(spawner: LocalSpawner, tmp_path: Path) -> None:
    process = await spawner.spawn(bash(tmp_path, "echo $$; printf '%s\\n' /proc/[0-9]*"))
    assert await process.wait() == 0
    assert (tmp_path / "R1.out").read_text().split() == ["2", "/proc/1", "/proc/2"]


async def test_tools_find_terminals_threads_git_and_python_as_outside(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    (tmp_path / "tools.py").write_text(
        textwrap.dedent("""\
        import multiprocessing, os, pty, subprocess
        leader, follower = pty.openpty()
        os.write(follower, b"typed")
        print(os.read(leader, 5).decode(), os.isatty(follower))
        print(len(os.urandom(3)), os.path.exists("/dev/shm"), bool(multiprocessing.Lock()))
        subprocess.run(["git", "init", "-q", "."], check=True)
        print(subprocess.run(["git", "rev-parse", "--is-inside-work-tree"],
                             capture_output=True, text=True, check=True).stdout.strip())
        """)
    )
    process = await spawner.spawn(command(tmp_path, sys.executable, "-I", "tools.py"))
    assert await process.wait() == 0, (tmp_path / "R1.out").read_text()
    assert (tmp_path / "R1.out").read_text().splitlines() == ["typed True", "3 True True", "true"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("true", 0),
        ("exit 3", 3),
        ("exit 145", 145),  # Gemini CLI's word for an HTTP status of 401
        ("exit 173", 173),  # and for 429
        ("kill -TERM $$", -signal.SIGTERM),
        ("kill -INT $$", -signal.SIGINT),
        ("kill -KILL $$", -signal.SIGKILL),
        ("kill -SEGV $$", -signal.SIGSEGV),
    ],
)
async def test_its_end_comes_through_the_wrapper(
    spawner: LocalSpawner, tmp_path: Path, script: str, code: int
) -> None:
    process = await spawner.spawn(bash(tmp_path, script))
    assert await process.wait() == code


async def test_a_missing_or_forbidden_program_is_told_as_without_a_wrapper(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    (tmp_path / "agent").write_text("#!/bin/sh\n")
    for missing in ("no-such-agent", "./no-such-agent", str(tmp_path / "no-such-agent")):
        with pytest.raises(FileNotFoundError, match="no-such-agent"):
            await spawner.spawn(command(tmp_path, missing))
    for forbidden in ("./agent", str(tmp_path / "agent")):
        with pytest.raises(PermissionError):
            await spawner.spawn(command(tmp_path, forbidden))
    (tmp_path / "agent").chmod(0o700)
    process = await spawner.spawn(command(tmp_path, "./agent"))
    assert await process.wait() == 0


async def test_a_signal_reaches_the_agent_itself_and_its_last_words_are_kept(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    script = "trap 'echo last words; exit 5' TERM; echo here; while :; do sleep 0.01; done"
    process = await spawner.spawn(bash(tmp_path, script))
    await until_said(tmp_path, "here")
    await process.signal(signal.SIGTERM)
    with anyio.fail_after(20):
        assert await process.wait() == 5
    assert (tmp_path / "R1.out").read_text() == "here\nlast words\n"


async def test_one_without_a_handler_heeds_a_signal_though_it_comes_at_its_birth(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    for number in range(5):
        process = await spawner.spawn(command(tmp_path, "sleep", "300", tag=f"R{number}"))
        await process.signal(signal.SIGTERM)
        with anyio.fail_after(20):
            assert await process.wait() == -signal.SIGTERM


async def test_an_orphan_in_the_namespace_is_buried_there(
    spawner: LocalSpawner, tmp_path: Path
) -> None:
    script = (
        "(setsid true & ) ; (setsid sleep 0.01 &); sleep 0.2;"
        " cat /proc/[0-9]*/stat | cut -d' ' -f3 | grep -c Z; true"
    )
    process = await spawner.spawn(bash(tmp_path, script))
    assert await process.wait() == 0
    assert (tmp_path / "R1.out").read_text() == "0\n"


async def test_what_hides_ends_with_its_run_though_another_runs_beside_it(
    spawner: LocalSpawner, tmp_path: Path, seconds: str
) -> None:
    """What marks, descent and sessions alone do not find."""
    other = await spawner.spawn(command(tmp_path, "sleep", "300", tag="R2"))
    wait = f"; while ! pgrep -fx '/bin/sleep {seconds}' >/dev/null; do :; done"
    process = await spawner.spawn(bash(tmp_path, HIDES.format(seconds=seconds) + wait))
    assert await process.wait() == 0
    await spawner.end_tree("R1", process.birth)
    assert sleepers(seconds) == []
    seen = proc.see(other.birth.pid)
    assert seen is not None and seen.is_alive
    assert await end(spawner, other, "R2") == -signal.SIGKILL


async def test_end_tree_ends_a_run_that_goes_on_with_all_that_hides_from_it(
    spawner: LocalSpawner, tmp_path: Path, seconds: str
) -> None:
    process = await spawner.spawn(bash(tmp_path, HIDES.format(seconds=seconds) + "; sleep 300"))
    await until_sleeping(seconds)
    await spawner.end_tree("R1", process.birth)
    assert sleepers(seconds) == []
    with anyio.fail_after(20):
        await process.wait()


async def test_what_hides_ends_when_its_wrapper_is_killed(
    spawner: LocalSpawner, tmp_path: Path, seconds: str
) -> None:
    process = await spawner.spawn(bash(tmp_path, HIDES.format(seconds=seconds) + "; sleep 300"))
    await until_sleeping(seconds)
    os.kill(process.birth.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    await until_none(seconds)
    await spawner.end_tree("R1", process.birth)


async def test_a_run_that_has_ended_leaves_no_zombie(
    contained: Containment, tmp_path: Path
) -> None:
    assert tree.become_subreaper()
    spawner = LocalSpawner(owner=uuid.uuid4().hex, adopts=True, containment=contained)
    for number in range(5):
        process = await spawner.spawn(command(tmp_path, "true", tag=f"R{number}"))
        await process.wait()
        await spawner.end_tree(f"R{number}", process.birth)
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)
    assert [seen for seen in proc.look().by_parent.get(os.getpid(), ()) if not seen.is_alive] == []


SPAWNS = """
import ctypes, os, sys, uuid
from pathlib import Path
import anyio
from wfd.adapters import containment
from wfd.adapters.containment import Level
from wfd.adapters.spawn import LocalSpawner
from wfd.ports import Command
import anyio._backends._asyncio, asyncio.unix_events, concurrent.futures.thread

async def main(level, script):
    ctypes.CDLL(None).prctl(47, 4, 0, 0, 0)  # no right goes on to what is started
    contained = await containment.tried(Level(level))
    print(contained, os.geteuid(), flush=True)
    spawner = LocalSpawner(owner=uuid.uuid4().hex, containment=contained)
    here = Path.cwd()
    command = Command(("bash", "-c", script), here, dict(PATH=os.environ["PATH"]), "R1", here / "o")
    process = await spawner.spawn(command)
    if sys.stdin.readline() == "end\\n":
        await spawner.end_tree("R1")
        print("ended", await process.wait(), flush=True)
    await anyio.sleep(300)

anyio.run(main, *sys.argv[1:])
"""


@contextmanager
def starter(level: Level, script: str, user: int) -> Iterator[subprocess.Popen[str]]:
    """A process of that user which starts this script in a namespace, and then waits."""
    becomes: list[str] = []
    if user != os.geteuid():
        reads_all = "-all,+dac_read_search"  # the interpreter may lie in root's home
        becomes = [
            *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
            *(f"--inh-caps={reads_all}", f"--ambient-caps={reads_all}"),
        ]
    with tempfile.TemporaryDirectory(prefix="wfd-") as folder:
        os.chown(folder, user, -1)
        with subprocess.Popen(
            [*becomes, sys.executable, "-c", SPAWNS, level, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=ENV | {"PYTHONPATH": ":".join(sys.path)} | ({} if becomes else measured()),
        ) as started:
            try:
                yield started
            finally:
                started.kill()


@pytest.fixture(params=["its user", "nobody"])
def user(request: pytest.FixtureRequest) -> int:
    if request.param == "its user":
        return os.geteuid()
    if os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    return 65534


@pytest.mark.parametrize("how", ["killed", "ended"])
async def test_what_hides_ends_with_the_process_that_started_it_whoever_that_is(
    contained: Containment, seconds: str, user: int, how: str
) -> None:
    script = HIDES.format(seconds=seconds) + "; sleep 300"
    with starter(contained.level, script, user) as started:
        assert started.stdin is not None and started.stdout is not None
        said = started.stdout.readline()
        assert said.startswith("Containment(") and said.endswith(f" {user}\n")
        await until_sleeping(seconds)
        if how == "killed":
            started.kill()
            await until_none(seconds)
        else:
            started.stdin.write("end\n")
            started.stdin.flush()
            assert started.stdout.readline() == "ended -9\n"
            assert sleepers(seconds) == []


def fakes(folder: Path, **scripts: str) -> str:
    """A PATH on which these programs come first, and do what their scripts say."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


FORBIDDEN = "echo 'No permissions to create a new namespace' >&2; exit 1"


async def test_where_bubblewrap_is_forbidden_unshare_is_taken_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fakes(tmp_path / "bin", bwrap=FORBIDDEN))
    chosen = await containment.choose("auto")
    if chosen.level is not Level.UNSHARE:
        pytest.skip("; ".join(map(str, chosen.missed)))
    assert [str(missed) for missed in chosen.missed] == [
        "bwrap: No permissions to create a new namespace"
    ]


async def test_a_wrapper_that_makes_no_namespace_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    monkeypatch.setenv("PATH", fakes(tmp_path / "bin", bwrap=lies))
    found = await containment.tried(Level.BWRAP)
    assert isinstance(found, Missed)
    assert found.why == "it ended with exit code 7"


async def test_a_wrapper_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containment, "PROBE_S", 0.1)
    monkeypatch.setenv("PATH", fakes(tmp_path / "bin", bwrap="exec sleep 300"))
    found = await containment.tried(Level.BWRAP)
    assert isinstance(found, Missed)
    assert found.why == "it did not answer in 0.1 s"


async def test_without_namespaces_what_is_required_is_refused_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lenient, strict = await containment.choose("auto"), await containment.choose("required")
    assert (lenient.level, lenient.refusal) == (Level.SUBREAPER, None)
    assert strict.refusal == (
        "containment is required, and this machine has no PID namespaces"
        " (bwrap: no 'bwrap' on PATH; unshare: no 'setpriv' on PATH)"
    )
    assert strict.way_out == "install bubblewrap, or install util-linux"
    with pytest.raises(Broken, match="cannot start /bin/sh: containment is required"):
        await LocalSpawner(containment=strict).spawn(command(tmp_path, "/bin/sh", "-c", "echo ran"))
    assert not (tmp_path / "R1.out").exists()


async def test_what_is_switched_off_is_not_even_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fakes(tmp_path / "bin", bwrap=f"touch {tmp_path}/tried"))
    assert await containment.choose("off") == containment.UNCONTAINED
    assert not (tmp_path / "tried").exists()


@pytest.mark.parametrize(
    ("name", "value", "is_root", "way_out"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", False, "restrict_unprivileged_"),
        ("kernel/unprivileged_userns_clone", "0", False, "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", False, "user.max_user_namespaces=10000"),
        ("user/max_pid_namespaces", "0", True, "user.max_pid_namespaces=10000"),
    ],
)
def test_the_setting_of_the_system_that_forbids_it_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_root: bool, way_out: str
) -> None:
    text = containment._text
    monkeypatch.setattr(
        containment, "_text", lambda p: f"{value}\n" if str(p).endswith(name) else text(p)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)
    assert way_out in containment._barrier()


def test_children_are_found_without_the_kernels_own_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "300"]) as child:
        try:
            assert child.pid in proc.children(os.getpid())
            monkeypatch.setattr(proc, "_tells_children", lambda: False)
            assert child.pid in proc.children(os.getpid())
        finally:
            child.kill()
