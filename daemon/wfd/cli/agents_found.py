"""The agent CLIs of this machine, each really run: where, which version, and with what login."""

import os
from collections.abc import Iterator

import anyio

from wfd.adapters.containment import Containment, Wanted
from wfd.adapters.tools import Probe, probe
from wfd.cli.finding import Finding, Level
from wfd.cli.in_use import InUse
from wfd.domain.ai import Ai, Origin
from wfd.domain.errors import unknown
from wfd.domain.job import HAND
from wfd.ports import Harness
from wfd_runners import harnesses


def agent_findings(used: InUse, contained: Containment) -> Iterator[Finding]:
    """One for each harness, and for each AI with a program of its own that a default names.

    What a default names must be there.
    """
    ais, types = used.ais, used.repository.harness_defaults
    defaults = {used.repository.harness_for(of) for of in ("default", *types)} - {HAND}
    for name in sorted(defaults - ais.keys()):
        yield Finding(Level.FAIL, f"AI {name}", unknown("AI or harness", name, ais), _CORRECT)
    named = [ais[name] for name in sorted(defaults & ais.keys())]
    own = [ai for ai in named if ai.binary != used.house.implied(ai.harness).binary]
    needed = {ai.harness for ai in named if ai not in own}
    for name in harnesses():
        implied = used.house.implied(name)
        yield _agent(f"harness {name}", implied, contained, is_needed=name in needed)
    for ai in own:
        yield _agent(f"AI {ai.name}", ai, contained, is_needed=True)


_CORRECT = "correct harnessDefaults; where it is set: wfctl config show --origin"


def _agent(what: str, ai: Ai, contained: Containment, *, is_needed: bool) -> Finding:
    harness = harnesses()[ai.harness]
    binary = ai.binary or harness.binary
    if not binary:
        return Finding(Level.OK, what, "built in")
    seen = anyio.run(probe, (binary, "--version"))
    if seen.version is not None:
        return _found(what, harness, seen, seen.version, contained)
    level = Level.FAIL if is_needed else Level.WARN
    key = f"ais.{ai.name}" if ai.is_defined else f"harnesses.{ai.name}"
    way_out = (
        f"install it, name its path as {key}.binary, or choose another in harnessDefaults"
        if ai.origin is not Origin.REGISTERED
        else f"install it, or register {ai.name} with another --binary"
    )
    return Finding(level, what, seen.error or "it printed no version", way_out)


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


_SWITCH_ON = "set containment to auto, which also ends processes that leave their process group"


def _found(
    what: str, harness: Harness, seen: Probe, version: str, contained: Containment
) -> Finding:
    login = harness.login(os.environ)
    problems = [words for words in (_untried(harness, version), _no_login(harness, login)) if words]
    facts = [f"{version} ({seen.found})", _login(login), f"contained by: {contained.level}"]
    level = Level.WARN if problems else Level.OK
    return Finding(level, what, "; ".join(facts), "; ".join(problems))


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
        return f"older than the versions that wfd was tested with ({oldest}): update it"
    if _parts(version) > _parts(newest):
        return (
            f"newer than the versions that wfd was tested with ({newest}): it should work; check"
            " its first run"
        )
    return ""


def _parts(version: str) -> list[int]:
    return [int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")]
