"""wfctl's lists: queue, assignments, jobs, locks. They are asked for often and import little."""

from typing import TYPE_CHECKING

import click

from wfd.commands import listing
from wfd.commands.scope import assignment_in
from wfd.ctl.scene import (
    list_options,
    scene_of,
    tell_cut,
    tell_daemon_is_down,
    watch_option,
    wide_scene,
)
from wfd.domain import ids
from wfd.domain.assignment import AssignmentState
from wfd.domain.job import JobState, WaitsFor
from wfd.edge.lists import print_assignments, print_jobs, print_locks, print_queue
from wfd.edge.shell import is_terminal, print_document
from wfd.edge.watch import draw_or_watch
from wfd.edge.words import plural

if TYPE_CHECKING:
    from wfd.edge.ai_words import Ais
    from wfd.ports import Read


@click.command()
@list_options
@watch_option
def queue(
    namespace: str | None, is_all: bool, limit: int, as_json: bool, watch_s: float | None
) -> None:
    """List the open jobs, in the order in which they will run.

    Columns: job, assignment, namespace, type, state, priority, harness, waits for, made, lane,
    locks.
    """

    def draw() -> None:
        with wide_scene(namespace, is_all) as (read, here, now):
            found = listing.queue(read, here, limit)
            waiting = listing.open_questions(read, here)
            ais = {} if as_json else _ais_of(read, found)
        if as_json:
            print_document(found)
            return
        print_queue(found, now, ais, is_all=is_all)
        tell_cut(len(found), limit)
        if waiting and is_terminal():
            click.secho(f"{plural(waiting, 'question')} for you: wfctl inbox", fg="yellow")
        if found:
            tell_daemon_is_down()

    draw_or_watch(draw, watch_s)


@click.command()
@click.option("--status", type=click.Choice([s.value for s in AssignmentState]))
@list_options
@watch_option
def assignments(
    status: str | None,
    namespace: str | None,
    is_all: bool,
    limit: int,
    as_json: bool,
    watch_s: float | None,
) -> None:
    """List assignments, the newest first.

    Columns: assignment, namespace, state, open jobs, jobs, cost, tokens, the PM's share,
    made, goal. A narrow terminal leaves some of them out, the goal never.
    """
    state = None if status is None else AssignmentState(status)

    def draw() -> None:
        with wide_scene(namespace, is_all) as (read, here, now):
            found = listing.assignments(read, here, state, limit)
        if as_json:
            print_document(found)
            return
        print_assignments(found, now, is_all=is_all)
        tell_cut(len(found), limit)

    draw_or_watch(draw, watch_s)


@click.command()
@click.argument("assignment_id", metavar="[ASSIGNMENT]", type=ids.assignment_id, required=False)
@click.option("--state", type=click.Choice([s.value for s in JobState]))
@click.option("--type", "job_type", metavar="TYPE")
@list_options
def jobs(
    assignment_id: int | None,
    state: str | None,
    job_type: str | None,
    namespace: str | None,
    is_all: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, the newest first; those of one assignment if it is named.

    Columns: job, assignment, namespace, type, state, outcome, attempt, by, made, took.
    """
    wanted = None if state is None else JobState(state)
    if assignment_id is None:
        with wide_scene(namespace, is_all) as (read, here, now):
            found = listing.jobs(read, here, None, wanted, job_type, limit)
    else:
        with scene_of(namespace, f"A{assignment_id}") as there:
            of = assignment_in(there.read, None, assignment_id)
            found, now = listing.jobs(there.read, None, of, wanted, job_type, limit), there.now
    if as_json:
        print_document(found)
        return
    print_jobs(found, now, is_all=is_all)
    tell_cut(len(found), limit)


def _ais_of(read: "Read", found: list[listing.QueuedJob]) -> "Ais":
    """How they stand, if a job waits for one."""
    if not any(job.waits_for is WaitsFor.AI for job in found):
        return {}
    from wfd.ctl.ai import ais_now

    return ais_now(read)


@click.command()
@list_options
@watch_option
def locks(
    namespace: str | None, is_all: bool, limit: int, as_json: bool, watch_s: float | None
) -> None:
    """List which jobs hold path locks, and which wait for them.

    Columns: job, assignment, namespace, type, has or waits, lane, paths, waits for, made.
    """

    def draw() -> None:
        with wide_scene(namespace, is_all) as (read, here, now):
            found = listing.locks(read, here, limit)
        if as_json:
            print_document(found)
            return
        print_locks(found, now, is_all=is_all)
        tell_cut(len(found), limit)

    draw_or_watch(draw, watch_s)
