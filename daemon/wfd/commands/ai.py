"""AIs by hand: register, label, disable, enable, unregister, resume; and how they all stand."""

import json
from dataclasses import dataclass, field
from functools import partial

from wfd.commands.ask import close_question
from wfd.commands.house import House, HouseOf
from wfd.commands.record import event_of_none
from wfd.commands.released import release
from wfd.commands.roster import Roster, roster
from wfd.domain.ai import AiRow, Hold, Origin, is_name, is_reserved
from wfd.domain.assignment import AssignmentState
from wfd.domain.errors import BadInput, Conflict, NotAllowed, NotFound, unknown
from wfd.domain.ids import AssignmentId
from wfd.domain.job import By
from wfd.domain.question import Question, QuestionKind, QuestionState, of_ai
from wfd.domain.variable import NO_PAIR, are_pairs
from wfd.ports import Read, Tx
from wfd.rules.route import Standing

MAX_LET_GO = 3  # times that a job goes on by itself after an AI had blocked it
MAX_COUNTED = 1000  # jobs that wait for the same AIs
SPEND_OF = 5_000  # newest runs, whose cost a list adds up
_CONFIGURED = "it is defined in the daemon's configuration: change it there, under ais.{name}"


@dataclass(frozen=True)
class RegisterAi:
    name: str
    harness: str | None = None
    model: str | None = None
    account: str | None = None
    labels: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    limit: int | None = None
    env: dict[str, str | None] = field(default_factory=dict)
    binary: str | None = None


@dataclass(frozen=True)
class LabelAi:
    name: str
    add: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NamedAi:
    name: str


def register_ai(tx: Tx, house_of: HouseOf, want: RegisterAi) -> dict[str, object]:
    """{"ai": name, "created": bool}. The same name again has a new definition."""
    house = house_of(None)
    _check_names(want)
    if want.name in house.ais:
        raise NotAllowed(f"'{want.name}' cannot be registered: {_where(want.name)}")
    harness = want.harness or want.name
    if harness not in house.harnesses:
        raise BadInput(unknown("harness", harness, house.harnesses))
    if want.limit is not None and want.limit < 1:
        raise BadInput("a limit is 1 or more; 'wfctl ai disable' stops new runs")
    told = {key: value for key, value in vars(want).items() if key != "name" and value}
    was = tx.one(AiRow, "ai_by_name", name=want.name)
    definition = json.dumps({**told, "harness": harness})
    tx.run("define_ai", name=want.name, definition=definition, now=tx.now)
    event_of_none(tx, "ai.registered", ai=want.name, harness=harness, account=want.account)
    return {"ai": want.name, "created": was is None or was.definition is None}


def label_ai(tx: Tx, house_of: HouseOf, want: LabelAi) -> dict[str, object]:
    """{"ai": name, "labels": […]}, those that it has from now on."""
    for label in (*want.add, *want.remove):
        _check_name("a label", label)
    ais = _known(tx, house_of)
    has = _named(ais, want.name).ai.labels
    row = tx.one(AiRow, "ai_by_name", name=want.name)
    changes: list[str] = json.loads(row.labels) if row else []
    asked = {**dict.fromkeys(want.add, "+"), **dict.fromkeys(want.remove, "-")}
    kept = [change for change in changes if change[1:] not in asked]
    kept += [f"{sign}{label}" for label, sign in asked.items()]
    tx.run("add_ai", name=want.name, now=tx.now)
    tx.run("label_ai", name=want.name, labels=json.dumps(kept))
    labels = sorted((has - set(want.remove)) | (set(want.add) - set(want.remove)))
    event_of_none(tx, "ai.labelled", ai=want.name, labels=labels)
    return {"ai": want.name, "labels": labels}


def enable_ai(tx: Tx, house_of: HouseOf, want: NamedAi) -> dict[str, object]:
    """{"ai": name, "enabled": true}"""
    return _able(tx, house_of, want.name, is_enabled=True)


def disable_ai(tx: Tx, house_of: HouseOf, want: NamedAi) -> dict[str, object]:
    """{"ai": name, "enabled": false}. What runs goes on; nothing new starts."""
    return _able(tx, house_of, want.name, is_enabled=False)


def unregister_ai(tx: Tx, house_of: HouseOf, want: NamedAi) -> dict[str, object]:
    """{"ai": name}. Raises NotAllowed for one that is not registered, Conflict while it runs."""
    ais = _known(tx, house_of)
    one = _named(ais, want.name)
    if one.ai.origin is Origin.CONFIGURED:
        raise NotAllowed(f"'{want.name}' cannot be unregistered: {_where(want.name)}")
    if one.ai.origin is Origin.IMPLIED:
        raise NotAllowed(
            f"'{want.name}' is a harness and was never registered; 'wfctl ai disable {want.name}'"
            " stops new runs on it"
        )
    if one.running:
        raise Conflict(
            f"'{want.name}' has {one.running} runs in progress; 'wfctl ai disable {want.name}' lets"
            " no other start, and when these have ended it can be unregistered"
        )
    tx.run("forget_ai", name=want.name)
    event_of_none(tx, "ai.unregistered", ai=want.name)
    _withdraw(tx, want.name)
    if all(left.ai.account != one.ai.account for left in _known(tx, house_of).values()):
        _give_up_trying(tx, one.ai.account)
    return {"ai": want.name}


def resume_ai(tx: Tx, house_of: HouseOf, want: NamedAi) -> dict[str, object]:
    """{"ai": name, "holds": how many were lifted, "was_broken": bool, "goes_on": assignments}"""
    ais = _known(tx, house_of)
    account = _named(ais, want.name).ai.account
    hold = tx.one(Hold, "open_hold", account=account)
    if hold is not None:
        lift(tx, hold, "person")
    was_broken = mend(tx, want.name, "person")
    return {
        "ai": want.name,
        "holds": int(hold is not None),
        "was_broken": was_broken,
        "goes_on": let_go(tx, want.name),
    }


@dataclass(frozen=True)
class _Spend:
    name: str
    runs: int
    cost_usd: float | None
    unmeasured: int


def listed(read: Read, house: House, now: int, *, with_spend: bool) -> list[dict[str, object]]:
    """Every AI with how it stands, its load, how many jobs wait for it, and what it cost."""
    costs = read.all(_Spend, "spend_by_ai", limit=SPEND_OF) if with_spend else []
    spends = {one.name: one for one in costs}
    waiting: dict[str, int] = {}
    for names in read.all(str, "parked_sets"):
        count = read.one(int, "count_parked", names=names, limit=MAX_COUNTED) or 0
        for name in names.split(","):
            waiting[name] = waiting.get(name, 0) + count
    return [
        _document(standing, spends.get(name), waiting.get(name, 0))
        for name, standing in roster(read, house, now).items()
    ]


def _document(one: Standing, spend: _Spend | None, waiting: int) -> dict[str, object]:
    ai = one.ai
    return {
        "name": ai.name,
        "harness": ai.harness,
        "account": ai.account,
        "model": ai.model,
        "labels": sorted(ai.labels),
        "capabilities": sorted(ai.capabilities),
        "origin": ai.origin,
        "binary": ai.binary,
        "env": dict(ai.env),
        "stand": one.stand,
        "until_ms": one.until,
        "why": one.why,
        "needs_person": one.needs_person,
        "running": one.running,
        "limit": ai.limit,
        "waiting": waiting,
        "runs": spend.runs if spend else 0,
        "cost_usd": spend.cost_usd if spend else None,
        "unmeasured": spend.unmeasured if spend else 0,
    }


def lift(tx: Tx, hold: Hold, by: str) -> None:
    """End a hold. The worker's next look releases what waited for it."""
    if tx.run("lift_hold", id=hold.id, by=by, now=tx.now):
        event_of_none(tx, "hold.lifted", account=hold.account, by=by, reason=hold.reason)
        _withdraw(tx, subject_of(hold.account))


def subject_of(account: str) -> str:
    """What a question about an account is about; an AI may have the same name."""
    return f"account {account}"


def mend(tx: Tx, name: str, by: str) -> bool:
    """Forget what an AI has failed at; whether it was broken."""
    row = tx.one(AiRow, "ai_by_name", name=name)
    if row is None or (not row.failures and row.broken_until is None):
        return False
    tx.run("set_health", name=name, failures=0, broken_until=None, reason=None, probes=0)
    if row.broken_until is not None:
        event_of_none(tx, "ai.mended", ai=name, by=by, reason=row.broken_reason)
        _withdraw(tx, name)
    return row.broken_until is not None


def let_go(tx: Tx, name: str, by: By = By.PERSON) -> list[int]:
    """Let all go on that an AI has blocked, since it works again; the assignments.

    By policy, when a run has shown that, a job goes on only so often: one that its AI fails each
    time, while the runs of others go well, waits for a person in the end.
    """
    if by is By.PERSON:
        moved = release(tx, of_ai(name), f"a person released {name}", by)
    else:
        moved = release(tx, of_ai(name), f"{name} works again", by, may_go=partial(_may_go, tx))
    return [one.id for one in moved if one.state is AssignmentState.ACTIVE]


def _may_go(tx: Tx, asked: Question) -> bool:
    gone_on = tx.one(int, "count_let_go", job_id=asked.job_id) or 0
    return gone_on < MAX_LET_GO


def _give_up_trying(tx: Tx, account: str) -> None:
    """Nobody is left who could try it. A reset that is known comes by itself, and is heeded."""
    hold = tx.one(Hold, "open_hold", account=account)
    if hold is not None and not hold.is_reset_known:
        lift(tx, hold, "person")


def _withdraw(tx: Tx, subject: str) -> None:
    """Nobody is needed any more."""
    about = tx.all(Question, "open_questions_about", kind=QuestionKind.AI, subject=subject)
    for asked in about:
        close_question(tx, asked, QuestionState.WITHDRAWN)


def let_try(tx: Tx, assignment_id: AssignmentId) -> None:
    """A person has seen to what blocked an assignment: its AI, if broken, may try at once."""
    name = tx.one(str, "ai_of_last_run", assignment_id=assignment_id)
    if name is not None:
        tx.run("try_ai_now", name=name, now=tx.now)


def _able(tx: Tx, house_of: HouseOf, name: str, *, is_enabled: bool) -> dict[str, object]:
    ais = _known(tx, house_of)
    _named(ais, name)
    tx.run("add_ai", name=name, now=tx.now)
    tx.run("enable_ai", name=name, is_enabled=is_enabled)
    event_of_none(tx, f"ai.{'enabled' if is_enabled else 'disabled'}", ai=name)
    return {"ai": name, "enabled": is_enabled}


def _known(tx: Tx, house_of: HouseOf) -> Roster:
    return roster(tx, house_of(None), tx.now)


def _named(ais: Roster, name: str) -> Standing:
    if name not in ais:
        raise NotFound(unknown("AI", name, ais))
    return ais[name]


def _where(name: str) -> str:
    return _CONFIGURED.format(name=name)


def _check_names(want: RegisterAi) -> None:
    _check_name("an AI", want.name)
    if is_reserved(want.name):
        raise BadInput(f"'{want.name}' is reserved; choose another name")
    if want.account is not None:
        _check_name("an account", want.account)
    for label in want.labels:
        _check_name("a label", label)
    for capability in want.capabilities:
        _check_name("a capability", capability)
    if not are_pairs(want.env):
        raise BadInput(f"'env': {NO_PAIR}")


def _check_name(what: str, text: str) -> None:
    if not is_name(text):
        raise BadInput(
            f"'{text}' is not a valid name for {what}: letters, digits and . _ - only, at most 64"
        )
