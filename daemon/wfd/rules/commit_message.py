"""What a snapshot commit says to a reader of `git log`."""

import re

from wfd.domain.assignment import Assignment
from wfd.domain.job import Job
from wfd.rules.clip import one_line

MAX_SUBJECT = 72
_LEAD = re.compile(r"^(?:[#>*+-]+|\d+[.)])\s+")  # of a heading, a quote or a list
_SENTENCE_END = re.compile(r"[.!?](?=\s+[^\sa-z])|[.!?:]*$")
_BEST_CUT = 40  # so much of a subject is kept, even if no word ends there


def commit_message(job: Job, assignment: Assignment) -> str:
    """A subject of what was asked, and a body that says for which goal and as which job."""
    subject = subject_of(job.context, job.type) or subject_of(assignment.north_star, job.type)
    goal = one_line(assignment.north_star, MAX_SUBJECT)
    return f"{subject or job.type}\n\nGoal A{assignment.id}: {goal}\nJob J{job.id} ({job.type})"


def subject_of(text: str, job_type: str) -> str:
    """The first sentence of a text on one line, at most 72 characters; "" if it has none."""
    line = next(filter(None, map(_plain, text.splitlines())), "")
    kind, _, rest = line.partition(":")
    if kind.strip().casefold() == job_type.casefold() and rest.strip():
        line = rest.strip()
    end = _SENTENCE_END.search(line)
    sentence = line[: end.start()] if end else line
    return _cut(_capital(sentence.strip()))


def _plain(line: str) -> str:
    """Without its lead, and with what cannot be printed gone."""
    words = " ".join("".join(c if c.isprintable() else " " for c in line).split())
    return _LEAD.sub("", words).strip(" *_`#")


def _capital(sentence: str) -> str:
    """With a capital, unless it begins with a name such as hello.py or iOS."""
    first = sentence.split(" ", 1)[0]
    is_word = first.isalpha() and first.islower()
    return sentence[:1].upper() + sentence[1:] if is_word else sentence


def _cut(sentence: str) -> str:
    if len(sentence) <= MAX_SUBJECT:
        return sentence
    short = sentence[: MAX_SUBJECT - 1]
    at = short.rfind(" ") if sentence[MAX_SUBJECT - 1] != " " else len(short)
    return (short[:at] if at >= _BEST_CUT else short).rstrip(" ,;:-") + "…"
