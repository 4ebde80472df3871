"""Gates: what must have happened since the last change.

Each holds for the tree at which it was earned, and for no other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.rules.policy import Gates
from wfd.rules.verdict import findings


@dataclass(frozen=True)
class OpenGate:
    name: str  # checks, review or uat
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def open_gates(
    evidence: Sequence[Evidence],
    *,
    head_tree: str | None,
    base_tree: str | None,
    gates: Gates,
    check_names: Sequence[str],
) -> list[OpenGate]:
    """The gates that forbid `complete` now, each with its reason.

    When nothing differs from the base, the baseline is the evidence on the checks.
    """
    tree = head_tree or base_tree
    is_open = []
    reds = list(_unproved(evidence, tree, base_tree, gates, check_names))
    if reds:
        is_open.append(OpenGate("checks", "; ".join(reds)))
    for name, is_wanted in (("review", gates.review), ("uat", gates.uat)):
        why = _unjudged(newest_verdict(evidence, tree, name), name) if is_wanted else None
        if why:
            is_open.append(OpenGate(name, why))
    return is_open


def newest_check(
    evidence: Iterable[Evidence], tree: str | None, base_tree: str | None, name: str
) -> Evidence | None:
    """What is known of a check at a tree; the base itself has its baseline, too."""
    kinds = (
        {EvidenceKind.CHECK, EvidenceKind.BASELINE} if tree == base_tree else {EvidenceKind.CHECK}
    )
    return _newest(e for e in evidence if e.kind in kinds and _is_at(e, tree, name))


def newest_verdict(evidence: Iterable[Evidence], tree: str | None, name: str) -> Evidence | None:
    return _newest(e for e in evidence if e.kind is EvidenceKind.VERDICT and _is_at(e, tree, name))


def _unproved(
    evidence: Sequence[Evidence],
    tree: str | None,
    base_tree: str | None,
    gates: Gates,
    check_names: Sequence[str],
) -> Iterator[str]:
    if gates.checks == "off":
        return
    is_lenient = gates.checks == "no_new_failures"
    if is_lenient and tree == base_tree:
        return  # nothing differs from the base, so no failure is new
    for name in check_names:
        check = newest_check(evidence, tree, base_tree, name)
        if check is None:
            yield f"{name} was not run since the last change"
        elif not check.ok:
            before = newest_check(evidence, base_tree, base_tree, name) if is_lenient else None
            if not is_lenient:
                yield f"{name} is red ({_exit(check)})"
            elif before is None:
                yield f"{name} is red ({_exit(check)}), and there is no baseline to excuse it"
            elif before.ok:
                yield f"{name} is red ({_exit(check)}) and was green at the base"


def _unjudged(verdict: Evidence | None, name: str) -> str | None:
    if verdict is None:
        return f"no {name} with a valid verdict since the last change"
    if verdict.ok:
        return None
    count = len(findings(verdict.tail))
    return f"the last {name} failed with {count} finding{'' if count == 1 else 's'}"


def _is_at(evidence: Evidence, tree: str | None, name: str) -> bool:
    # an unknown tree is not a tree: evidence without one proves nothing
    return tree is not None and evidence.tree == tree and evidence.name == name


def _newest(evidence: Iterable[Evidence]) -> Evidence | None:
    return max(evidence, key=lambda e: e.id, default=None)


def _exit(check: Evidence) -> str:
    return "timed out" if check.exit_code is None else f"exit {check.exit_code}"
