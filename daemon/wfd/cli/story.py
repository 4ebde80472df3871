"""The demo's story, told from the event table while it happens."""

import json
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.errors import Broken
from wfd.domain.event import Event
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import PM
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.edge.words import duration, one_line
from wfd.ports import Read
from wfd.store.alone import reading

_PAUSE_S = 0.1


class Story:
    def __init__(self, store: Path, console: Console, *, plain: bool) -> None:
        self._store = store
        self._console = console
        self._plain = plain
        self._began = time.monotonic()
        self._seq = 0

    def follow(self, assignment_id: int, deadline_s: float) -> Assignment:
        """Tell what happens until the assignment is no longer active, and return it.

        Raises Broken when that takes longer than `deadline_s`.
        """
        with self._status() as status:
            while True:
                with reading(self._store) as read:
                    for event in read.all(Event, "events_after", seq=self._seq, limit=500):
                        self._seq = event.seq
                        self._tell(read, event, status)
                    found = read.one(Assignment, "assignment_by_id", id=assignment_id)
                assert found is not None
                if found.state is not AssignmentState.ACTIVE:
                    return found
                if time.monotonic() - self._began > deadline_s:
                    raise Broken(f"A{assignment_id} was still {found.state} after {deadline_s:g} s")
                time.sleep(_PAUSE_S)

    def _status(self) -> AbstractContextManager[Status | None]:
        return nullcontext() if self._plain else self._console.status("starting")

    def _tell(self, read: Read, event: Event, status: Status | None) -> None:
        data = json.loads(event.data)
        match event.kind:
            case "run.leased":
                if status is not None:
                    status.update(f"J{event.job_id} {data['type']} is running ({data['harness']})")
            case "run.closed":
                self._tell_run(read, event, data)
            case "decision.made":
                choice = data["choice"].replace("_", " ")
                why = escape(one_line(data["reason"], 90))
                self._line(f"    → {data['by']} decides: [bold]{choice}[/]. {why}")
            case "assignment.created":
                self._line(f"A{event.assignment_id} is created")

    def _tell_run(self, read: Read, event: Event, data: dict[str, str]) -> None:
        run = read.one(Run, "run_by_id", id=event.run_id)
        assert run is not None
        took = duration((run.ended_at or run.started_at) - run.started_at)
        if data["type"] == PM and run.outcome is Kind.SUCCEEDED:
            return  # its decision has been told
        said = "" if run.structured else one_line(run.answer or "", 70)
        quoted = f': [italic]"{escape(said)}"[/]' if said else ""
        self._line(f"J{event.job_id:<2} {data['type']:<10} {data['outcome']} in {took}{quoted}")
        for one in read.all(Evidence, "evidence_of", assignment_id=run.assignment_id):
            if one.run_id == run.id and one.kind is not EvidenceKind.DIFF:
                self._line(f"               {_told(one)}")

    def _line(self, text: str) -> None:
        at = time.monotonic() - self._began
        self._console.print(f"{at:5.1f} s  {text}")


def _told(one: Evidence) -> str:
    match one.kind:
        case EvidenceKind.VERDICT:
            return f"verdict: {'[green]pass[/]' if one.ok else '[red]fail[/]'}"
        case EvidenceKind.SETUP:
            return f"set-up '{escape(one.command or '')}': {'done' if one.ok else '[red]failed[/]'}"
        case EvidenceKind.LEFT_OUT | EvidenceKind.FAULT:
            return f"{one.name}: {escape(one_line(one.tail))}"
        case _:
            where = " at the base" if one.kind is EvidenceKind.BASELINE else ""
            colour = "green" if one.ok else "red"
            return f"the daemon ran '{escape(one.name)}'{where}: [{colour}]{colour}[/]"
