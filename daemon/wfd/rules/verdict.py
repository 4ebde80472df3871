"""A verdict: what a review or a uat says of a tree."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.rules.answer import candidates
from wfd.rules.safe_path import inside

FindingType = Literal[
    "tests_failed", "spec_violation", "style", "security", "docs", "incomplete", "other"
]
FINDING_TYPES: tuple[FindingType, ...] = get_args(FindingType)


def _known_type(value: object) -> object:
    return value if value in FINDING_TYPES else "other"


def _line(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _file(value: object, info: ValidationInfo) -> str | None:
    return inside(value, info.context)


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Finding(BaseModel):
    # A finding that is told a little wrong is still a finding: only `detail` is a must.
    model_config = ConfigDict(frozen=True)

    type: Annotated[FindingType, BeforeValidator(_known_type)] = "other"
    file: Annotated[str | None, BeforeValidator(_file)] = None
    line: Annotated[int | None, BeforeValidator(_line)] = None
    detail: str


class Verdict(BaseModel):
    model_config = ConfigDict(frozen=True)

    verdict: Annotated[Literal["pass", "fail"], BeforeValidator(_lower)]
    findings: tuple[Finding, ...] = ()
    summary: str = ""

    @property
    def is_pass(self) -> bool:
        return self.verdict == "pass"


# All keys required and none besides: the strict form that OpenAI's structured output asks for.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["pass", "fail"]},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "enum": list(FINDING_TYPES)},
                    "file": {"type": ["string", "null"]},
                    "line": {"type": ["integer", "null"]},
                    "detail": {"type": "string"},
                },
                "required": ["type", "file", "line", "detail"],
                "additionalProperties": False,
            },
        },
        "summary": {"type": "string"},
    },
    "required": ["verdict", "findings", "summary"],
    "additionalProperties": False,
}

_FINDINGS = TypeAdapter(tuple[Finding, ...])


def read(structured: object | None, text: str, root: Path | None = None) -> Verdict | None:
    """The verdict in an answer; None when it holds no valid one, which is not a pass.

    `root` is the workspace that the agent has seen.
    """
    seen = None if root is None else str(root)
    for candidate in candidates(structured, text):
        try:
            return Verdict.model_validate(candidate, context=seen)
        except ValidationError:
            continue
    return None


def evidence(verdict: Verdict, *, name: str, tree: str, commit_id: str | None) -> NewEvidence:
    """A verdict as evidence for the tree that was looked at; `name` is the job's type."""
    found = [finding.model_dump() for finding in verdict.findings]
    return NewEvidence(
        kind=EvidenceKind.VERDICT,
        name=name,
        ok=verdict.is_pass,
        tree=tree,
        commit_id=commit_id,
        tail=json.dumps(found, ensure_ascii=False),
    )


def findings(tail: str) -> Sequence[Finding]:
    """The findings that a verdict's evidence keeps in its tail."""
    try:
        return _FINDINGS.validate_json(tail)
    except ValidationError:
        return ()
