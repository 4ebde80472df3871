"""A retry: a new job in place of one that is closed, with what must change."""

from wfd.domain.job import Counters, Job
from wfd.domain.outcome import Kind
from wfd.rules.policy import Caps

_MARK = "\n\nThis time:\n"


def context(job: Job, changes: str) -> str:
    """The context of a retry of `job`: the same task, and what must change this time."""
    return f"{task(job.context)}{_MARK}{changes.strip()}"


def task(context: str) -> str:
    """A context without what a retry added to it."""
    return context.partition(_MARK)[0]


def changes(context: str) -> str | None:
    """What a retry was told to change; None for a first try."""
    _, mark, last = context.rpartition(_MARK)
    return last if mark else None


def counters(job: Job) -> Counters:
    """The counters of a retry of `job`, which go along `retry_of`.

    A run without work was counted as that when it ended, so it is no attempt as well.
    """
    is_attempt = job.outcome is not Kind.NO_WORK
    return Counters(attempts=job.attempts + is_attempt, no_work=job.no_work)


def spent(job: Job, caps: Caps) -> str | None:
    """Why `job` may not be tried again, in words; None while it may."""
    after = counters(job)
    if after.no_work >= caps.no_work:
        return f"J{job.id} did nothing {after.no_work} times; the cap is {caps.no_work}"
    if after.attempts > caps.attempts:
        return f"all {caps.attempts} attempts at J{job.id} are used"
    return None


def is_same(one: str, other: str) -> bool:
    """Two ways to ask for the same change, as far as words can tell."""
    return one.lower().split() == other.lower().split()
