"""What a PM and a reviewer may answer."""

import json

from tests.fakes.model_server.turns import Answer, Say, Turn

Value = dict[str, object]


def decision(kind: str, **parts: object) -> Value:
    empty: Value = {"job": None, "changes": None, "question": None, "options": None}
    return {"decision": kind, **empty, **parts, "reason": f"{kind} is next"}


def insert(job_type: str, context: str) -> Value:
    return decision("insert_job", job={"type": job_type, "harness": None, "context": context})


COMPLETE = decision("complete")
PASS: Value = {"verdict": "pass", "findings": [], "summary": "It does what was wanted."}


def structured(value: Value) -> Turn:
    return Turn(Answer(value))


def fenced(value: Value) -> Turn:
    """As every CLI can do it: JSON in a fence, with words around it."""
    return Turn(Say(f"This is next.\n\n```json\n{json.dumps(value, indent=1)}\n```\n"))
