"""wfctl's commands on the order of work: depend, lane."""

import click

from wfd.ctl.after import if_failed_option, many_jobs
from wfd.ctl.scene import json_option, namespace_option
from wfd.ctl.sending import send_command, tell
from wfd.domain import ids
from wfd.domain.assignment import AssignmentState
from wfd.domain.dependency import OnFailure
from wfd.edge.shell import Group


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option(
    "--after", metavar="JOB,…", type=many_jobs, default="", help="Start after these jobs are done."
)
@click.option(
    "--drop", metavar="JOB,…", type=many_jobs, default="", help="Remove these dependencies."
)
@if_failed_option
@namespace_option
@json_option
def depend(
    job_id: int,
    after: tuple[int, ...],
    drop: tuple[int, ...],
    if_failed: str | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Add or remove dependencies of a job that has not begun."""
    answer = send_command(
        "depend",
        namespace,
        job=job_id,
        after=after,
        drop=drop,
        if_failed=if_failed or OnFailure.WAIT,
    )
    told = f"J{job_id} is {answer['state']}"
    if answer["waits_on"]:
        told += f", for {answer['waits_on']}"
    if answer["assignment_state"] != AssignmentState.ACTIVE:
        told += f"; its assignment is {answer['assignment_state']}"
    tell(answer, str(answer["state"]), told, f"wfctl job J{job_id}", as_json=as_json)


@click.group(cls=Group)
def lane() -> None:
    """Manage lanes, where parallel jobs work, each on a branch of its own."""


@lane.command("abandon")
@click.argument("assignment_id", metavar="ASSIGNMENT", type=ids.assignment_id)
@click.argument("name", metavar="LANE")
@click.option("--reason", help="Why; it is recorded.")
@namespace_option
@json_option
def abandon(
    assignment_id: int, name: str, reason: str | None, namespace: str | None, as_json: bool
) -> None:
    """Give up a lane that is not merged; what was done there stays on its branch."""
    answer = send_command(
        "abandon_lane", namespace, assignment=assignment_id, lane=name, reason=reason
    )
    told = f"the lane {name} of A{assignment_id} is abandoned; its branch is {answer['branch']}"
    next_step = f"wfctl assignment A{assignment_id}"
    tell(answer, str(answer["branch"]), told, next_step, as_json=as_json)
