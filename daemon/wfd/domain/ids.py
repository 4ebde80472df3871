"""Ids that people can type: A7, J42, R101, Q5, with or without the letter."""

from typing import NewType

from wfd.domain.errors import BadInput

NamespaceId = NewType("NamespaceId", int)
AssignmentId = NewType("AssignmentId", int)
JobId = NewType("JobId", int)
RunId = NewType("RunId", int)
QuestionId = NewType("QuestionId", int)


def _parse(text: str, letter: str, noun: str) -> int:
    digits = text[1:] if text[:1].upper() == letter else text
    # isascii, because int() also takes digits that nobody can type back
    if not (digits.isascii() and digits.isdigit()) or not 0 < int(digits) < 2**63:
        raise BadInput(f"'{text}' is not the id of {noun}; it looks like {letter}7 or 7")
    return int(digits)


def assignment_id(text: str) -> AssignmentId:
    return AssignmentId(_parse(text, "A", "an assignment"))


def job_id(text: str) -> JobId:
    return JobId(_parse(text, "J", "a job"))


def run_id(text: str) -> RunId:
    return RunId(_parse(text, "R", "a run"))


def question_id(text: str) -> QuestionId:
    return QuestionId(_parse(text, "Q", "a question"))
