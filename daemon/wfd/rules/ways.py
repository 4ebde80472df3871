"""What a person can say to a question: shown by the inbox, and what the daemon goes by."""

import json
import re
from collections.abc import Iterator

from wfd.domain.question import (
    STOPPING,
    TRUST,
    Forbidden,
    Question,
    QuestionKind,
    ai_named_in,
)

YES = "yes"
_JOB = re.compile(r"J[0-9]+")

_PAST = {
    Forbidden.GATES: "completes it past its open gates",
    Forbidden.CAP: "adds the same amount again to the cap that it reached",
    Forbidden.STUCK: "continues in spite of the loop",
}


def options_of(asked: Question) -> list[str]:
    options = json.loads(asked.options)
    assert isinstance(options, list)
    return [str(option) for option in options]


def ways(asked: Question) -> Iterator[tuple[str, str]]:
    """What can be typed, each with what it does."""
    name = f"Q{asked.id}"
    if is_about_dependency(asked):
        yield from _about_dependency(asked)
        yield f'wfctl answer {name} "…"', f"words for the PM; J{asked.job_id} still waits"
        return
    if asked.subject == TRUST:
        yield "wfd trust", "shows what has changed, and accepts it: then it continues"
        return
    ai = ai_named_in(asked.subject)
    if ai is not None and asked.kind is QuestionKind.BLOCKED:
        yield f"wfctl ai check {ai}", "tests it; if it works, everything that it blocked continues"
    match asked.kind:
        case QuestionKind.AI:
            yield f'wfctl answer {name} "…"', "closes this question, and leaves the AI as it is"
        case QuestionKind.CAP:
            yield from _past(asked)
            yield f"wfctl approve {name}", "continues, once the cap is raised in .wfd/config.json"
            stop = f"wfctl update-assignment A{asked.assignment_id} --status"
            yield f"{stop} complete", "completes it as it is, if its gates are closed"
            yield f"{stop} cancelled", "cancels it; its branch is kept"
        case _:
            yield from _answers(asked)
            yield f'wfctl reject {name} --reason "…"', "no; the PM sees why, and decides"
            yield from _past(asked)


def is_about_dependency(asked: Question) -> bool:
    """A job comes after one that failed; then that one is its subject."""
    is_of_jobs = asked.kind in (QuestionKind.DEPENDENCY, QuestionKind.BLOCKED)
    return is_of_jobs and _JOB.fullmatch(asked.subject or "") is not None


def why_no_yes_or_no(asked: Question, *, is_yes: bool) -> str | None:
    """Why yes or no would not say what is to be done, with what does; None where it says it."""
    if _is_clear(asked, is_yes=is_yes):
        return None
    said = YES if is_yes else "no"
    typed = "; ".join(f"'{command}' {does}" for command, does in ways(asked))
    return f"'{said}' to Q{asked.id} does not say what to do: {typed}"


def _is_clear(asked: Question, *, is_yes: bool) -> bool:
    if is_about_dependency(asked) or asked.subject == TRUST or asked.kind not in STOPPING:
        return False
    # no more of it says nothing of what there is
    return _can_be_yes(asked) if is_yes else asked.kind is not QuestionKind.CAP


def _can_be_yes(asked: Question) -> bool:
    options = options_of(asked)
    return not options or YES in {option.strip().casefold() for option in options}


def _answers(asked: Question) -> Iterator[tuple[str, str]]:
    name = f"Q{asked.id}"
    if options_of(asked):
        yield f"wfctl answer {name} 1", "an option by its number, or words of your own"
    else:
        yield f'wfctl answer {name} "…"', "words of your own"
    if _can_be_yes(asked):
        yield f"wfctl approve {name}", _yes(asked)


def _yes(asked: Question) -> str:
    return "I fixed it, continue" if asked.kind is QuestionKind.BLOCKED else YES


def _past(asked: Question) -> Iterator[tuple[str, str]]:
    if asked.subject in set(Forbidden):
        yield f'wfctl override Q{asked.id} --reason "…"', _PAST[Forbidden(asked.subject)]


def _about_dependency(asked: Question) -> Iterator[tuple[str, str]]:
    waits, failed = f"J{asked.job_id}", asked.subject
    yield f"wfctl retry {failed}", f"tries that again; {waits} comes after it"
    yield f"wfctl depend {waits} --drop {failed}", "runs it without that"
    yield f"wfctl cancel {waits}", "gives it up"
