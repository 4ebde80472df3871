"""All AIs as they stand now: what configuration defines, with what the store keeps of them."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from wfd.commands.house import House
from wfd.domain.ai import Ai, AiRow, Hold, Origin
from wfd.domain.run import Run
from wfd.ports import Read
from wfd.rules.route import Stand, Standing

Roster = dict[str, Standing]


@dataclass(frozen=True)
class _Running:
    name: str
    account: str | None
    running: int
    probes: int


@dataclass(frozen=True)
class _Now:
    """What decides how an AI stands."""

    now: int
    holds: Mapping[str, Hold]  # by account
    rows: Mapping[str, AiRow]
    running: Mapping[str, int]
    probing: frozenset[str]  # AIs with a probe that is on
    probing_accounts: frozenset[str]


def roster(read: Read, house: House, now: int, holds: Iterable[Hold] | None = None) -> Roster:
    """By name. `holds` are the open ones, where the caller has them already."""
    rows = {row.name: row for row in read.all(AiRow, "ais")}
    on = read.all(_Running, "running_by_ai")
    running: dict[str, int] = {}
    for one in on:
        running[one.name] = running.get(one.name, 0) + one.running
    known = read.all(Hold, "open_holds") if holds is None else holds
    at = _Now(
        now=now,
        holds={hold.account: hold for hold in known},
        rows=rows,
        running=running,
        probing=frozenset(one.name for one in on if one.probes),
        probing_accounts=frozenset(one.account or one.name for one in on if one.probes),
    )
    return {name: _standing(ai, house, at) for name, ai in defined(house, rows.values()).items()}


def defined(house: House, rows: Collection[AiRow]) -> Mapping[str, Ai]:
    """Every AI by its name, with its labels. What is configured outranks what was registered."""
    if not rows:
        return house.known_ais
    found = {row.name: _registered(row, house) for row in rows if row.definition is not None}
    found = {**house.known_ais, **found, **house.ais}
    kept = {row.name: row for row in rows}
    return {name: _labelled(ai, kept.get(name)) for name, ai in sorted(found.items())}


def ai_of(read: Read, house: House, run: Run) -> Ai:
    """The AI of a run, as it is defined now; its harness's where it is defined no more."""
    known = defined(house, read.all(AiRow, "ais"))
    return known.get(run.ai) or replace(house.implied(run.harness), name=run.ai)


def _registered(row: AiRow, house: House) -> Ai:
    told = json.loads(row.definition or "{}")
    ai = Ai(
        name=row.name,
        harness=told["harness"],
        account=told.get("account") or told["harness"],
        model=told.get("model"),
        labels=frozenset(told.get("labels", ())),
        capabilities=frozenset(told.get("capabilities", ())),
        limit=told.get("limit"),
        env=told.get("env", {}),
        binary=told.get("binary"),
        origin=Origin.REGISTERED,
    )
    return over_harness(ai, house.implied(ai.harness))


def over_harness(ai: Ai, under: Ai) -> Ai:
    """An AI with what the settings of its harness say where it says nothing itself."""
    return replace(
        ai,
        model=ai.model or under.model,
        binary=ai.binary or under.binary,
        max_turns=ai.max_turns or under.max_turns,
        pass_env=under.pass_env,
    )


def _labelled(ai: Ai, row: AiRow | None) -> Ai:
    if row is None or row.labels == "[]":
        return ai
    changes: list[str] = json.loads(row.labels)
    added = {change[1:] for change in changes if change.startswith("+")}
    taken = {change[1:] for change in changes if change.startswith("-")}
    return replace(ai, labels=(ai.labels - taken) | added)


def _standing(ai: Ai, house: House, at: _Now) -> Standing:
    row, hold = at.rows.get(ai.name), at.holds.get(ai.account)
    running = at.running.get(ai.name, 0)
    plain = Standing(
        ai,
        Stand.FREE,
        running=running,
        places=ai.limit or house.jobs,
        last_used_at=(row.last_used_at if row else None) or 0,
    )
    if row is not None and not row.is_enabled:
        return replace(plain, stand=Stand.DISABLED, why="a person has disabled it")
    broken = _broken(plain, row, house, at)
    if broken is not None and broken.stand is not Stand.PROBE:
        return broken
    hindered = _held(plain, hold, house, at) or broken
    if hindered is not None and hindered.stand is not Stand.PROBE:
        return hindered
    if ai.limit is not None and running >= ai.limit:
        return replace(plain, stand=Stand.FULL, why=f"{running} of {ai.limit} runs are in progress")
    return hindered or plain


def _broken(plain: Standing, row: AiRow | None, house: House, at: _Now) -> Standing | None:
    if row is None or row.broken_until is None:
        return None
    broken = replace(
        plain, stand=Stand.BROKEN, until=row.broken_until, why=row.broken_reason or "it failed"
    )
    if row.probes >= house.breaker_probes:
        return replace(broken, until=None, needs_person=True)
    if row.broken_until > at.now:
        return broken
    if plain.ai.name in at.probing:
        return replace(
            broken, until=None, why=f"one run is testing whether it works ({broken.why})"
        )
    return replace(broken, stand=Stand.PROBE)


def _held(plain: Standing, hold: Hold | None, house: House, at: _Now) -> Standing | None:
    if hold is None:
        return None
    held = replace(plain, stand=Stand.HELD, until=hold.until, why=hold.reason)
    if not hold.is_reset_known and hold.probes >= house.hold_probes:
        return replace(held, until=None, needs_person=True)
    if hold.until > at.now:
        return held
    if hold.is_reset_known:
        return None  # it is over, and the next look of the worker lifts it
    if plain.ai.account in at.probing_accounts:
        return replace(
            held, until=None, why=f"one run is testing whether the limit is over ({hold.reason})"
        )
    return replace(held, stand=Stand.PROBE)
