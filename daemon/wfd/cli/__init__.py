"""wfd: the daemon, and what it needs of a machine and of a repository."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

import wfd
from wfd.adapters.place import place
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import (
    SHELLS,
    Group,
    is_completing,
    is_terminal,
    print_completion,
    print_document,
    run,
)
from wfd.edge.words import ago, iso, local_time, plural, tame
from wfd.rules.size import size


@click.group(
    cls=Group,
    elsewhere={"namespace": "wfd.cli.namespaces"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(wfd.__version__, prog_name="wfd")
def wfd_command() -> None:
    """Turn intent into finished, checked work by running coding agents headless."""


@wfd_command.command()
@click.option("--detach", is_flag=True, help="Run in the background.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A configuration file beside your own; its keys win.",
)
@click.option("--jobs", type=click.IntRange(1), help="How many agents may run at once.")
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the log goes, instead of the state folder.",
)
@click.option("--quiet", is_flag=True, hidden=True, help="Log only to the file.")
def start(
    detach: bool, config_file: Path | None, jobs: int | None, log_file: Path | None, quiet: bool
) -> int:
    """Run the daemon; Ctrl-C or 'wfd stop' lets running work end."""
    config_file = config_file and config_file.absolute()
    log_file = log_file and log_file.absolute()
    if detach:
        from wfd.cli.daemon import start_detached

        started = start_detached(place(), config_file, jobs, log_file)
        click.echo(f"wfd runs (pid {started.pid}); its log is {started.log}")
        if started.refusal is not None:
            click.echo(f"wfd: no agent will be started: {started.refusal}", err=True)
            click.echo("    to see how to fix it: wfd doctor", err=True)
        return 0
    from wfd.app import serve

    return serve(place(), config_file, _flags(jobs, log_file), to_stdout=not quiet)


@wfd_command.command()
@click.option("--now", is_flag=True, help="Interrupt running work; it resumes at the next start.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0), default=120, show_default=True,
    metavar="SECONDS", help="How long to wait for it to end.",
)  # fmt: skip
def stop(now: bool, timeout_s: float) -> None:
    """Stop the daemon and wait for it to end."""
    from wfd.cli.daemon import stop_daemon

    refuse_in_a_run(os.environ)

    pid = stop_daemon(place(), at_once=now, timeout_s=timeout_s, tell=_tell_progress)
    click.echo(f"wfd (pid {pid}) has stopped")


@wfd_command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def status(as_json: bool) -> None:
    """Show whether the daemon runs, and what it does. Exit code 6 when it does not run."""
    from wfd.cli.daemon import ask

    answer = ask(place(), "daemon.status")
    if as_json:
        print_document(answer)
    else:
        _print_status(answer)


@wfd_command.command()
def reload() -> None:
    """Have the daemon read its configuration again; an invalid one is refused."""
    from wfd.cli.daemon import ask

    refuse_in_a_run(os.environ)
    changed = ask(place(), "daemon.reload")["changed"]
    assert isinstance(changed, list)
    click.echo(f"changed: {', '.join(changed)}" if changed else "nothing has changed")


@wfd_command.command()
@click.option("--checks", "with_checks", is_flag=True, help="Also run set-up and checks.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(with_checks: bool, as_json: bool) -> int:
    """Check that everything wfd needs is installed. Exit code 1 when something is missing.

    --checks runs the set-up and the checks of the repository that you stand in once, in a fresh
    clone of HEAD, shows their output as it comes, and says what each took. Nothing of it is kept.
    """
    from wfd.cli.doctor import findings, print_findings

    found = findings()
    if with_checks:
        from wfd.cli.trial_here import try_here

        found += try_here(place(), is_shown=not as_json)
    if as_json:
        print_document({"ok": not any(f.is_bad for f in found), "findings": found})
    else:
        print_findings(found)
    return 1 if any(f.is_bad for f in found) else 0


@wfd_command.command()
@click.option("--name", help="Name of the namespace; by default the folder's.")
@click.option("--try", "with_trial", is_flag=True, help="Also run set-up and checks once.")
def init(name: str | None, with_trial: bool) -> int:
    """Register the repository that you stand in, and propose its configuration.

    Writes .wfd/config.json where there is none, and adds nothing to git. This also accepts what the
    file says; after an edit, 'wfd trust' accepts it again.

    --try then runs set-up and checks in a fresh clone of HEAD, shows their output as it comes, and
    says what each took. Nothing of it is kept. Exit code 1 when one of them fails.
    """
    from wfd.cli.repository import print_set_up, set_up

    print_set_up(set_up(place(), Path.cwd(), name))
    if not with_trial:
        return 0
    from wfd.cli.trial_here import print_trial

    return print_trial(place())


@wfd_command.command()
def trust() -> None:
    """Accept .wfd/config.json of this repository as it is now: the daemon runs what it names."""
    from wfd.cli.repository import accept

    click.echo(accept(place(), Path.cwd()))


@wfd_command.command()
@click.option("--harness", default="sim", show_default=True, help="Which agent does the work.")
@click.option("--plain", is_flag=True, help="Plain lines, without colours or a moving line.")
def demo(harness: str, plain: bool) -> int:
    """Show what wfd does, on a sample repository; the sim agent needs no account."""
    from wfd.cli.demo import run_demo

    return run_demo(harness, plain=plain)


@wfd_command.command("install-service")
@click.option("--system", is_flag=True, help="For the whole machine, running as you; systemd only.")
@click.option("--print", "is_dry", is_flag=True, help="Show the unit, and write nothing.")
@click.option("--for", "kind", type=click.Choice(["systemd", "launchd"]), hidden=True)
def install_service(system: bool, is_dry: bool, kind: str | None) -> None:
    """Have systemd or launchd keep the daemon running: write its unit, and say what to type."""
    from wfd.cli.service import install, unit_here

    refuse_in_a_run(os.environ)
    unit = unit_here(place(), system=system, kind=kind)
    if is_dry:
        click.echo(unit.text, nl=False)
    else:
        click.echo(install(unit))


@wfd_command.command("uninstall-service")
@click.option("--system", is_flag=True, help="Remove the unit for the whole machine.")
def uninstall_service(system: bool) -> None:
    """Stop the service and remove its unit. State, configuration and keys stay."""
    from wfd.cli.service import uninstall, unit_here

    refuse_in_a_run(os.environ)
    click.echo(uninstall(unit_here(place(), system=system, kind=None)))


@wfd_command.command()
def version() -> None:
    """Print the version of wfd."""
    click.echo(wfd.__version__)


@wfd_command.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the shell's completion script: eval "$(wfd completion bash)"."""
    print_completion(wfd_command, "wfd", shell)


def main() -> NoReturn:
    if is_completing("wfd"):
        from wfd.completing import complete_values  # late: only a shell asks for it

        complete_values()
    run(wfd_command, "wfd")


def _flags(jobs: int | None, log_file: Path | None) -> dict[str, object]:
    flags: dict[str, object] = {}
    if jobs is not None:
        flags["limits"] = {"jobs": jobs}
    if log_file is not None:
        flags["log"] = {"file": str(log_file)}
    return flags


def _tell_progress(running: int) -> None:
    click.echo(f"waiting for {plural(running, 'running job')} to end …", err=True)


def _print_status(answer: dict[str, Any]) -> None:
    from wfd.store.alone import utc_ms

    doing = "stopping, starts nothing new" if answer["draining"] else "running"
    refused = answer.get("config_refused")  # a daemon of before an update does not say
    if not is_terminal():
        rows = {
            "state": doing,
            **answer,
            "started_at": iso(answer["started_at"]),
            "running": ",".join(answer["running"]) or "-",
            "by_hand": ",".join(answer["by_hand"]) or "-",
            "questions": "-" if answer["questions"] is None else answer["questions"],
            "refusal": answer.get("refusal") or "-",
            "config_refused": _refused(refused),
            "trouble": answer["trouble"]["reason"] if answer["trouble"] else "-",
            "overdue": ",".join(answer["overdue"]) or "-",
            "disk": " ".join(f"{name}={value}" for name, value in answer["disk"].items()),
        }
        del rows["draining"]
        click.echo("\n".join(f"{key}\t{value}" for key, value in rows.items()))
        return
    since = ago(answer["started_at"], utc_ms())
    click.echo(f"wfd {answer['version']} is {doing} (pid {answer['pid']}, started {since})")
    jobs = answer["running"]
    click.echo(f"  {len(jobs)} of {plural(answer['limit'], 'job')} {', '.join(jobs)}".rstrip())
    if answer["by_hand"]:
        click.echo(f"  by hand: {', '.join(answer['by_hand'])}")
    if answer["questions"]:
        waiting = plural(answer["questions"], "question")
        click.secho(f"  {waiting} for you: wfctl inbox --all", fg="yellow")
    click.echo(f"  contained by: {answer.get('containment', 'unknown')}")
    disk = answer["disk"]
    sizes = f"store {size(disk['store'] + disk['log'])}, {size(disk['free'])} free on its disk"
    click.echo(f"  {sizes}")
    if answer.get("refusal") is not None:
        click.echo(f"  no agent is started: {answer['refusal']}; see: wfd doctor")
    if refused:
        since = ago(refused["since"], utc_ms())
        click.secho(f"  the configuration on disk was refused {since}", fg="yellow", nl=False)
        click.secho(f", the last good one is in effect: {tame(refused['error'])}", fg="yellow")
    for line in _warnings(answer):
        click.secho(f"  {tame(line)}", fg="red")


def _refused(refused: dict[str, Any] | None) -> str:
    return "-" if refused is None else tame(f"{iso(refused['since'])} {refused['error']}")


def _warnings(answer: dict[str, Any]) -> Iterator[str]:
    trouble = answer["trouble"]
    if trouble:
        yield f"no new work since {local_time(trouble['since'])}: {trouble['reason']}"
    if answer["disk"]["is_short"]:
        yield "no new work: the disk has less free space than limits.freeBytes requires"
    for loop in answer["overdue"]:
        yield f"the loop '{loop}' hangs: read the log, then wfd stop --now and wfd start"
