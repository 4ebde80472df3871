"""wfctl notify: the rules that tell you what happens, as the running daemon has them."""

import os

import click

from wfd.adapters import client
from wfd.adapters.place import place
from wfd.ctl.scene import json_option
from wfd.domain.errors import WfdError
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import Group, print_document
from wfd.edge.table import Cell, Column, cell, print_table
from wfd.edge.words import ago, plural, tame
from wfd.store.alone import utc_ms

SLOWEST_S = 60.0  # a chat service may take its time


@click.group(cls=Group)
def notify() -> None:
    """List and test the rules that notify you, or a program, of what happens."""


@notify.command("list")
@json_option
def list_rules(as_json: bool) -> None:
    """List the rules, and whether each can send messages.

    Columns: rule, where to, what, namespaces, how it goes.
    """
    rules = client.call(place().socket_path, "notify.list", {})
    if not isinstance(rules, list):
        raise WfdError(f"the daemon gave an unexpected answer: {rules!r}")
    if as_json:
        print_document(rules)
        return
    columns = [
        Column("RULE"),
        Column("TO"),
        Column("ON", can_wrap=True),
        Column("NAMESPACES", can_wrap=True),
        Column("STATE", can_wrap=True),
    ]
    print_table(columns, [_row(rule) for rule in rules], empty="no rules are configured")


@notify.command("test")
@click.argument("rule")
@json_option
def test_rule(rule: str, as_json: bool) -> int:
    """Have the daemon send one real message with RULE. Exit code 1 when it did not arrive."""
    refuse_in_a_run(os.environ)
    told = client.call(place().socket_path, "notify.test", {"rule": rule}, timeout_s=SLOWEST_S)
    if not isinstance(told, dict):
        raise WfdError(f"the daemon gave an unexpected answer: {told!r}")
    if as_json:
        print_document(told)
    elif told["delivered"]:
        click.echo(f"{rule}: the message was accepted")
    else:
        click.echo(f"{rule}: not delivered: {tame(str(told['reason']))}", err=True)
    return 0 if told["delivered"] else 1


def _row(rule: dict[str, object]) -> list[Cell]:
    on, namespaces = rule["on"], rule["namespaces"]
    assert isinstance(on, list)
    return [
        cell(str(rule["rule"])),
        cell(str(rule["to"])),
        cell(", ".join(on)),
        cell(", ".join(namespaces) if isinstance(namespaces, list) else "all"),
        cell(_how_it_goes(rule)),
    ]


def _how_it_goes(rule: dict[str, object]) -> str:
    failures, retry_at = rule["failures"], rule["retry_at"]
    words = [str(rule["problem"])] if rule["problem"] else []
    if isinstance(failures, int) and failures:
        again = f", again {ago(retry_at, utc_ms())}" if isinstance(retry_at, int) else ""
        words.append(f"failed {plural(failures, 'time')}{again}")
    return "; ".join(words) or "ok"
