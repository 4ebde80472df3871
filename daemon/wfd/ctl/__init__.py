"""wfctl: look at the queue and give it work."""

from typing import NoReturn

import click

import wfd
from wfd.edge.shell import SHELLS, Group, is_completing, print_completion, run

_COMMANDS = {
    name: f"wfd.{module}"
    for module, names in {
        "ctl.write": "create insert-job update-assignment note retry retry-step cancel",
        "ctl.inbox": "inbox answer approve reject override",
        "ctl.order": "depend lane",
        "ctl.lists": "queue assignments jobs locks",
        "ctl.read": "assignment job evidence diff",
        "ctl.follow": "tail logs",
        "ctl.by_hand": "claim heartbeat finish",
        "ctl.notify": "notify",
        "ctl.settings": "config",
        "ctl.ai": "ai",
        "ctl.transcript": "transcript",
        "ctl.keeping": "backup restore prune",
    }.items()
    for name in names.split()
}


@click.group(
    cls=Group, elsewhere=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(wfd.__version__, prog_name="wfctl")
def wfctl() -> None:
    """Look at the queue and give it work.

    Ids can be typed with or without their letter: A7 is an assignment, J42 a job. On a terminal
    lists are tables; elsewhere they are columns with tabs and no header, and --json gives one
    document. Exit codes: 0 fine, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict,
    6 the daemon is not running, 74 the store is damaged or gone, 75 try later, 130 interrupted.
    """


@wfctl.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the shell's completion script: eval "$(wfctl completion bash)"."""
    print_completion(wfctl, "wfctl", shell)


def main() -> NoReturn:
    if is_completing("wfctl"):
        from wfd.completing import complete_values  # late: only a shell asks for it

        complete_values()
    run(wfctl, "wfctl")
