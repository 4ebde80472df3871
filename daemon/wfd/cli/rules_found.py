"""The notification rules, and whether each has what it needs to tell anything."""

import os
from collections.abc import Iterator

from wfd.adapters import client
from wfd.adapters.notify import Channels
from wfd.adapters.place import Place
from wfd.cli.finding import Finding, Level
from wfd.config import Config
from wfd.domain.errors import WfdError

_WAY_OUT = "set it where the daemon is started (see 'wfd install-service' for a file of keys)"


def rule_findings(where: Place, config: Config) -> Iterator[Finding]:
    """As the running daemon knows it, whose environment counts; else as this shell does."""
    problems = _of_daemon(where)
    for name, rule in config.rules().items():
        what = f"notification {name}"
        if problems is not None and name in problems:
            problem, of = problems[name], "the daemon"
        else:
            problem, of = Channels(os.environ).problem(rule), "this shell"
        if problem is None:
            yield Finding(Level.OK, what, f"{rule.to}: {', '.join(rule.on)} ({of} has its secrets)")
        else:
            yield Finding(Level.WARN, what, f"{rule.to}: as {of} sees it, {problem}", _WAY_OUT)


def _of_daemon(where: Place) -> dict[str, str | None] | None:
    """What keeps each rule from telling, by name; None where no daemon answers."""
    try:
        rules = client.call(where.socket_path, "notify.list", {})
    except WfdError:
        return None
    if not isinstance(rules, list):
        return None
    return {str(rule["rule"]): rule["problem"] for rule in rules}
