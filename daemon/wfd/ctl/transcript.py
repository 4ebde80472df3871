"""wfctl transcript: what a finished transcript came to, for looking into a run by hand."""

from collections.abc import Sequence
from pathlib import Path

import click

from wfd.ctl.scene import json_option
from wfd.domain.errors import BadInput, unknown
from wfd.domain.outcome import Conclusion, EndedBy
from wfd.domain.signal import Signal
from wfd.edge import stream
from wfd.edge.document import to_json
from wfd.edge.page import fact, print_page, title
from wfd.edge.shell import print_document
from wfd.edge.table import state_cell
from wfd.edge.when import moment
from wfd.edge.words import NOT_REPORTED, ago, iso, money, one_line
from wfd.store.alone import utc_ms

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--harness", required=True, help="The harness that wrote it.")
@click.option("--exit-code", type=int, help="Exit code of the process; negative for a signal.")
@click.option(
    "--stderr",
    "stderr_file",
    type=_FILE,
    help="What the process wrote to stderr; its meaning is printed first, out of order.",
)
@click.option(
    "--ended-by", type=click.Choice([e.value for e in EndedBy]), default="none", show_default=True
)
@click.option(
    "--at", "ended_at", metavar="TIME", help="When it ended; by default the time of the file."
)
@json_option
def transcript(
    file: Path,
    harness: str,
    exit_code: int | None,
    stderr_file: Path | None,
    ended_by: str,
    ended_at: str | None,
    as_json: bool,
) -> None:
    """Read a stored agent stream again, and print its outcome."""
    from wfd_runners import harnesses
    from wfd_runners.reading import conclude_file

    known = harnesses()
    if harness not in known:
        raise BadInput(unknown("harness", harness, known))
    now = moment(ended_at, utc_ms()) if ended_at else file.stat().st_mtime_ns // 1_000_000
    words = b"" if stderr_file is None else stderr_file.read_bytes()
    stderr = words.decode("utf-8", "replace")
    signals, came = conclude_file(known[harness], file, exit_code, stderr, now, EndedBy(ended_by))
    if as_json:
        print_document(conclusion_document(came))
    else:
        aside = list(stream.on_stderr(known[harness], words.split(b"\n")))
        _print(aside, signals, came, now)


def conclusion_document(came: Conclusion) -> dict[str, object]:
    """{"outcome": {"kind", "reset_at", "message"}, "session_id", "text", "usage", …}"""
    outcome = came.outcome
    return {
        "outcome": {
            "kind": outcome.kind.value,
            "reset_at": None if outcome.reset_at is None else iso(outcome.reset_at),
            "message": outcome.message,
        },
        "session_id": came.session_id,
        "text": came.text,
        "structured": came.structured,
        "usage": to_json(came.usage),
        "cost_usd": came.cost_usd,
        "turns": came.turns,
        "tools": came.tools,
        "cli_version": came.cli_version,
        "model": came.model,
    }


def _print(
    on_stderr: Sequence[Signal], signals: Sequence[Signal], came: Conclusion, now: int
) -> None:
    said = [stream.shown_from_stderr(signal, now) for signal in on_stderr]
    for text in [*said, *(stream.shown(signal, now) for signal in signals)]:
        if text is not None:
            click.echo(text)
    usage = came.usage
    tokens = [f"{n} {noun}" for noun, n in vars(usage).items() if n is not None]
    lines = [
        title("outcome", state_cell(came.outcome.kind), one_line(came.outcome.message)),
        fact("session", came.session_id or NOT_REPORTED),
        fact("cost", money(came.cost_usd)),
        fact("tokens", ", ".join(tokens) or NOT_REPORTED),
        fact("tools", str(came.tools)),
    ]
    if came.outcome.reset_at is not None:
        lines.insert(
            1, fact("reset_at", iso(came.outcome.reset_at), ago(came.outcome.reset_at, now))
        )
    print_page(lines)
