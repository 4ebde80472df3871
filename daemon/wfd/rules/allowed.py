"""What policy lets a PM decide now, before it has said anything."""

from wfd.domain.decision import DecisionKind
from wfd.domain.job import By
from wfd.rules import retry
from wfd.rules.facts import Facts

NOTHING_TO_CHANGE = "nothing_to_change"


def why_no_job(facts: Facts) -> str | None:
    """Why no job may be inserted, of whatever type; None when one may."""
    if facts.breach:
        return f"{facts.breach}; block, and ask a person to raise the limit"
    if facts.stuck:
        return f"{facts.stuck}; block, and ask a person how to continue"
    return None


def why_no_retry(facts: Facts) -> str | None:
    if facts.tried_again is None:
        return "there is no job to retry yet; insert one"
    spent = retry.spent(facts.tried_again, facts.caps)
    if spent:
        return f"{spent}; insert another kind of job, or block"
    tried = facts.tried_again
    for job in facts.open_jobs:
        if tried.has_own_lane and tried.lane in (job.lane, job.merges):
            return f"J{job.id} ({job.type}, {job.state}) works in its lane already; proceed with it"
    return why_no_job(facts)


def why_not_proceed(facts: Facts) -> str | None:
    """Why there is nothing to go on with; None when a job is in line.

    One that a person has put there is a word of theirs, whatever the loop looks like.
    """
    if not facts.open_jobs:
        return "no job is in line; insert one, complete, or block"
    if facts.stuck and not any(job.created_by is By.PERSON for job in facts.open_jobs):
        return f"{facts.stuck}; block, and ask a person how to continue"
    return None


def why_not_complete(facts: Facts) -> str | None:
    """Why the assignment is not done, whatever the reason given; None when it may be."""
    if facts.open_jobs:
        names = ", ".join(f"J{job.id} ({job.type}, {job.state})" for job in facts.open_jobs)
        return f"other jobs are still open: {names}"
    if facts.unmerged:
        names = ", ".join(f"J{job.id} ({job.type})" for job in facts.unmerged)
        return f"the work of these jobs is not merged: {names}; retry it, or block"
    if facts.gates_open:
        return "gates are open: " + "; ".join(str(gate) for gate in facts.gates_open)
    return None


def menu(facts: Facts) -> dict[str, str]:
    """Each decision with "allowed", or with why it would be refused now."""
    complete = why_not_complete(facts)
    if complete is None and facts.nothing_changed:
        allowed = f"allowed only with a reason that begins with {NOTHING_TO_CHANGE}"
    else:
        allowed = "allowed"
    return {
        DecisionKind.INSERT_JOB: _line(why_no_job(facts)),
        DecisionKind.RETRY: _line(why_no_retry(facts)),
        DecisionKind.PROCEED: _line(why_not_proceed(facts)),
        DecisionKind.COMPLETE: _line(complete, allowed),
        DecisionKind.BLOCK: "allowed",
    }


def _line(why_not: str | None, allowed: str = "allowed") -> str:
    return f"not allowed: {why_not}" if why_not else allowed
