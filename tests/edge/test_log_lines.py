"""A line of the log as a person reads it."""

import json

import click

from wfd.edge.log_lines import entry, shown


def test_a_line_leaves_out_what_is_empty_and_what_only_a_program_asks_for() -> None:
    logged = {
        "event": "run.closed",
        "level": "info",
        "timestamp": "2026-11-20T12:04:31Z",
        "job_id": 3,
        "outcome": "succeeded",
        "exit_code": 0,
        "message": "",
        "cost_usd": None,
        "checks": {},
        "session_id": "9dbf7a4e",
        "snapshot": "42413758",
    }
    line = click.unstyle(shown(entry(json.dumps(logged).encode())))
    assert line == "2026-11-20 12:04:31 info    run.closed job_id=3 outcome=succeeded exit_code=0"
