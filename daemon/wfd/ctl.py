"""wfctl: look at the queue and give it work."""

from typing import NoReturn

import click

import wfd
from wfd import ctl_follow, ctl_read, ctl_settings, ctl_transcript, ctl_write
from wfd.edge.shell import Group, run

COMPLETION_VARIABLE = "_WFCTL_COMPLETE"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(wfd.__version__, prog_name="wfctl")
def wfctl() -> None:
    """Look at the queue and give it work.

    Ids can be typed with or without their letter: A7 is an assignment, J42 a job. On a terminal
    lists are tables; elsewhere they are columns with tabs and no header, and --json gives one
    document. Exit codes: 0 fine, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict,
    6 the daemon is not running, 75 try later, 130 interrupted.
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """The shell's completion script: eval "$(wfctl completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "the choice above names what click knows"
    click.echo(kind(wfctl, {}, "wfctl", COMPLETION_VARIABLE).source())


for _command in (
    ctl_write.create,
    ctl_write.insert_job,
    ctl_write.update_assignment,
    ctl_write.note,
    ctl_write.retry,
    ctl_write.cancel,
    ctl_read.queue,
    ctl_read.assignments,
    ctl_read.assignment,
    ctl_read.jobs,
    ctl_read.job,
    ctl_read.evidence,
    ctl_read.diff,
    ctl_follow.tail,
    ctl_follow.logs,
    ctl_settings.config,
    ctl_transcript.transcript,
    completion,
):
    wfctl.add_command(_command)


def main() -> NoReturn:
    run(wfctl, "wfctl")


if __name__ == "__main__":
    main()
