"""The agent CLIs of this machine, each really run: where, which version, and with what login."""

import os
from collections.abc import Iterator

import anyio

from wfd.adapters.assets import user_dir
from wfd.adapters.containment import Containment, Wanted
from wfd.adapters.tools import Probe, probe
from wfd.cli.finding import Finding, Level
from wfd.config import Config
from wfd.domain.errors import unknown
from wfd.domain.job import HAND
from wfd.ports import Harness
from wfd_runners import harnesses


def agent_findings(config: Config, contained: Containment) -> Iterator[Finding]:
    """One finding for each harness. One that a default names must be there."""
    needed = set(config.harness_defaults.values())
    for name in sorted(needed - {HAND, *harnesses()}):
        way_out = f"correct harnessDefaults of {user_dir() / 'config.json'}"
        yield Finding(Level.FAIL, f"harness {name}", unknown("harness", name, harnesses()), way_out)
    for name, harness in harnesses().items():
        binary = config.harness(name).binary or harness.binary
        if not binary:
            yield Finding(Level.OK, f"harness {name}", "built in")
            continue
        seen = anyio.run(probe, (binary, "--version"))
        if seen.version is None:
            level = Level.FAIL if name in needed else Level.WARN
            yield _missing(name, level, seen.error or "it told no version")
        else:
            yield _found(harness, seen, seen.version, contained)


def containment_finding(wanted: Wanted, contained: Containment) -> Finding:
    """What keeps the processes of a run together on this machine, and what would do so better."""
    words = contained.level.words
    if contained.prefix:
        return Finding(Level.OK, "containment", words)
    if wanted == "off":
        return Finding(Level.WARN, "containment", f"{words}; switched off", _SWITCH_ON)
    level = Level.WARN if contained.refusal is None else Level.FAIL
    detail = "; ".join([words, *map(str, contained.missed)])
    return Finding(level, "containment", detail, contained.way_out)


_SWITCH_ON = "set containment to auto: a process that hides from its run's end is ended then, too"


def _missing(name: str, level: Level, error: str) -> Finding:
    way_out = (
        f"install it, name its path as harnesses.{name}.binary, or choose another in"
        f" harnessDefaults of {user_dir() / 'config.json'}"
    )
    return Finding(level, f"harness {name}", error, way_out)


def _found(harness: Harness, seen: Probe, version: str, contained: Containment) -> Finding:
    login = harness.login(os.environ)
    problems = [words for words in (_untried(harness, version), _no_login(harness, login)) if words]
    facts = [f"{version} ({seen.found})", _login(login), f"contained by: {contained.level}"]
    level = Level.WARN if problems else Level.OK
    return Finding(level, f"harness {harness.name}", "; ".join(facts), "; ".join(problems))


def _login(login: str | None) -> str:
    # the daemon's own environment may differ from this shell's, and a keychain cannot be asked
    return f"login: {login}" if login else "login: none found in this shell and its home"


def _no_login(harness: Harness, login: str | None) -> str:
    if login:
        return ""
    return f"{harness.log_in_by}, where the daemon is started"


def _untried(harness: Harness, version: str) -> str:
    """What to say of a version outside the range that was tried; empty for one inside it."""
    oldest, newest = harness.tried[0], harness.tried[-1]
    if _parts(version) < _parts(oldest):
        return f"older than what wfd was tried with ({oldest}): update it"
    if _parts(version) > _parts(newest):
        return f"newer than what wfd was tried with ({newest}): it should do; look at its first run"
    return ""


def _parts(version: str) -> list[int]:
    return [int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")]
