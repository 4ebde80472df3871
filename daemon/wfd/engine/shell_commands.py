"""Shell commands of a repository, run by the daemon in a workspace: its set-up and its checks."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

import anyio.to_thread

from wfd.config import RepositoryConfig
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, CannotRun, StoreFailed
from wfd.domain.evidence import NewEvidence
from wfd.domain.run_folder import Phase
from wfd.engine.parts import Lease, Parts
from wfd.ports import Begun, Snapshot
from wfd.rules.cannot_run import cannot_run, what_is_missing, why_not
from wfd.rules.environment import of_commands

MAX_SHOWN = 300  # characters of a command
MAX_PATCH = 16 << 20  # bytes of it that are looked through
WAY_OUT = (
    "Install it where the daemon's PATH leads, have workspace.setup install it, or correct 'checks'"
    " in .wfd/config.json and run 'wfd trust'"
)


async def run_commands(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    repository: RepositoryConfig,
    phase: Phase,
    commands: Mapping[str, str],
) -> list[NewEvidence]:
    """Run them one after the other, a set-up up to its first failure; the run shows which runs."""
    if not commands:
        return []
    workspace = parts.workspaces.path(lease.namespace, assignment)
    is_setup = phase is Phase.SETUP

    async def tell(begun: Begun) -> None:
        await _show(parts, lease, _words(phase, begun))

    env = of_commands(parts.environ, repository.workspace.env)
    try:
        return await parts.checks.run(
            commands,
            cwd=workspace,
            env=env | await slot_of(parts, lease, assignment),
            out_dir=parts.folder_of(lease.run.id).outputs(phase),
            tag=parts.tag_of(lease.run.id),
            timeout_ms=repository.workspace.timeout_ms if is_setup else repository.check_timeout_ms,
            stop_at_failure=is_setup,
            tell=tell,
        )
    finally:
        await _show(parts, lease, None)


async def slot_of(parts: Parts, lease: Lease, assignment: Assignment) -> dict[str, str]:
    """The variable that keeps workspaces from using one port or one database."""
    number = await parts.slots.of(parts.workspaces.path(lease.namespace, assignment))
    return {"WFD_SLOT": str(number)}


def _words(phase: Phase, begun: Begun) -> str:
    match phase:
        case Phase.SETUP:
            return f"set-up: {begun.command[:MAX_SHOWN]}"
        case Phase.BASELINE:
            return f"check {begun.name}, before the work"
        case Phase.CHECKS:
            return f"check {begun.name}"
        case _:
            assert_never(phase)


async def _show(parts: Parts, lease: Lease, words: str | None) -> None:
    """Let who looks at the run see what it does. A store that fails now is no reason to end it."""
    try:
        await parts.store.write(
            lambda tx: tx.run("record_command", id=lease.run.id, activity=words, now=tx.now)
        )
    except Broken as error:
        if not isinstance(error, StoreFailed):  # which the store has logged itself
            parts.log.warning("activity.not_kept", run_id=lease.run.id, error=str(error))


# --- what they come to -------------------------------------------------------------


def setup_failed(step: NewEvidence, timeout_ms: int) -> str:
    """Why a command of workspace.setup was the last one, in words."""
    name, took_ms = f"workspace.setup '{step.command}'", step.duration_ms or 0
    if cannot_run(step.exit_code, step.tail):
        how = why_not(name, step.exit_code, step.tail)
    elif step.exit_code is not None:
        how = f"{name} failed (exit {step.exit_code})"
    else:
        limit = ", the limit of workspace.timeoutMs" if took_ms >= timeout_ms else ""
        how = f"{name} was ended after {took_ms / 1000:.0f} s{limit}"
    return f"{how}; its last output:\n{step.tail[-1500:]}"


def why_none_can_run(checks: Iterable[NewEvidence]) -> str | None:
    """Which checks miss a program, with the way out; None where all could be run."""
    unable = [piece for piece in checks if cannot_run(piece.exit_code, piece.tail)]
    if not unable:
        return None
    whys = [why_not(f"check '{one.name}'", one.exit_code, one.tail) for one in unable]
    return f"{'; '.join(whys)}. {WAY_OUT}"


async def need_programs(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    kept: Snapshot,
    checks: Sequence[NewEvidence],
) -> None:
    """Raise CannotRun for checks that miss a program, since no agent can do anything about that.

    Where the work itself names what is missing, as a script that it deletes or calls by a wrong
    name, the work is to blame: such a check is red.
    """
    unable = [piece for piece in checks if cannot_run(piece.exit_code, piece.tail)]
    if not unable:
        return
    changes = await _changes(parts, lease, assignment, kept)
    reason = why_none_can_run(one for one in unable if not _is_named(one, changes))
    if reason is not None:
        raise CannotRun(reason)


async def _changes(
    parts: Parts, lease: Lease, assignment: Assignment, kept: Snapshot
) -> Sequence[str]:
    """The lines that the assignment has added so far, and the names of the files it changed."""
    base = assignment.base_commit or kept.parent_commit
    patch = parts.folder_of(lease.run.id).path / "since-base.patch"
    await parts.workspaces.diff(lease.namespace, base, kept.commit, patch)
    text = await anyio.to_thread.run_sync(_beginning, patch)
    return [line for line in text.splitlines() if line.startswith(("+", "diff --git "))]


def _is_named(check: NewEvidence, changes: Sequence[str]) -> bool:
    missing = what_is_missing(check.tail)
    if missing is None:
        return False
    name = re.compile(rf"(?<![\w-]){re.escape(missing.removeprefix('./'))}(?![\w-])")
    return any(name.search(line) for line in changes)


def _beginning(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MAX_PATCH).decode(errors="replace")
