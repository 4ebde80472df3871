"""What a piece of evidence says, in a few words."""

import json
from typing import assert_never

from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.edge.table import Cell
from wfd.edge.words import one_line
from wfd.rules.cannot_run import cannot_run, what_is_missing


def result_of(one: Evidence) -> Cell:
    """'ok', 'exit 1', 'pass', 'fail: …', '3 files changed'; green or red."""
    match one.kind:
        case EvidenceKind.DIFF:
            return Cell(_stat(one.tail), _stat(one.tail))
        case EvidenceKind.LEFT_OUT:
            words = one_line("; ".join(one.tail.splitlines()).replace("; (", " ("))
            return Cell(words, words, "yellow")
        case EvidenceKind.FAULT:
            words = one_line(one.tail)
        case EvidenceKind.VERDICT:
            words = "pass" if one.ok else "fail"
        case EvidenceKind.SETUP | EvidenceKind.BASELINE | EvidenceKind.CHECK:
            words = "ok" if one.ok else _failure(one)
        case _:
            assert_never(one.kind)
    return Cell(words, words, "green" if one.ok else "red")


def findings_of(verdict: Evidence) -> list[str]:
    """The findings of a verdict, one line each: 'security src/a.py:3 …'."""
    try:
        parsed = json.loads(verdict.tail or "[]")
    except (ValueError, RecursionError):
        return [one_line(verdict.tail)] if verdict.tail else []
    if isinstance(parsed, dict):
        parsed = parsed.get("findings", [])
    if not isinstance(parsed, list):
        return []
    return [_finding(one) for one in parsed if isinstance(one, dict)]


def _finding(one: dict[str, object]) -> str:
    where = str(one.get("file") or "")
    if where and one.get("line") is not None:
        where = f"{where}:{one['line']}"
    parts = [str(one.get("type") or ""), where, str(one.get("detail") or "")]
    return one_line(" ".join(part for part in parts if part))


def _stat(stat: str) -> str:
    """The last line of git's --stat is its sum."""
    rows = stat.strip().split("\n")
    return one_line(rows[-1]) or "nothing changed"


def _failure(one: Evidence) -> str:
    if one.exit_code is None:
        return "no exit code: ended at its limit of time or output, or not started"
    if not cannot_run(one.exit_code, one.tail):
        return f"exit {one.exit_code}"
    missing = what_is_missing(one.tail)
    return f"exit {one.exit_code}: {one_line(missing or 'a program', 60)} is missing"
