"""Checks: real shells, a clean environment, and nothing left running."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from wfd.adapters.checks import ShellChecks
from wfd.adapters.spawn import LocalSpawner
from wfd.domain.errors import Broken
from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.rules.environment import of_commands


async def check(
    folder: Path, commands: dict[str, str], *, timeout_ms: int = 60_000, max_bytes: int = 1 << 20,
    stop_at_failure: bool = False, more: Sequence[str] = (),
) -> list[NewEvidence]:  # fmt: skip
    return await ShellChecks(LocalSpawner(owner=uuid.uuid4().hex), max_bytes).run(
        commands,
        cwd=folder,
        env=of_commands(os.environ, more),
        out_dir=folder / "out",
        tag="R9001",
        timeout_ms=timeout_ms,
        stop_at_failure=stop_at_failure,
    )


async def test_a_check_is_kept_with_its_output_and_exit_code(tmp_path: Path) -> None:
    good, bad = await check(
        tmp_path, {"test": "echo fine; echo odd >&2", "lint": "printf 'søt\\377'; exit 3"}
    )

    assert good.kind is EvidenceKind.CHECK
    assert (good.name, good.command, good.ok, good.exit_code) == (
        "test", "echo fine; echo odd >&2", True, 0,
    )  # fmt: skip
    assert good.path == str(tmp_path / "out" / "test.log")
    output = (tmp_path / "out" / "test.log").read_bytes()
    assert (output, good.tail, good.bytes) == (b"fine\nodd\n", "fine\nodd\n", 9)
    assert good.sha256 == hashlib.sha256(output).hexdigest()
    assert good.duration_ms is not None
    assert (bad.ok, bad.exit_code, bad.tail) == (False, 3, "søt\ufffd")


async def test_a_check_sees_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "CODEX_HOME", "GEMINI_API_KEY", "MINE"):
        monkeypatch.setenv(name, "T0PSECRET")
    monkeypatch.setenv("LC_TIME", "C")

    (found,) = await check(tmp_path, {"env": "env"})

    assert "T0PSECRET" not in found.tail
    assert "LC_TIME=C" in found.tail
    assert "CI=true" in found.tail
    assert "WFD_RUN_ID=R9001" in found.tail


async def test_a_check_over_its_time_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    line = "echo begun; setsid sleep 1000 & echo $! > child; sleep 1000"

    (found,) = await check(tmp_path, {"slow": line}, timeout_ms=500)

    assert (found.ok, found.exit_code) == (False, None)
    assert "begun" in found.tail
    assert "wfd: slow was ended after 0.5 s, its time limit" in found.tail
    assert not _is_alive(tmp_path / "child")


async def test_what_a_check_leaves_running_is_ended(tmp_path: Path) -> None:
    (found,) = await check(
        tmp_path, {"server": "setsid sleep 1000 > /dev/null 2>&1 & echo $! > child"}
    )

    assert found.ok
    assert not _is_alive(tmp_path / "child")


async def test_a_check_that_prints_too_much_is_ended_and_says_so(tmp_path: Path) -> None:
    (found,) = await check(tmp_path, {"loud": "yes"}, max_bytes=10_000)

    assert (found.ok, found.exit_code) == (False, None)
    assert "10000 bytes of output" in found.tail
    assert len(found.tail) <= 4000


async def test_the_first_failure_can_be_the_last_command(tmp_path: Path) -> None:
    found = await check(
        tmp_path, {"one": "true", "two": "false", "three": "touch ran"}, stop_at_failure=True
    )

    assert [piece.ok for piece in found] == [True, False]
    assert not (tmp_path / "ran").exists()


async def test_names_that_are_no_file_names_have_files_of_their_own(tmp_path: Path) -> None:
    found = await check(tmp_path, {"../a": "echo 1", "..:a": "echo 2", "..": "echo 3"})

    paths = [Path(piece.path or "") for piece in found]
    assert len(set(paths)) == 3
    assert {path.parent for path in paths} == {tmp_path / "out"}
    assert [path.read_text() for path in paths] == ["1\n", "2\n", "3\n"]


async def test_a_check_without_its_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="is gone"):
        await check(tmp_path / "nowhere", {"test": "true"})


def _is_alive(pid_file: Path) -> bool:
    """Whether it runs; one that only waits for somebody to take its exit code does not."""
    try:
        status = Path("/proc", pid_file.read_text().strip(), "status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status
