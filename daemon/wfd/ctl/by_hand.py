"""wfctl's work by hand: claim a job, keep it, finish it. The daemon has to run."""

import getpass
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from wfd.adapters import client
from wfd.adapters.place import place
from wfd.ctl.scene import json_option, namespace_name, namespace_option
from wfd.ctl.sending import tell
from wfd.domain import ids
from wfd.domain.errors import WfdError
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import is_terminal, print_document, text_or_stdin
from wfd.edge.words import iso, local_time
from wfd.rules.typed import typed

CLAIM_DEADLINE_S = 3600.0  # set-up and baseline are bounded by time-outs of their own
SLOW_S = 1.0  # a refusal is one transaction


@click.command()
@click.argument("job_id", metavar="[JOB]", type=ids.job_id, required=False)
@click.option(
    "--type", "job_type", metavar="TYPE", help="Take the first job of this type that is ready."
)
@click.option("--as", "by", metavar="NAME", help="Who works on it; by default your user name.")
@namespace_option
@json_option
def claim(
    job_id: int | None, job_type: str | None, by: str | None, namespace: str | None, as_json: bool
) -> None:
    """Take a job yourself, or for an agent that you run. Without JOB it is the first that is ready.

    Prints run, job, workspace and prompt file. Extend the claim with 'wfctl heartbeat', end it
    with 'wfctl finish': snapshot, checks and the PM follow as for any run. A claim that is not
    extended in time goes back to the queue.
    """
    refuse_in_a_run(os.environ)
    with _telling_if_slow("its workspace is being prepared …"):
        taken = _ask(
            "hand.claim",
            timeout_s=CLAIM_DEADLINE_S,
            namespace=namespace_name(namespace, None if job_id is None else f"J{job_id}"),
            job=job_id,
            type=job_type,
            by=by if by is not None else _me(),
        )
    run, job = f"R{taken['run']}", f"J{taken['job']}"
    if as_json:
        print_document(taken)
    elif is_terminal():
        click.echo(
            f"{job} ({taken['type']}) is yours as {run}, until {_moment(taken)}\n"
            f"  {typed('cd', taken['workspace'])}\n"
            f"  its slot    export WFD_SLOT={taken['slot']}\n"
            f"  what to do  {taken['prompt']}\n"
            f"  keep it     wfctl heartbeat {run}\n"
            f"  end it      wfctl finish {run} --result '…'   with --failed, if you give it up"
        )
    else:
        click.echo("\t".join((run, job, str(taken["workspace"]), str(taken["prompt"]))))


@click.command()
@click.argument("run_id", metavar="RUN", type=ids.run_id)
@json_option
def heartbeat(run_id: int, as_json: bool) -> None:
    """Extend your claim on a job. Exit code 5 when it is lost: stop, and write nothing more."""
    kept = _ask("hand.heartbeat", run=run_id)
    plain = iso(_until(kept))
    told = f"R{run_id} is yours until {_moment(kept)}"
    tell(kept, plain, told, f"wfctl finish R{run_id} --result '…'", as_json=as_json)


@click.command()
@click.argument("run_id", metavar="RUN", type=ids.run_id)
@click.option("--result", required=True, metavar="TEXT|-", help="What was done, as a report.")
@click.option("--failed", is_flag=True, help="Give the job up; the result says why.")
@json_option
def finish(run_id: int, result: str, failed: bool, as_json: bool) -> None:
    """End a job that you have claimed. Do not change its workspace after that.

    A review or a uat ends its result with its verdict, as its prompt says. Exit code 5 when the
    job is not yours any more.
    """
    done = _ask("hand.finish", run=run_id, result=text_or_stdin(result), failed=failed)
    shown = f"J{done['job']}"
    told = f"R{run_id} is finished; snapshot, checks and the PM follow"
    tell(done, shown, told, f"wfctl job {shown}", as_json=as_json)


def _ask(control: str, *, timeout_s: float = 10.0, **values: object) -> dict[str, object]:
    refuse_in_a_run(os.environ)
    answer = client.call(place().socket_path, control, values, timeout_s=timeout_s)
    if not isinstance(answer, dict):
        raise WfdError(f"the daemon gave an unexpected answer: {answer!r}")
    return answer


@contextmanager
def _telling_if_slow(what: str) -> Iterator[None]:
    """Whatever is refused, is so at once; what takes longer has begun."""
    told = threading.Timer(SLOW_S, click.echo, (what,), {"err": True})
    if is_terminal():
        told.start()
    try:
        yield
    finally:
        told.cancel()


def _until(answer: dict[str, object]) -> int:
    until = answer["lease_until"]
    assert isinstance(until, int)
    return until


def _moment(answer: dict[str, object]) -> str:
    return local_time(_until(answer))


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"
