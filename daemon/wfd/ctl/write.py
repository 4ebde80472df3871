"""wfctl's commands that change something. Each is one command to the daemon."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wfd.adapters.place import place
from wfd.commands.scope import namespace_of
from wfd.ctl.after import if_failed_option, many_jobs
from wfd.ctl.scene import job_or_assignment, json_option, look, namespace_option
from wfd.ctl.sending import send_command, tell, unmerged_words
from wfd.ctl.starting import beginning, pin_base, start_options, start_words, tell_left
from wfd.domain import ids
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.dependency import OnFailure
from wfd.domain.errors import BadInput, NotAllowed
from wfd.edge.editor import given_or_written
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import is_terminal, text_or_stdin
from wfd.edge.take_branch import ways_to_take
from wfd.edge.when import moment
from wfd.store.alone import utc_ms

_ABOUT_GOAL = """What do you want? The first line is its title in lists. Say what should be true
when it is done, how to check it, what must not change, and where to look."""

Command = TypeVar("Command", bound=Callable[..., Any])


def _new_job_options(command: Command) -> Command:
    command = click.option(
        "--key", help="An idempotency key: the same key again creates nothing new."
    )(command)
    command = click.option("--priority", type=int, default=0, help="A higher number goes first.")(
        command
    )
    command = click.option(
        "--capability", "capabilities", multiple=True, help="A capability that its AI must have."
    )(command)
    command = click.option(
        "--label", "labels", multiple=True, help="A label that its AI must have."
    )(command)
    command = click.option("--ai", "ai", metavar="NAME", help="The only AI that may do it.")(
        command
    )
    return click.option("--harness", help="The harness, instead of the default of its type.")(
        command
    )


@click.command()
@click.argument("text", metavar="[TEXT|-]", required=False)
@click.option(
    "--type",
    "job_type",
    metavar="TYPE",
    help="The type of the first job, instead of a PM's choice.",
)
@click.option("--context", metavar="TEXT|-", help="What the first job is asked to do.")
@start_options
@_new_job_options
@namespace_option
@json_option
def create(
    text: str | None,
    base: str | None,
    with_changes: bool,
    job_type: str | None,
    context: str | None,
    harness: str | None,
    ai: str | None,
    labels: tuple[str, ...],
    capabilities: tuple[str, ...],
    priority: int,
    key: str | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Start an assignment: say what you want.

    '-' reads it from stdin, and without TEXT your $VISUAL or $EDITOR opens for it. Prints the id of
    the assignment alone when it is not on a terminal.

    Its branch begins at the commit that you stand on, in the worktree that you stand in. What you
    have not committed is named, and not part of it unless you say --with-changes.
    """
    if text == context == "-":
        raise BadInput("only one of the two can come from stdin")
    refuse_in_a_run(os.environ)
    north_star = given_or_written(text, "what you want", _ABOUT_GOAL)
    told_context = None if context is None else text_or_stdin(context)
    began = beginning(namespace, base, with_changes=with_changes)
    answer = send_command(
        "create",
        namespace,
        north_star=north_star,
        type=job_type,
        context=told_context,
        harness=harness,
        ai=ai,
        labels=list(labels),
        capabilities=list(capabilities),
        priority=priority,
        key=key,
        **began.values,
    )
    shown = f"A{answer['assignment']}"
    if answer["created"]:
        pin_base(began, answer["assignment"])
        answer["uncommitted"] = [*began.left.files, *began.left.submodules]
        if not as_json:
            tell_left(began.left)
    told = f"{shown} {_made(answer)}, its first job is J{answer['job']}{start_words(answer)}"
    tell(answer, shown, told, f"wfctl assignment {shown} --watch 2", as_json=as_json)


@click.command("insert-job")
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.option("--type", "job_type", metavar="TYPE", required=True)
@click.option(
    "--context", metavar="TEXT|-", help="What the job is asked to do; without it an editor opens."
)
@click.option("--run-after", metavar="TIME", help="30m, 2h, 1d or 2026-11-21T02:00.")
@click.option(
    "--after", metavar="JOB,…", type=many_jobs, default="", help="Start after these jobs are done."
)
@if_failed_option
@click.option("--lock", "locks", metavar="GLOB", multiple=True, help="A path that it may change.")
@click.option(
    "--parallel",
    is_flag=True,
    help="Run in a lane of its own, which is merged when the job is done.",
)
@_new_job_options
@namespace_option
@json_option
def insert_job(
    assignment_id: int,
    job_type: str,
    context: str | None,
    run_after: str | None,
    after: tuple[int, ...],
    if_failed: str | None,
    locks: tuple[str, ...],
    parallel: bool,
    harness: str | None,
    ai: str | None,
    labels: tuple[str, ...],
    capabilities: tuple[str, ...],
    priority: int,
    key: str | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Put a job of your own into an assignment.

    With --lock it never runs beside another job of this repository that may touch the same paths;
    globs are written as in .gitignore, from the top, and --lock may be given more than once.
    --parallel needs one: the job then runs beside the others of its assignment. A lock is what you
    declare: what the job changes outside of it is not refused, and is merged all the same.

    Prints the id of the job alone when it is not on a terminal.
    """
    if if_failed is not None and not after:
        raise BadInput("--if-failed says what happens when a job of --after fails; name one")
    answer = send_command(
        "insert_job",
        namespace,
        assignment=assignment_id,
        type=job_type,
        context=given_or_written(
            context, "--context", f"What is the {job_type} job of A{assignment_id} to do?"
        ),
        harness=harness,
        ai=ai,
        labels=list(labels),
        capabilities=list(capabilities),
        priority=priority,
        run_after=None if run_after is None else moment(run_after, utc_ms()),
        key=key,
        after=after,
        if_failed=if_failed or OnFailure.WAIT,
        locks=locks,
        parallel=parallel,
    )
    shown = f"J{answer['job']}"
    told = f"{shown} {_made(answer)} in A{assignment_id}"
    if answer["assignment_state"] != AssignmentState.ACTIVE:
        told += f", which is {answer['assignment_state']}: the job waits for that"
    tell(answer, shown, told, f"wfctl job {shown}", as_json=as_json)


@click.command("update-assignment")
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.option("--status", required=True, type=click.Choice([s.value for s in AssignmentState]))
@click.option("--reason", help="Why; the next prompts contain it.")
@click.option("--force", is_flag=True, help="Complete it past its open gates; it is recorded.")
@namespace_option
@json_option
def update_assignment(
    assignment_id: int,
    status: str,
    reason: str | None,
    force: bool,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Pause, block, complete or cancel an assignment, or make it active again."""
    if force and status != AssignmentState.COMPLETE:
        raise BadInput("--force goes with --status complete alone: it passes open gates")
    answer = send_command(
        "update_assignment",
        namespace,
        assignment=assignment_id,
        status=status,
        reason=reason,
        force=force,
    )
    told = f"A{assignment_id} is {answer['state']}{unmerged_words(answer)}"
    next_step = "\n  ".join(_next_steps(assignment_id))
    tell(answer, str(answer["state"]), told, next_step, as_json=as_json)


def _next_steps(assignment_id: int) -> list[str]:
    """How to take its branch where it is complete, or where to look."""
    with look(place()) as read:
        found = read.one(Assignment, "assignment_by_id", id=assignment_id)
        assert found is not None, "a command has just moved it"
        namespace = namespace_of(read, found.namespace_id)
    ways = [command for command, _ in ways_to_take(found, namespace, Path.cwd())]
    return ways or [f"wfctl assignment A{assignment_id}"]


@click.command()
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.argument("text", metavar="[TEXT|-]", required=False)
@namespace_option
@json_option
def note(assignment_id: int, text: str | None, namespace: str | None, as_json: bool) -> None:
    """Add a note to an assignment, for its next prompts.

    Without TEXT your editor opens for it.
    """
    about = f"What should the next prompts of A{assignment_id} know?"
    said = given_or_written(text, "the text of the note", about)
    answer = send_command("note", namespace, assignment=assignment_id, text=said)
    told = f"A{assignment_id} will hear it with its next prompt"
    next_step = f"wfctl assignment A{assignment_id}"
    tell(answer, str(answer["note"]), told, next_step, as_json=as_json)


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option("--changes", metavar="TEXT|-", help="What must be different this time.")
@namespace_option
@json_option
def retry(job_id: int, changes: str | None, namespace: str | None, as_json: bool) -> None:
    """Try a closed job again, as a new job. Prints its id."""
    told_changes = None if changes is None else text_or_stdin(changes)
    answer = send_command("retry_job", namespace, job=job_id, changes=told_changes)
    shown = f"J{answer['job']}"
    tell(answer, shown, f"{shown} tries J{job_id} again", f"wfctl job {shown}", as_json=as_json)


@click.command("retry-step")
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@namespace_option
@json_option
def retry_step(job_id: int, namespace: str | None, as_json: bool) -> None:
    """Do the failed step of a job again. Its agent does not run again."""
    answer = send_command("retry_step", namespace, job=job_id)
    told = f"J{job_id}: its failed step will be done again"
    tell(answer, str(answer["state"]), told, f"wfctl job J{job_id}", as_json=as_json)


@click.command()
@click.argument("thing", metavar="JOB|ASSIGNMENT", type=job_or_assignment)
@click.option("--reason", help="Why; it is recorded.")
@click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask; for an assignment.")
@namespace_option
@json_option
def cancel(
    thing: tuple[str, int], reason: str | None, is_sure: bool, namespace: str | None, as_json: bool
) -> None:
    """Cancel an open job, or a whole assignment (A7) with all that is open in it.

    What is running ends within seconds. The branch and all snapshots of an assignment stay. On a
    terminal it asks before it cancels an assignment.
    """
    letter, number = thing
    if letter == "A":
        _cancel_assignment(number, reason, is_sure, namespace, as_json)
    else:
        _cancel_job(number, reason, namespace, as_json)


def _cancel_assignment(
    number: int, reason: str | None, is_sure: bool, namespace: str | None, as_json: bool
) -> None:
    asks = not is_sure and is_terminal() and sys.stdin.isatty()
    if asks and not click.confirm(f"Cancel A{number} and all that is open in it?"):
        raise NotAllowed(f"A{number} is left as it is")
    answer = send_command(
        "update_assignment",
        namespace,
        assignment=number,
        status=AssignmentState.CANCELLED,
        reason=reason,
    )
    state = str(answer["state"])
    told = f"A{number} is {state}; its branch and its snapshots stay"
    tell(answer, state, told, f"wfctl assignment A{number}", as_json=as_json)


def _cancel_job(job_id: int, reason: str | None, namespace: str | None, as_json: bool) -> None:
    answer = send_command("cancel_job", namespace, job=job_id, reason=reason)
    state = str(answer["state"])
    is_ending = state == "running"
    told = f"J{job_id} is being ended" if is_ending else f"J{job_id} is {state}"
    tell(answer, state, told, f"wfctl job J{job_id}", as_json=as_json)


def _made(answer: dict[str, object]) -> str:
    return "is created" if answer["created"] else "was there already, by this key"
