"""The list of what the daemon saw of a job."""

from collections.abc import Sequence

from wfd.domain.evidence import Evidence
from wfd.edge.evidence_words import result_of
from wfd.edge.table import Cell, Column, cell, print_table
from wfd.edge.words import duration

NO_EVIDENCE = "no evidence yet: the daemon collects it when a run of this job has ended."


def print_evidence(evidence: Sequence[Evidence]) -> None:
    columns = [
        Column("RUN"),
        Column("KIND"),
        Column("NAME"),
        Column("RESULT", can_wrap=True),
        Column("TOOK"),
        Column("TREE"),
        Column("FILE", can_wrap=True),
    ]
    print_table(columns, [_evidence_row(one) for one in evidence], empty=NO_EVIDENCE)


def _evidence_row(one: Evidence) -> list[Cell]:
    return [
        cell(f"R{one.run_id}"),
        cell(one.kind),
        cell(one.name),
        result_of(one),
        cell("" if one.duration_ms is None else duration(one.duration_ms)),
        cell((one.tree or "")[:12], one.tree or ""),
        cell(one.path),
    ]
