"""Tools are tried by running them."""

import sys
import time
from pathlib import Path

import pytest

from wfd.adapters import proc, tools
from wfd.adapters.tools import Probe, on_local_disk, probe


def script(folder: Path, body: str, interpreter: str = "/bin/bash") -> str:
    path = folder / "tool"
    path.write_text(f"#!{interpreter}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def number_in(path: Path) -> int:
    return int(path.read_text())


async def test_a_real_tool_tells_its_version() -> None:
    found = await probe(("git", "--version"))
    assert found.found is not None and found.error is None
    assert found.version is not None and found.version[0].isdigit()
    python = await probe((sys.executable, "--version"))
    assert python.version == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("2.1.197 (Claude Code)", "2.1.197"),
        ("codex-cli 0.169.0", "0.169.0"),
        ("v0.61.0-nightly.2+abc", "0.61.0-nightly.2+abc"),
        ("tool, version 3.4, built 1.2.3", "3.4"),
    ],
)
async def test_the_first_token_that_looks_like_a_version_counts(
    tmp_path: Path, said: str, version: str
) -> None:
    assert (await probe((script(tmp_path, f"echo '{said}'"),))).version == version
    assert (await probe((script(tmp_path, f"echo '{said}' >&2"),))).version == version


async def test_what_is_not_there_is_said_so() -> None:
    assert await probe(("no-such-agent", "--version")) == Probe(
        None, None, "no 'no-such-agent' on PATH, or it is not executable"
    )


async def test_a_tool_that_fails_or_tells_nothing_is_quoted(tmp_path: Path) -> None:
    failed = await probe((script(tmp_path, "echo 'needs node 20.1' >&2; exit 3"),))
    assert failed.version is None and failed.error is not None
    assert "exit code 3; it said: needs node 20.1" in failed.error
    silent = await probe((script(tmp_path, "true"),))
    assert silent.error is not None and "it said: nothing" in silent.error


async def test_a_script_whose_interpreter_is_missing_does_not_start(tmp_path: Path) -> None:
    path = script(tmp_path, "", interpreter="/no/such/interpreter")
    found = await probe((path, "--version"))
    assert found.found == Path(path) and found.error is not None and "does not start" in found.error


async def test_a_tool_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    body = f"setsid sleep 61 & echo $! > {tmp_path}/pid; cat; trap '' TERM; wait; sleep 61"
    began = time.monotonic()
    found = await probe((script(tmp_path, body),), timeout_s=0.5)
    assert found.error is not None and "did not answer in 0.5 s" in found.error
    assert time.monotonic() - began < 10
    child = proc.see(number_in(tmp_path / "pid"))
    assert child is None or not child.is_alive


async def test_a_tool_sees_no_secret_of_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk")
    found = await probe((script(tmp_path, "echo 1.${#ANTHROPIC_API_KEY}"),))
    assert found.version == "1.0"


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/root rw
30 22 0:26 / /mnt/with\\040blank rw - nfs4 server:/x rw
31 22 0:27 / /mem rw - tmpfs tmpfs rw
32 22 0:28 / /home rw - fuse.sshfs a:/ rw
33 32 254:1 / /home/me rw shared:1 - btrfs /dev/b rw
34 22 0:29 / /over rw - ext4 /dev/c rw
35 22 0:30 / /over rw - 9p share rw
"""


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/var/lib", (True, "ext4")),
        ("/mnt/with blank/deep", (False, "nfs4")),
        ("/mnt/with", (True, "ext4")),
        ("/mem/x", (True, "tmpfs, in memory: gone after a reboot")),
        ("/home/you", (False, "fuse.sshfs")),
        ("/home/me/state", (True, "btrfs")),
        ("/over/x", (False, "9p")),
    ],
)
def test_the_innermost_mount_says_whether_a_disk_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, answer: tuple[bool, str]
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(tools, "_MOUNTS", tmp_path / "mountinfo")
    assert on_local_disk(Path(path)) == answer


@pytest.mark.skipif(not proc.is_there(), reason="Linux")
def test_proc_is_told_from_the_disk() -> None:
    assert on_local_disk(Path("/proc/self")) == (True, "proc")


def test_a_system_that_does_not_tell_is_taken_for_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "_MOUNTS", tmp_path / "none")
    assert on_local_disk(tmp_path) == (True, "unknown")
