"""How a run ended, as its own folder tells: for whoever did not see it end."""

import contextlib
from dataclasses import replace

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.engine.exit import Exit, stderr_of
from wfd.engine.parts import Ended, Lease, Parts, birth_of
from wfd.ports import Codec, End


def read_end(parts: Parts, lease: Lease) -> Ended:
    """What the transcript tells: its own end if it holds one, and else a run that is lost."""
    run, folder = lease.worked, parts.folder_of(lease.worked.id)
    if run.by_hand is not None:
        return ended_by_hand(run)
    harness = parts.harnesses.get(run.harness)
    # before the prompt was recorded the folder was not emptied: what lies there is not its own
    was_ready = run.prompt_hash is not None or run.spawned_at is not None
    if harness is None or not was_ready:
        return lost(lease, Conclusion(Outcome(Kind.LOST), session_id=run.session_id))
    codec = harness.codec()
    was_read = _read(codec, folder)
    kept = Exit.kept(folder.exit)
    exited = kept or Exit(None, EndedBy.NONE)
    # "try again at 1:06 PM" is meant as of then, which may be hours ago
    now = min(parts.clock.now(), _last_word(folder) or parts.clock.now())
    end = End(exited.code, exited.ended_by, stderr_of(folder.stderr), now)
    told = exited.told_of(codec.conclude(end))
    if kept is None and not codec.is_finished:
        told = replace(told, session_id=told.session_id or run.session_id)
        return lost(lease, told, has_begun=was_read or run.spawned_at is not None)
    return Ended(told, exited.by(told), exited.code, birth_of(run), blames_ai=True)


def lost(lease: Lease, told: Conclusion, *, has_begun: bool | None = None) -> Ended:
    """What the transcript has told so far stays known: tools, session, version."""
    run = lease.worked
    message = "the daemon died while it ran"
    if lease.finishes is not None:
        message = f"the transcript of R{run.id} is gone, or does not hold its end any more"
    outcome = Outcome(Kind.LOST, message)
    begun = run.spawned_at is not None if has_begun is None else has_begun
    return Ended(replace(told, outcome=outcome), EndedBy.NONE, None, birth_of(run), has_begun=begun)


def ended_by_hand(run: Run) -> Ended:
    """How work by hand ended: as it was told, or by its silence."""
    was_handed = run.spawned_at is not None
    told = Conclusion(_outcome_by_hand(run), text=run.answer or "")
    return Ended(told, EndedBy.NONE, run.exit_code, None, has_begun=was_handed)


def _outcome_by_hand(run: Run) -> Outcome:
    if run.answer and run.exit_code == 0:  # one that was closed without an answer has an empty one
        return Outcome(Kind.SUCCEEDED)
    if run.answer:
        return Outcome(Kind.FAILED, f"{run.by_hand} gave it up")
    if run.spawned_at is None:
        return Outcome(Kind.INTERRUPTED, "the daemon died before it was handed over")
    return Outcome(Kind.INTERRUPTED, f"{run.by_hand} sent no heartbeat in time")


def _read(codec: Codec, folder: RunFolder) -> bool:
    """Whether there was anything."""
    was_read = False
    with contextlib.suppress(FileNotFoundError), folder.transcript.open("rb") as stream:
        for line in stream:
            was_read = True
            codec.read(line.rstrip(b"\n"))
    return was_read


def _last_word(folder: RunFolder) -> int | None:
    """When the agent last said something, in UTC milliseconds."""
    with contextlib.suppress(FileNotFoundError):
        return folder.transcript.stat().st_mtime_ns // 1_000_000
    return None
