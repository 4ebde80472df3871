"""How an AI stands, and why a run went to it, in words."""

from collections.abc import Mapping

from wfd.edge.words import ago, local_time, one_line

Ais = Mapping[str, Mapping[str, object]]  # documents of `ai.list`, by name

MAX_WHY = 100  # characters of a CLI's own words
_DAY_MS = 86_400_000


def stand_words(ai: Mapping[str, object], now: int) -> str:
    """'ok', 'disabled', 'held until 13:06 (in 2h): usage limit', 'no program 'claude' on …'."""
    stand, why = str(ai["stand"]), one_line(str(ai["why"]), MAX_WHY)
    until = ai.get("until_ms")
    if ai.get("needs_person"):
        return f"{stand}, and needs a person: {why}"
    match stand:
        case "free":
            return one_line(str(ai.get("lacks") or "ok"), MAX_WHY)
        case "disabled":
            return "disabled"
        case "full":
            return why
        case "probe":
            return f"to be tried: {why}"
        case _ if isinstance(until, int) and until > now:
            return f"{stand} until {_clock(until, now)} ({ago(until, now)}): {why}"
        case _:
            return f"{stand}: {why}"


def hindered(ai: Mapping[str, object], now: int) -> str | None:
    """What keeps jobs from an AI that was checked, and what lifts it; None where nothing does."""
    if ai["stand"] in ("free", "full"):
        return None
    verb = "enable" if ai["stand"] == "disabled" else "resume"
    return f"it is {stand_words(ai, now)}; 'wfctl ai {verb} {ai['name']}' lets jobs start on it"


def hindrance(names: str | None, ais: Ais, now: int) -> str:
    """What a job waits for, one after the other: 'claude, held until 13:06 (in 2h): …'."""
    told = []
    for name in (names or "").split(","):
        ai = ais.get(name)
        told.append(name if ai is None else f"{name}, {_stand(ai, now)}")
    return "; or ".join(told)


def way_out(names: str | None, ais: Ais) -> str:
    """Who releases it."""
    named = [ais[name] for name in (names or "").split(",") if name in ais]
    if named and all(ai.get("needs_person") or ai["stand"] == "disabled" for ai in named):
        first = named[0]
        verb = "enable" if first["stand"] == "disabled" else "resume"
        return f"a person: 'wfctl ai {verb} {first['name']}'"
    held = [f"'wfctl ai resume {ai['name']}'" for ai in named if ai["stand"] == "held"]
    lifts = f"; or a person who knows better: {' or '.join(held)}" if held else ""
    return f"the daemon, when one of them is free{lifts}; 'wfctl ai list' shows them all"


def route_words(route: str | None) -> str | None:
    """Why a run went to its AI, and who could not take it; None where it is as always."""
    told = _parsed(route)
    passed = told.get("passed")
    rule = one_line(str(told.get("rule", "")))
    is_plain = rule.startswith("the default of") and ";" not in rule
    if not isinstance(passed, list) or (not passed and is_plain):
        return None
    others = ", ".join(_passed_over(one) for one in passed)
    return f"{rule}; passed over: {others}" if others else rule


def _passed_over(one: Mapping[str, object]) -> str:
    why = one_line(str(one["why"]), MAX_WHY)
    return f"{one['ai']} ({one['stand']}: {why})" if why else f"{one['ai']} ({one['stand']})"


def needs_words(needs: str) -> str:
    """'the AI claude-work; labels strong, eu; capabilities vision'."""
    told = _parsed(needs)
    parts = [f"the AI {told['ai']}"] if "ai" in told else []
    for noun in ("labels", "capabilities"):
        names = told.get(noun)
        if isinstance(names, list):
            parts.append(f"{noun} {', '.join(map(str, names))}")
    return one_line("; ".join(parts))


def names_an_ai(needs: str) -> bool:
    return "ai" in _parsed(needs)


def _parsed(route: str | None) -> dict[str, object]:
    import json  # late: a list of what is open does without

    told = json.loads(route) if route else {}
    return told if isinstance(told, dict) else {}


def _stand(ai: Mapping[str, object], now: int) -> str:
    return "which is free again" if ai["stand"] == "free" else stand_words(ai, now)


def _clock(at: int, now: int) -> str:
    """13:06 for what is near, and with its day for what is not."""
    whole = local_time(at)
    is_today = whole[:10] == local_time(now)[:10]
    return whole[11:16] if is_today else whole[:16]
