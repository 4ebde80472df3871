"""wfctl's commands that change something. Each is one command to the daemon."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from wfd.ctl.after import if_failed_option, many_jobs
from wfd.ctl.scene import json_option, namespace_option
from wfd.ctl.sending import send_command, tell, unmerged_words
from wfd.domain import ids
from wfd.domain.assignment import AssignmentState
from wfd.domain.dependency import OnFailure
from wfd.domain.errors import BadInput
from wfd.edge.shell import text_or_stdin
from wfd.edge.when import moment
from wfd.store.alone import utc_ms

Command = TypeVar("Command", bound=Callable[..., Any])


def _new_job_options(command: Command) -> Command:
    command = click.option("--key", help="The same key again makes nothing new.")(command)
    command = click.option("--priority", type=int, default=0, help="Higher goes first.")(command)
    command = click.option(
        "--capability", "capabilities", multiple=True, help="That its AI must have."
    )(command)
    command = click.option("--label", "labels", multiple=True, help="That its AI must have.")(
        command
    )
    command = click.option("--ai", "ai", metavar="NAME", help="The one AI that may do it.")(command)
    return click.option("--harness", help="Instead of the default of its type.")(command)


@click.command()
@click.argument("text", metavar="TEXT|-")
@click.option("--type", "job_type", metavar="TYPE", help="The first job, instead of a PM's choice.")
@click.option("--context", metavar="TEXT|-", help="What the first job is told.")
@_new_job_options
@namespace_option
@json_option
def create(
    text: str,
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
    """Start an assignment: say what you want. '-' reads it from stdin.

    Prints the id of the assignment alone when it is not on a terminal.
    """
    if text == context == "-":
        raise BadInput("only one of the two can come from stdin")
    answer = send_command(
        "create",
        namespace,
        north_star=text_or_stdin(text),
        type=job_type,
        context=None if context is None else text_or_stdin(context),
        harness=harness,
        ai=ai,
        labels=list(labels),
        capabilities=list(capabilities),
        priority=priority,
        key=key,
    )
    shown = f"A{answer['assignment']}"
    told = f"{shown} {_made(answer)}, its first job is J{answer['job']}"
    tell(answer, shown, told, f"wfctl assignment {shown} --watch 2", as_json=as_json)


@click.command("insert-job")
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.option("--type", "job_type", metavar="TYPE", required=True)
@click.option("--context", metavar="TEXT|-", required=True, help="What the job is told.")
@click.option("--run-after", metavar="TIME", help="30m, 2h, 1d or 2026-11-21T02:00.")
@click.option("--after", metavar="JOB,…", type=many_jobs, default="", help="Once these are done.")
@if_failed_option
@click.option("--lock", "locks", metavar="GLOB", multiple=True, help="A path that it may touch.")
@click.option("--parallel", is_flag=True, help="In a lane of its own, merged when it is done.")
@_new_job_options
@namespace_option
@json_option
def insert_job(
    assignment_id: int,
    job_type: str,
    context: str,
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
        context=text_or_stdin(context),
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
@click.option("--reason", help="Why; the next prompts hear it.")
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
    next_step = f"wfctl assignment A{assignment_id}"
    tell(answer, str(answer["state"]), told, next_step, as_json=as_json)


@click.command()
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.argument("text", metavar="TEXT|-")
@namespace_option
@json_option
def note(assignment_id: int, text: str, namespace: str | None, as_json: bool) -> None:
    """Tell an assignment something that its next prompts should know."""
    answer = send_command("note", namespace, assignment=assignment_id, text=text_or_stdin(text))
    told = f"A{assignment_id} will hear it with its next prompt"
    next_step = f"wfctl assignment A{assignment_id}"
    tell(answer, str(answer["note"]), told, next_step, as_json=as_json)


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option("--changes", metavar="TEXT|-", help="What is to be different this time.")
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
    """Do the step again in which a job failed. Its agent does not run again."""
    answer = send_command("retry_step", namespace, job=job_id)
    told = f"J{job_id}: the step that failed is done again"
    tell(answer, str(answer["state"]), told, f"wfctl job J{job_id}", as_json=as_json)


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option("--reason", help="Why; it is recorded.")
@namespace_option
@json_option
def cancel(job_id: int, reason: str | None, namespace: str | None, as_json: bool) -> None:
    """Cancel an open job; a running one ends within seconds."""
    answer = send_command("cancel_job", namespace, job=job_id, reason=reason)
    state = str(answer["state"])
    is_ending = state == "running"
    told = f"J{job_id} is being ended" if is_ending else f"J{job_id} is {state}"
    tell(answer, state, told, f"wfctl job J{job_id}", as_json=as_json)


def _made(answer: dict[str, object]) -> str:
    return "is created" if answer["created"] else "was there already, by this key"
