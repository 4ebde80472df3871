"""What is kept of an agent's end until its run is closed, whoever closes it."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.engine import recover, transcript_end
from wfd.engine.exit import Exit
from wfd.engine.lease import take_work

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run


@pytest.mark.parametrize(
    "seen",
    [
        Exit(0, EndedBy.NONE),
        Exit(-9, EndedBy.CANCEL),
        Exit(None, EndedBy.STALL, "it only tried again for 10m: caf\u00e9\nis shut"),
    ],
)
def test_an_exit_that_was_kept_is_found_again(tmp_path: Path, seen: Exit) -> None:
    seen.keep(tmp_path / "exit")
    assert Exit.kept(tmp_path / "exit") == seen


@pytest.mark.parametrize("half", ["", "stall", "stall x", "stal"])
def test_one_that_was_kept_by_half_is_none(tmp_path: Path, half: str) -> None:
    assert Exit.kept(tmp_path / "exit") is None
    (tmp_path / "exit").write_text(half)
    assert Exit.kept(tmp_path / "exit") is None


def test_our_reason_is_the_outcomes_unless_the_agent_came_to_a_result() -> None:
    seen = Exit(None, EndedBy.STALL, "it only tried again")
    stalled = Conclusion(Outcome(Kind.STALLED, "it fell silent"))
    done = Conclusion(Outcome(Kind.SUCCEEDED))
    assert seen.told_of(stalled).outcome == Outcome(Kind.STALLED, "it only tried again")
    assert seen.told_of(done) == done
    assert Exit(None, EndedBy.STALL).told_of(stalled) == stalled


async def test_after_a_kill_the_reason_stands_and_a_dead_cli_tries_nothing_any_more(
    bench: "Bench",
) -> None:
    async with bench.opened() as engine:
        one, run = await _killed(engine)
        parts = engine.parts
        await parts.store.write(
            lambda tx: tx.run("record_activity", id=run.id, activity="tries again", retries=7)
        )
        folder = parts.folder_of(run.id)
        begun = {"type": "system", "subtype": "init", "session_id": "s"}
        folder.transcript.write_text(json.dumps(begun) + "\n")
        Exit(None, EndedBy.STALL, "it only tried again for 10m: refused").keep(folder.exit)

        (lease,) = await recover.end_orphans(parts)

        found = (await engine.runs(one))[0]
        assert (found.state, found.activity, found.retries) == ("running", None, 7)
        ended = transcript_end.read_end(parts, lease)
        said = Outcome(Kind.STALLED, "it only tried again for 10m: refused")
        assert (ended.conclusion.outcome, ended.ended_by) == (said, EndedBy.STALL)


async def test_a_clock_time_is_read_as_of_when_the_agent_said_it(bench: "Bench") -> None:
    said_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    words = "You've hit your session limit \u00b7 resets 1:06pm (UTC)"
    limit = {"type": "result", "subtype": "success", "is_error": True, "result": words}
    async with bench.opened() as engine:
        _, run = await _killed(engine)
        transcript = engine.parts.folder_of(run.id).transcript
        transcript.write_text(json.dumps(limit) + "\n")
        os.utime(transcript, (said_at.timestamp(), said_at.timestamp()))

        (lease,) = await recover.end_orphans(engine.parts)
        outcome = transcript_end.read_end(engine.parts, lease).conclusion.outcome

    assert outcome.kind is Kind.RATE_LIMITED
    assert outcome.reset_at == said_at.replace(hour=13, minute=6).timestamp() * 1000


async def _killed(engine: "Opened") -> "tuple[AssignmentId, Run]":
    """A run that a daemon left open when it was killed, with nothing in its folder yet."""
    parts = engine.parts
    one = await engine.create("Greet", type="implement", context="Greet")
    terms = engine.terms(worker="killed", ttl_ms=1000)
    taken = await parts.store.write(lambda tx: take_work(tx, terms))
    run = taken.leases[0].run
    birth = dict.fromkeys(("pid", "pid_start", "boot_id", "containment")) | {"now": 1}
    await parts.store.write(lambda tx: tx.run("record_spawn", id=run.id, **birth))
    return one, run
