"""A store in which something waits for a person."""

import json
from dataclasses import replace

from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.question import AtDeadline, Patience, Question
from wfd.engine.close import _close
from wfd.engine.over import Closing
from wfd.ports import Snapshot
from wfd.rules.policy import Caps

WORK = Snapshot(commit="c2", tree="t2", parent_commit="c1", parent_tree="t1")


def pm_says(ground: Ground, decision: str, **parts: object) -> None:
    """The PM job whose turn it is, from its lease to its decision."""
    said = {
        "decision": decision, "job": None, "changes": None, "question": None, "options": None,
        "reason": "because", **parts,
    }  # fmt: skip
    [pm] = ground.take().leases
    assert pm.job.is_pm
    told = Conclusion(Outcome(Kind.SUCCEEDED), structured=said, text=json.dumps(said))
    closing = Closing(told, EndedBy.NONE, 0)
    ground.do(lambda tx: _close(tx, pm.run, closing, ground.settings, 0.5))


def asked_by_pm(ground: Ground, question: str = "Which?", options: object = None) -> None:
    """A1 is blocked with a question of its PM."""
    ground.create()
    pm_says(ground, "block", question=question, options=options)


def worked(ground: Ground, text: str = "") -> None:
    """A1 has changed something, and its PM is due."""
    ground.create(type="implement")
    ground.do(lambda tx: tx.run("set_base", id=1, commit="c1", tree="t1"))
    end(ground, ground.take().leases[0].run, Kind.SUCCEEDED, text=text, snapshot=WORK)


def capped(ground: Ground, **caps: int) -> None:
    policy = replace(ground.settings.policy, caps=replace(Caps(), **caps))
    house = replace(ground.settings.house, caps=policy.caps)
    ground.settings = replace(ground.settings, policy=policy, house=house)


def patient(ground: Ground, deadline_ms: int, at_deadline: AtDeadline) -> None:
    house = replace(ground.settings.house, patience=Patience(deadline_ms, at_deadline))
    ground.settings = replace(ground.settings, house=house)


def questions(ground: Ground, of: int = 1) -> list[Question]:
    return ground.do(lambda tx: tx.all(Question, "questions_of", assignment_id=of))


def events(ground: Ground, kind: str) -> list[dict[str, object]]:
    rows = ground.connection.execute("select data from event where kind = ? order by seq", [kind])
    return [json.loads(row[0]) for row in rows.fetchall()]
