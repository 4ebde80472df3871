"""wfctl ai: the AIs, how they stand, and what a person does about it."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from wfd.adapters import client
from wfd.adapters.place import place
from wfd.ctl.scene import json_option, look
from wfd.ctl.sending import goes_on_words, send_plain, tell
from wfd.domain.errors import BadInput, Broken, NotRunning, TryLater
from wfd.edge.ai_list import print_ais
from wfd.edge.ai_words import hindered
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import Group, print_document
from wfd.edge.words import duration, one_line
from wfd.store.alone import utc_ms

if TYPE_CHECKING:
    from wfd.ports import Read

CHECK_TIMEOUT_S = 200.0  # longer than the daemon lets a check take


@click.group(cls=Group)
def ai() -> None:
    """Manage AIs: instances of a harness, each with an account whose limits it shares."""


@ai.command("list")
@json_option
def list_ais(as_json: bool) -> None:
    """List them all, with what keeps jobs from each.

    Columns: name, harness, account, state, running, waiting jobs, labels and (capabilities),
    cost of recent runs, where it is defined.
    """
    with look(place()) as read:
        found = list(ais_now(read, with_spend=True).values())
    if as_json:
        print_document({"ais": found})
    else:
        print_ais(found, utc_ms())


@ai.command()
@click.argument("name")
@click.option(
    "--harness", help="claude, codex, gemini or sim; by default the one that it is named after."
)
@click.option("--model", help="The model, instead of that of its harness.")
@click.option(
    "--account", help="The account whose limits it shares; by default that of its harness."
)
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL", help="A label that jobs can ask for."
)
@click.option(
    "--capability",
    "capabilities",
    multiple=True,
    metavar="CAPABILITY",
    help="A capability that jobs can ask for.",
)
@click.option("--limit", type=click.IntRange(1), help="The most runs at the same time.")
@click.option(
    "--env", "env", multiple=True, metavar="A=B",
    help="The agent's variable A gets the value of the daemon's B; 'A=' withholds A.",
)  # fmt: skip
@click.option("--binary", metavar="PATH", help="The program, instead of that of its harness.")
@json_option
def register(
    name: str,
    harness: str | None,
    model: str | None,
    account: str | None,
    labels: tuple[str, ...],
    capabilities: tuple[str, ...],
    limit: int | None,
    env: tuple[str, ...],
    binary: str | None,
    as_json: bool,
) -> None:
    """Define an AI, or change its definition. Name variables here, never a secret itself."""
    answer = send_plain(
        "ai.register",
        name=name,
        harness=harness,
        model=model,
        account=account,
        labels=list(labels),
        capabilities=list(capabilities),
        limit=limit,
        env=dict(_pair(one) for one in env),
        binary=binary,
    )
    told = f"{name} {'is registered' if answer['created'] else 'has a new definition'}"
    tell(answer, name, told, f"wfctl ai check {name}", as_json=as_json)


@ai.command()
@click.argument("name")
@json_option
def unregister(name: str, as_json: bool) -> None:
    """Forget an AI that was registered and has no run in progress."""
    answer = send_plain("ai.unregister", name=name)
    tell(answer, name, f"{name} is no longer registered", "wfctl ai list", as_json=as_json)


@ai.command()
@click.argument("name")
@click.option("--add", multiple=True, metavar="LABEL", help="A label to add.")
@click.option("--remove", multiple=True, metavar="LABEL", help="A label to remove.")
@json_option
def label(name: str, add: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Add labels to an AI, or remove them. Prints the labels that it then has."""
    if not add and not remove:
        raise BadInput("say --add LABEL or --remove LABEL")
    answer = send_plain("ai.label", name=name, add=list(add), remove=list(remove))
    labels = answer["labels"]
    assert isinstance(labels, list)
    told = f"{name} has the labels: {', '.join(labels) or 'none'}"
    tell(answer, " ".join(labels), told, "wfctl ai list", as_json=as_json)


@ai.command()
@click.argument("name")
@json_option
def disable(name: str, as_json: bool) -> None:
    """Start nothing new on an AI. Running work continues."""
    answer = send_plain("ai.disable", name=name)
    tell(answer, name, f"{name} is disabled", f"wfctl ai enable {name}", as_json=as_json)


@ai.command()
@click.argument("name")
@json_option
def enable(name: str, as_json: bool) -> None:
    """Let an AI work again that was disabled."""
    answer = send_plain("ai.enable", name=name)
    tell(answer, name, f"{name} is enabled", "wfctl ai list", as_json=as_json)


@ai.command()
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """Clear its rate-limit hold and mark it healthy: jobs that wait for it start."""
    answer = send_plain("ai.resume", name=name)
    done = ["the hold of its account is cleared"] if answer["holds"] else []
    done += ["it is marked healthy"] if answer["was_broken"] else []
    told = f"{name}: {' and '.join(done) or 'nothing held it back'}{goes_on_words(answer)}"
    tell(answer, name, told, "wfctl queue", as_json=as_json)


@ai.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> None:
    """Run an AI once with a tiny prompt in a scratch folder. If it works, jobs may use it again.

    It clears no hold and enables nothing, but says what still keeps jobs from the AI.
    Exit code 1 when it does not work. Needs the daemon, which has the agents' environment.
    """
    refuse_in_a_run(os.environ)
    answer = client.call(place().socket_path, "ai.check", {"name": name}, timeout_s=CHECK_TIMEOUT_S)
    assert isinstance(answer, dict)
    if as_json:
        print_document(answer)
    else:
        click.echo(_checked(name, answer, utc_ms()))
    if not answer["works"]:
        raise SystemExit(1)


def _checked(name: str, answer: Mapping[str, object], now: int) -> str:
    took = answer["took_ms"]
    assert isinstance(took, int)
    how = "works" if answer["works"] else f"does not work ({answer['outcome']})"
    said = one_line(str(answer["said"]), 300)
    told = f"{name} {how}, after {duration(took)}" + (f": {said}" if said else "")
    told += goes_on_words(answer)
    still = hindered({**answer, "name": name}, now)
    return f"{told}\n  {still}" if still else told


def ais_now(read: "Read", *, with_spend: bool = False) -> "dict[str, Mapping[str, object]]":
    """How each AI stands, by name: as the daemon sees them, and found out here if none answers."""
    values = {"with_spend": with_spend}
    try:
        answer = client.call(place().socket_path, "ai.list", values)
    except (NotRunning, TryLater, Broken):
        from wfd.offline import ais  # late: configuration is slow to import

        found = ais(place(), read, with_spend=with_spend)
    else:
        assert isinstance(answer, dict)
        found = answer["ais"]
    return {str(one["name"]): one for one in found}


def _pair(text: str) -> tuple[str, str | None]:
    name, sign, source = text.partition("=")
    if not name or not sign:
        raise BadInput("what --env got is no pair A=B of names of variables")  # it may be a secret
    return name, source or None
