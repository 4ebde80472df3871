"""wfctl's views of what is going on: tail a job's agent, follow the daemon's log."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wfd.adapters.place import Place, place
from wfd.commands.inspect import last_run
from wfd.commands.scope import job_in, namespace_of
from wfd.ctl.scene import namespace_option, scene_of
from wfd.domain import ids
from wfd.domain.assignment import Assignment
from wfd.domain.errors import BadInput, NotFound, WfdError
from wfd.domain.job import MERGE, Job
from wfd.domain.run import Run, RunState
from wfd.domain.run_folder import Phase, RunFolder
from wfd.domain.signal import Signal
from wfd.edge import log_lines, stream
from wfd.edge.command_output import LAST_BYTES, OutputLine, outputs
from wfd.edge.document import dumps
from wfd.edge.follow import follow, follow_together, last_lines
from wfd.edge.shell import is_terminal, print_document
from wfd.edge.take_branch import ways_to_take
from wfd.edge.words import one_line, tame
from wfd.store.alone import reading, utc_ms

if TYPE_CHECKING:
    from wfd.ports import Harness


@dataclass(frozen=True)
class _Heard:
    """A signal, and where it was said."""

    signal: Signal
    is_stderr: bool

    def shown(self) -> str | None:
        show = stream.shown_from_stderr if self.is_stderr else stream.shown
        return show(self.signal, utc_ms())

    def document(self) -> dict[str, object]:
        """The signal's own, and "from" where that is stderr."""
        made = stream.document(self.signal)
        return {**made, "from": "stderr"} if self.is_stderr else made


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option(
    "-f/-n",
    "--follow/--no-follow",
    "wants_follow",
    default=None,
    help="Follow the run until it ends.",
)
@click.option("--raw", is_flag=True, help="The agent's stream as it came.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document per line.")
@namespace_option
def tail(
    job_id: int, wants_follow: bool | None, raw: bool, as_json: bool, namespace: str | None
) -> None:
    """Show what a job's agent says and does in its newest run, until it ends.

    While the run goes on, the output of its set-up and its checks is shown as it comes, too; of
    older output, only the end.

    What a CLI says on stderr, such as that it tries again, is marked "stderr". While the run
    is followed it comes among the rest as it is written. What is there already when tail
    begins has no times to sort it by: stderr's lines then stand before the stream's.

    --json gives one document per line, and with --no-follow one document in all. --raw is the
    stream alone.
    """
    if raw and as_json:
        raise BadInput("--raw and --json exclude each other")
    with scene_of(namespace, f"J{job_id}") as here:
        found = job_in(here.read, here.namespace.name, job_id)
        run = last_run(here.read, found)
        where = here.place
    if run is None:
        raise NotFound(f"J{job_id} has no run yet; 'wfctl job J{job_id}' says what it waits for")
    if run.by_hand is not None:
        raise NotFound(f"R{run.id} is by hand ({run.by_hand}), so there is no stream of it")
    if run.state is RunState.RUNNING and run.spawned_at is None and is_terminal():
        click.echo(f"J{job_id} prepares its workspace; its agent begins after that", err=True)
    is_done = _end_of(where, run, is_following=wants_follow is not False)
    if raw:
        with closing(follow(where.run_folder(run.id).transcript, is_done=is_done)) as lines:
            _print_raw(lines)
    else:
        with closing(_heard(where, run, is_done)) as heard:
            if as_json and wants_follow is False:
                print_document([one.document() for one in heard])
            else:
                _print_heard(heard, as_json=as_json)
    if is_terminal() and not as_json:
        _tell_end(where, run)


@click.command()
@click.option("-f", "--follow", "wants_follow", is_flag=True, help="Print new lines as they come.")
@click.option("-n", "--lines", "count", type=click.IntRange(0), default=100, show_default=True)
@click.option(
    "--level", type=click.Choice(log_lines.LEVELS), default="debug", help="The lowest level."
)
@click.option("--job", "job_id", type=ids.job_id, metavar="JOB", help="Only lines of this job.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; with -f one per line.")
def logs(wants_follow: bool, count: int, level: str, job_id: int | None, as_json: bool) -> None:
    """Show the daemon's log: the last -n lines that match.

    Exit code 3 for a job that is neither in the log nor in the store.
    """
    path = place().log_path
    if not path.exists() and not wants_follow:
        raise NotFound(f"there is no log at {path} yet; 'wfd start' begins one")

    def is_wanted(line: bytes) -> bool:
        return log_lines.is_wanted(log_lines.entry(line), level, job_id)

    lines, offset = last_lines(path, count, is_wanted)
    if job_id is not None and not lines:
        _look_for_job(path, job_id, level, tells=count > 0 and not wants_follow)
    coming = filter(is_wanted, follow(path, offset)) if wants_follow else ()
    wanted = map(log_lines.entry, chain(lines, coming))
    if as_json and not wants_follow:
        print_document(list(wanted))
        return
    for one in wanted:
        click.echo(dumps(one) if as_json else log_lines.shown(one))
        sys.stdout.flush()


def _look_for_job(path: Path, job_id: int, level: str, *, tells: bool) -> None:
    """Say that there is no line of it. Raises NotFound for no such job."""

    def is_of_job(line: bytes) -> bool:
        return log_lines.is_wanted(log_lines.entry(line), log_lines.LEVELS[0], job_id)

    is_there, _ = last_lines(path, 1, is_of_job)
    if not is_there and _is_unknown(job_id):
        raise NotFound(f"no job J{job_id}; 'wfctl jobs' lists them")
    if tells:
        of_level = f" of level {level} or above" if is_there else ""
        click.echo(f"no line of J{job_id}{of_level} in {path}", err=True)


def _is_unknown(job_id: int) -> bool:
    """Whether the store says so. One that cannot be read keeps nobody from the log."""
    try:
        with reading(place().store_path) as read:
            return read.one(Job, "job_by_id", id=job_id) is None
    except WfdError:
        return False


def _end_of(where: Place, run: Run, *, is_following: bool) -> Callable[[], bool]:
    """Whether there is no more to come."""
    if run.state is RunState.RUNNING and is_following:
        return lambda: _is_closed(where.store_path, run)
    if not where.run_folder(run.id).transcript.exists():
        raise NotFound(f"R{run.id} has no transcript; {_why_none(run)}")
    return lambda: True


def _why_none(run: Run) -> str:
    if run.spawned_at is None:
        return "its agent never started"
    return f"its folder runs/R{run.id} was pruned, or moved away"


def _is_closed(store: Path, run: Run) -> bool:
    now = _run_now(store, run)
    return now is None or now.state is RunState.CLOSED


def _run_now(store: Path, run: Run) -> Run | None:
    with reading(store) as read:
        return read.one(Run, "run_by_id", id=run.id)


def _heard(where: Place, run: Run, is_done: Callable[[], bool]) -> Generator[_Heard | OutputLine]:
    folder = where.run_folder(run.id)
    harness = None if run.harness == MERGE else _harness_of(run)
    codec = None if harness is None else harness.codec()
    paths, begins = _files(folder, shows_commands=run.state is RunState.RUNNING)
    with closing(follow_together(paths, begins=begins, is_done=is_done)) as lines:
        for path, line in lines:
            if path.parent != folder.path:
                yield OutputLine(path, line)
            elif harness is not None and path == folder.stderr:
                yield from (_Heard(one, True) for one in stream.on_stderr(harness, [line]))
            elif codec is not None:
                yield from (_Heard(one, False) for one in codec.read(line))


def _files(
    folder: RunFolder, *, shows_commands: bool
) -> tuple[Callable[[], list[Path]], Callable[[Path], int]]:
    """The files to follow, in the order of what they tell, and where each of them begins."""
    agents = [folder.stderr, folder.transcript]
    if not shows_commands:
        return lambda: agents, lambda path: 0
    there = {path: max(0, path.stat().st_size - LAST_BYTES) for path in outputs(folder, *Phase)}

    def paths() -> list[Path]:
        before = outputs(folder, Phase.SETUP, Phase.BASELINE)
        return [*before, *agents, *outputs(folder, Phase.CHECKS)]

    return paths, lambda path: there.get(path, 0)


def _harness_of(run: Run) -> "Harness":
    from wfd_runners import harnesses

    known = harnesses()
    if run.harness not in known:
        raise NotFound(f"R{run.id} ran with '{run.harness}', which this wfd cannot read; use --raw")
    return known[run.harness]


def _print_heard(heard: Iterator[_Heard | OutputLine], *, as_json: bool) -> None:
    of: Path | None = None
    for one in heard:
        log = one.log if isinstance(one, OutputLine) else None
        if log != of and isinstance(one, OutputLine) and not as_json:
            click.secho(f"— {one.title}", bold=True)
        of = log
        text = dumps(one.document()) if as_json else one.shown()
        if text is not None:
            click.echo(text)
            sys.stdout.flush()


def _print_raw(lines: Iterator[bytes]) -> None:
    for line in lines:
        if is_terminal():
            click.echo(tame(line.decode("utf-8", "replace")))
        else:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()


def _tell_end(where: Place, run: Run) -> None:
    now = _run_now(where.store_path, run)
    if now is not None and now.outcome is not None:
        said = f": {one_line(now.message)}" if now.message else ""
        click.secho(f"R{now.id} ended {now.outcome}{said}", dim=True)
        _tell_how_to_take(where, now)


def _tell_how_to_take(where: Place, run: Run) -> None:
    """Where this was the last run of an assignment that is complete."""
    with reading(where.store_path) as read:
        found = read.one(Assignment, "assignment_by_id", id=run.assignment_id)
        assert found is not None, "a row points at its assignment"
        namespace = namespace_of(read, found.namespace_id)
    ways = list(ways_to_take(found, namespace, Path.cwd()))
    if ways:
        click.echo(f"A{found.id} is {found.state}:")
    for command, does in ways:
        click.echo(f"  {command}  # {does}")
