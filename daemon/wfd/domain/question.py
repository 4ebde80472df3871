"""A question: what waits for a person, who asks, and what happens if nobody answers."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, JobId, NamespaceId, QuestionId, RunId


class QuestionKind(StrEnum):
    QUESTION = "question"
    APPROVAL = "approval"
    BLOCKED = "blocked"  # something has to be done first: log in, clear the way, decide
    CAP = "cap"
    DEPENDENCY = "dependency"  # a job that waits for one that failed
    AI = "ai"


# Those for whose sake an assignment stands still. The others are about one job, or about an AI.
STOPPING = frozenset(
    {QuestionKind.QUESTION, QuestionKind.APPROVAL, QuestionKind.BLOCKED, QuestionKind.CAP}
)


class Asker(StrEnum):
    PM = "pm"
    POLICY = "policy"
    AGENT = "agent"


class QuestionState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # what it was about is settled in another way


class AtDeadline(StrEnum):
    """What happens when nobody has answered in time."""

    WAIT = "wait"
    PROCEED = "proceed"  # the PM goes on by itself
    CANCEL = "cancel"


class Forbidden(StrEnum):
    """What stands in the way, where a person may go past it: the subject of such a question."""

    GATES = "gates"
    CAP = "cap"
    STUCK = "stuck"


TRUST = "trust"  # the subject of one that is answered when a person accepts the configuration
_AI = "AI "


def of_ai(name: str) -> str:
    """The subject of one that is answered when an AI works again."""
    return f"{_AI}{name}"


def ai_named_in(subject: str | None) -> str | None:
    return subject.removeprefix(_AI) if subject and subject.startswith(_AI) else None


@dataclass(frozen=True)
class Patience:
    """How long questions wait, and what happens then."""

    deadline_ms: int | None = None
    at_deadline: AtDeadline = AtDeadline.WAIT


FOR_EVER = Patience()


@dataclass(frozen=True)
class Question:
    id: QuestionId
    namespace_id: NamespaceId | None  # None: it concerns all of them
    assignment_id: AssignmentId | None
    job_id: JobId | None
    run_id: RunId | None
    kind: QuestionKind
    by: Asker
    text: str
    options: str  # JSON: a list of texts
    subject: str | None  # for the daemon: what is forbidden, or whom it is about
    deadline: int | None  # UTC milliseconds
    at_deadline: AtDeadline | None
    state: QuestionState
    answer: str | None
    created_at: int
    closed_at: int | None


@dataclass(frozen=True)
class ToldQuestion:
    """One that is over, as later prompts hear of it."""

    id: QuestionId
    by: Asker
    job_id: JobId | None
    job_type: str | None
    text: str
    answer: str | None  # None: nobody answered in time
