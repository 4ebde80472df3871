"""wfctl's views of what is going on: tail a job's agent, follow the daemon's log."""

import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import click

from wfd.adapters.place import Place, place
from wfd.commands.inspect import last_run
from wfd.commands.scope import job_in
from wfd.ctl.scene import namespace_option, scene
from wfd.domain import ids
from wfd.domain.errors import BadInput, NotFound
from wfd.domain.run import Run, RunState
from wfd.domain.signal import Signal
from wfd.edge import log_lines, stream
from wfd.edge.document import dumps
from wfd.edge.follow import follow, last_lines
from wfd.edge.shell import is_terminal, print_document
from wfd.edge.words import one_line, tame
from wfd.store.alone import reading, utc_ms


@click.command()
@click.argument("job_id", metavar="JOB", type=ids.job_id)
@click.option("-f/-n", "--follow/--no-follow", "wants_follow", default=None, help="Until it ends.")
@click.option("--raw", is_flag=True, help="The agent's stream as it came.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document per line.")
@namespace_option
def tail(
    job_id: int, wants_follow: bool | None, raw: bool, as_json: bool, namespace: str | None
) -> None:
    """What a job's agent says and does. Follows it to its end while it runs.

    --json gives one document per line, and with --no-follow one document in all.
    """
    if raw and as_json:
        raise BadInput("--raw and --json exclude each other")
    with scene(namespace) as here:
        found = job_in(here.read, here.namespace.name, job_id)
        run = last_run(here.read, found)
        where = here.place
    if run is None:
        raise NotFound(f"J{job_id} has no run yet; 'wfctl job J{job_id}' says what it waits for")
    if run.state is RunState.RUNNING and run.spawned_at is None and is_terminal():
        click.echo(f"J{job_id} prepares its workspace; its agent begins after that", err=True)
    with closing(_lines(where, run, is_following=wants_follow is not False)) as lines:
        if raw:
            _print_raw(lines)
        elif as_json and wants_follow is False:
            print_document([stream.document(one) for one in _signals(lines, run)])
        else:
            _print_signals(_signals(lines, run), as_json=as_json)
    if is_terminal() and not as_json:
        _tell_end(where, run)


@click.command()
@click.option("-f", "--follow", "wants_follow", is_flag=True, help="Go on as lines come.")
@click.option("-n", "--lines", "count", type=click.IntRange(0), default=100, show_default=True)
@click.option("--level", type=click.Choice(log_lines.LEVELS), default="debug", help="And above.")
@click.option("--job", "job_id", type=ids.job_id, metavar="JOB", help="Of one job.")
@click.option("--json", "as_json", is_flag=True, help="A document; with -f one per line.")
def logs(wants_follow: bool, count: int, level: str, job_id: int | None, as_json: bool) -> None:
    """The daemon's log. Of the last -n lines, those that are wanted."""
    path = place().log_path
    if not path.exists() and not wants_follow:
        raise NotFound(f"there is no log at {path} yet; 'wfd start' begins one")
    lines, offset = last_lines(path, count)
    entries = (log_lines.entry(line) for line in _and_coming(lines, path, offset, wants_follow))
    wanted = (one for one in entries if log_lines.is_wanted(one, level, job_id))
    if as_json and not wants_follow:
        print_document(list(wanted))
        return
    for one in wanted:
        click.echo(dumps(one) if as_json else log_lines.shown(one))
        sys.stdout.flush()


def _and_coming(lines: list[bytes], path: Path, offset: int, wants_follow: bool) -> Iterator[bytes]:
    yield from lines
    if wants_follow:
        yield from follow(path, offset)


def _lines(where: Place, run: Run, *, is_following: bool) -> Generator[bytes]:
    path = where.run_folder(run.id).transcript
    if run.state is RunState.RUNNING and is_following:
        return follow(path, is_done=lambda: _is_closed(where.store_path, run))
    if not path.exists():
        raise NotFound(f"R{run.id} has no transcript; its agent never started")
    return follow(path, is_done=lambda: True)


def _is_closed(store: Path, run: Run) -> bool:
    now = _run_now(store, run)
    return now is None or now.state is RunState.CLOSED


def _run_now(store: Path, run: Run) -> Run | None:
    with reading(store) as read:
        return read.one(Run, "run_by_id", id=run.id)


def _signals(lines: Iterator[bytes], run: Run) -> Iterator[Signal]:
    from wfd_runners import harnesses

    known = harnesses()
    if run.harness not in known:
        raise NotFound(f"R{run.id} ran with '{run.harness}', which this wfd cannot read; use --raw")
    codec = known[run.harness].codec()
    for line in lines:
        yield from codec.read(line)


def _print_signals(signals: Iterator[Signal], *, as_json: bool) -> None:
    for signal in signals:
        text = dumps(stream.document(signal)) if as_json else stream.shown(signal, utc_ms())
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
