"""A PM's decision: its shape, how it is read, and why policy may refuse it."""

from dataclasses import dataclass
from typing import Any, assert_never

from pydantic import BaseModel, ValidationError

from wfd.domain.decision import DecisionKind
from wfd.domain.errors import unknown
from wfd.domain.job import RESERVED
from wfd.rules import retry
from wfd.rules.allowed import (
    NOTHING_TO_CHANGE,
    why_no_job,
    why_no_retry,
    why_not_complete,
    why_not_proceed,
)
from wfd.rules.answer import candidates
from wfd.rules.asking import Options
from wfd.rules.facts import Facts

MAX_CONTEXT = 20_000  # characters that a PM may hand to a job or a retry


@dataclass(frozen=True)
class InsertJob:
    type: str
    harness: str | None
    context: str
    reason: str
    kind = DecisionKind.INSERT_JOB


@dataclass(frozen=True)
class Retry:
    changes: str
    reason: str
    kind = DecisionKind.RETRY


@dataclass(frozen=True)
class Proceed:
    reason: str
    kind = DecisionKind.PROCEED


@dataclass(frozen=True)
class Complete:
    reason: str
    kind = DecisionKind.COMPLETE


@dataclass(frozen=True)
class Block:
    question: str
    reason: str
    options: tuple[str, ...] = ()
    kind = DecisionKind.BLOCK


PmDecision = InsertJob | Retry | Proceed | Complete | Block

_MAY_DECIDE = ("insert_job", "retry", "proceed", "complete", "block")

# One object with parts that may be null: the form that both claude's --json-schema and
# codex's --output-schema take. All keys required, none besides.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "decision": {"type": "string", "enum": list(_MAY_DECIDE)},
        "job": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "harness": {"type": ["string", "null"]},
                        "context": {"type": "string"},
                    },
                    "required": ["type", "harness", "context"],
                    "additionalProperties": False,
                },
                {"type": "null"},
            ]
        },
        "changes": {"type": ["string", "null"]},
        "question": {"type": ["string", "null"]},
        "options": {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
        },
        "reason": {"type": "string"},
    },
    "required": ["decision", "job", "changes", "question", "options", "reason"],
    "additionalProperties": False,
}


class _Job(BaseModel):
    type: str
    harness: str | None = None
    context: str = ""


class _Answer(BaseModel):
    decision: str
    job: _Job | None = None
    changes: str | None = None
    question: str | None = None
    options: Options = ()
    reason: str


def read(structured: object | None, text: str) -> PmDecision | str:
    """The decision in an answer, or why there is none, in words the PM can act on."""
    problem = None
    for candidate in candidates(structured, text):
        try:
            return _decision(_Answer.model_validate(candidate))
        except ValidationError as error:
            problem = problem or _sentence(error)
        except ValueError as error:
            problem = problem or str(error)
    return problem or (
        "the answer holds no JSON object: answer with one ```json block and nothing after it"
    )


def refusal(decision: PmDecision, facts: Facts) -> str | None:
    """Why policy refuses a decision, with the way out; None when it may be applied."""
    if not decision.reason.strip():
        return "the reason is empty: say why, a person will read it"
    match decision:
        case InsertJob():
            return _refuse_job(decision, facts)
        case Retry():
            return _refuse_retry(decision, facts)
        case Proceed():
            return why_not_proceed(facts)
        case Complete():
            return _refuse_complete(decision, facts)
        case Block():
            if not decision.question.strip():
                return "block needs a question: what should a person decide or do?"
            return None
        case _:
            assert_never(decision)


def _decision(answer: _Answer) -> PmDecision:
    match answer.decision.strip().lower():
        case "insert_job":
            if answer.job is None:
                raise ValueError("insert_job needs job: {type, harness or null, context}")
            job = answer.job
            harness = (job.harness or "").strip() or None
            return InsertJob(job.type.strip(), harness, job.context.strip(), answer.reason.strip())
        case "retry":
            return Retry((answer.changes or "").strip(), answer.reason.strip())
        case "proceed":
            return Proceed(answer.reason.strip())
        case "complete":
            return Complete(answer.reason.strip())
        case "block":
            question = (answer.question or "").strip()
            return Block(question, answer.reason.strip(), answer.options)
        case other:
            raise ValueError(unknown("decision", other[:100], _MAY_DECIDE))


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the answer"
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _refuse_job(decision: InsertJob, facts: Facts) -> str | None:
    known = ", ".join(facts.types)
    if decision.type in RESERVED:
        return f"{decision.type} jobs are inserted by the daemon alone; known job types: {known}"
    if decision.type not in facts.types:
        return unknown("job type", decision.type[:100], facts.types)
    if decision.harness is not None and decision.harness not in facts.harnesses:
        return unknown("harness", decision.harness[:100], facts.harnesses)
    if not decision.context:
        return "the job's context is empty: say what is to be done and how it will be checked"
    if len(decision.context) > MAX_CONTEXT:
        return _too_long("the job's context", decision.context)
    return why_no_job(facts) or _judged_already(decision.type, facts)


def _judged_already(job_type: str, facts: Facts) -> str | None:
    """A failed verdict holds for its tree: asking until somebody passes it is no fix."""
    if job_type not in facts.failed_here:
        return None
    return (
        f"{job_type} has failed this very tree and nothing has changed since: "
        "have its findings fixed first, or block"
    )


def _refuse_retry(decision: Retry, facts: Facts) -> str | None:
    forbidden = why_no_retry(facts)
    if forbidden or facts.tried_again is None:
        return forbidden
    if not decision.changes:
        return "retry needs changes: the same again would end the same way"
    if any(retry.is_same(decision.changes, tried) for tried in facts.tried):
        return "these changes were tried already; change something else, or block"
    if len(decision.changes) > MAX_CONTEXT:
        return _too_long("changes", decision.changes)
    return _judged_already(facts.tried_again.type, facts)


def _refuse_complete(decision: Complete, facts: Facts) -> str | None:
    forbidden = why_not_complete(facts)
    if forbidden:
        return forbidden
    if facts.nothing_changed and not decision.reason.startswith(NOTHING_TO_CHANGE):
        return (
            "nothing differs from the base: insert the work that is missing, or, if none is,"
            f" complete with a reason that begins with {NOTHING_TO_CHANGE}"
        )
    return None


def _too_long(what: str, text: str) -> str:
    return f"{what} has {len(text):,} characters; at most {MAX_CONTEXT:,}"
