"""Loops that turn without moving: progress is a new tree or a new finding, not activity."""

from collections.abc import Iterable, Sequence

from wfd.domain.decision import Decision
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import By
from wfd.rules.verdict import Finding, findings

SAME_PLACES = 3  # so often may a verdict complain of the same places, in whatever words


def stuck(evidence: Iterable[Evidence], decisions: Iterable[Decision], most: int) -> str | None:
    """Why another turn would not help: the newest verdict repeats a finding of an earlier tree,
    in its words or for the third time in its places, or is the last of the `most` that may fail.

    A person's decision after that verdict begins a new count.
    """
    fails = _fails_since_a_person_spoke(evidence, decisions)
    if not fails:
        return None
    last = fails[-1]
    if len(fails) >= most:
        return (
            f"{len(fails)} verdicts have failed it since a person last decided; the cap is {most}"
        )
    places = _places(last)
    if places and sum(f.name == last.name and _places(f) == places for f in fails) >= SAME_PLACES:
        return f"{last.name} has complained of the same places {SAME_PLACES} times"
    for earlier in fails[:-1]:
        if earlier.name == last.name and earlier.tree != last.tree:
            again = _common(findings(earlier.tail), findings(last.tail))
            if again:
                # not the finding's own words: this sentence is not quoted where it is shown
                return f"{last.name} has found the same twice ({again.type})"
    return None


def failed_here(verdicts: Iterable[Evidence], decisions: Iterable[Decision]) -> tuple[str, ...]:
    """Of the verdicts on one tree, those that failed it: asking again is no fix.

    Unless a person has spoken since, who may well doubt the verdict.
    """
    spoken = _spoken(decisions)
    return tuple(v.name for v in verdicts if not v.ok and v.created_at > spoken)


def _fails_since_a_person_spoke(
    evidence: Iterable[Evidence], decisions: Iterable[Decision]
) -> list[Evidence]:
    spoken = _spoken(decisions)
    verdicts = [e for e in evidence if e.kind is EvidenceKind.VERDICT and e.created_at > spoken]
    verdicts.sort(key=lambda e: e.id)
    return [] if not verdicts or verdicts[-1].ok else [v for v in verdicts if not v.ok]


def _spoken(decisions: Iterable[Decision]) -> int:
    """When a person last decided something here; before all time if nobody did."""
    return max((d.created_at for d in decisions if d.by is By.PERSON), default=-1)


def _common(one: Sequence[Finding], other: Sequence[Finding]) -> Finding | None:
    known = {_key(finding) for finding in one}
    return next((finding for finding in other if _key(finding) in known), None)


def _places(verdict: Evidence) -> frozenset[tuple[str, str]]:
    """What kind of thing it found in which file: words may differ, and yet nothing moves."""
    return frozenset((f.type, f.file) for f in findings(verdict.tail) if f.file is not None)


def _key(finding: Finding) -> tuple[str, str | None, tuple[str, ...]]:
    # without the line, which moves with every edit above it
    return finding.type, finding.file, tuple(finding.detail.lower().split())
